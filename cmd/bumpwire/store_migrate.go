package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// moved is what store migrate answers.
type moved struct {
	From        string          `json:"from"`
	To          string          `json:"to"`
	Collections []store.Content `json:"collections"`
}

func newStoreMigrate(c *cli) *cobra.Command {
	var from, to storeConfig
	cmd := &cobra.Command{
		Use: "migrate FROM TO", Short: "Move all documents to a store on another back end",
		Long: `Copy every document of store FROM, as it is, to the empty store TO, and compare
the two document by document. Stores are named sqlite:PATH or
mongodb://HOST,HOST/DATABASE.

No broker may work on either, and none can start meanwhile. FROM is left as it is.
When the command is ended on its way, run it again: it goes on, and until it has
ended no broker starts on TO. Afterwards start the brokers with --store TO, on the
same data folder: packages and the key are not in the store.`,
		Args: exactly("FROM", "TO"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from.URL, to.URL = args[0], args[1]
			return c.migrate(cmd.Context(), from, to)
		},
	}
	f := cmd.Flags()
	f.StringVar(&from.PasswordFile, "from-password-file", "", "file that holds the password of FROM's user")
	f.StringVar(&to.PasswordFile, "to-password-file", "", "file that holds the password of TO's user")
	return cmd
}

func (c *cli) migrate(ctx context.Context, from, to storeConfig) error {
	for _, s := range []storeConfig{from, to} {
		if err := s.check(); err != nil {
			return err
		}
	}
	if from.URL == to.URL {
		return fault.New(fault.Invalid, "FROM and TO are the same store")
	}
	source, sourceStore, err := openExisting(ctx, config{Store: from})
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := openDriver(ctx, config{Store: to}) // empty, or one that was begun
	if err != nil {
		return err
	}
	defer target.Close()
	answer := moved{From: from.name(), To: to.name()}
	tell := c.copying()
	err = alone(ctx, "store migrate", []*store.Store{sourceStore, store.New(target)}, func(ctx context.Context) (err error) {
		answer.Collections, err = store.Migrate(ctx, source, target.(store.Archive), answer.From, tell)
		return err
	})
	if err != nil {
		return err
	}
	t := table{head: []string{"COLLECTION", "DOCUMENTS", "SHA-256"}}
	for _, content := range answer.Collections {
		t.add(content.Collection, content.Documents, content.Digest)
	}
	return c.print(answer, t)
}
