package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/mongostore"
)

func newStore(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use: "store", Short: "Check, back up and move the store",
		Long: `Check, back up and move the store. These commands open the store themselves and
need no broker: on the machine of the broker, with its configuration.`,
	}
	return group(cmd, newStoreCheck(c), newStoreBackup(c), newStoreMigrate(c))
}

// storeFlags name a store as those of serve do.
type storeFlags struct{ file, data, store string }

func (f *storeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.file, "config", "", "configuration file, YAML")
	flags.StringVar(&f.data, "data", "", "data folder (bumpwire-data)")
	flags.StringVar(&f.store, "store", "", "the store: sqlite:PATH or mongodb://HOST,HOST/DATABASE (sqlite:DATA/bumpwire.db)")
}

func (f *storeFlags) config(c *cli) (config, error) {
	cfg, err := readConfig(f.file, c.env)
	if err != nil {
		return cfg, err
	}
	cfg.Server.Data = cmp.Or(f.data, cfg.Server.Data)
	cfg.Store.URL = cmp.Or(f.store, cfg.Store.URL)
	if cfg.Store.URL == "" {
		cfg.Store.URL = "sqlite:" + cfg.path("bumpwire.db")
	}
	return cfg, cfg.Store.check()
}

// name is the store as people may read it, without user and password.
func (s storeConfig) name() string {
	if s.mongo() {
		return mongostore.Name(s.URL)
	}
	return s.URL
}

// openExisting opens a store that is there: a tool makes none where it is told to
// look into one.
func openExisting(ctx context.Context, c config) (store.Archive, *store.Store, error) {
	if path, ok := strings.CutPrefix(c.Store.URL, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, nil, fault.New(fault.NotFound, "there is no store at %s", path)
		}
	}
	return openArchive(ctx, c)
}

// openArchive opens a back end whose documents can be moved, and the store on it.
func openArchive(ctx context.Context, c config) (store.Archive, *store.Store, error) {
	driver, err := openDriver(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	s, err := store.Open(ctx, driver)
	if err != nil {
		driver.Close()
		return nil, nil, err
	}
	return driver.(store.Archive), s, nil // as every back end is
}

// alone does something while nobody else works on some stores.
func alone(ctx context.Context, name string, stores []*store.Store, do func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	places, ctx := errgroup.WithContext(ctx)
	defer func() {
		stop()
		_ = places.Wait() // leaves them
	}()
	for _, s := range stores {
		place, err := store.Enter(ctx, s, visitorName(name), true)
		if err != nil {
			return err
		}
		places.Go(func() error { return place.Run(ctx) })
	}
	err := do(ctx)
	if ctx.Err() != nil {
		stop()
		return cmp.Or(places.Wait(), err)
	}
	return err
}

// visitorName says to people who works on a store.
func visitorName(what string) string {
	host, _ := os.Hostname() // only for people to read
	return fmt.Sprintf("bumpwire %s (process %d on %s)", what, os.Getpid(), cmp.Or(host, "an unknown machine"))
}

// copying says for people how far a copy is: every collection, and long ones every
// few seconds.
func (c *cli) copying() store.Progress {
	var doing, collection string
	var count int
	said := time.Now()
	return func(d, name string, documents int) {
		if (d != doing || name != collection) && collection != "" || time.Since(said) > 5*time.Second {
			c.note("%s %s: %d documents", doing, collection, count)
			said = time.Now()
		}
		doing, collection, count = d, name, documents
	}
}

// note prints a line beside the answer, for people.
func (c *cli) note(format string, args ...any) {
	if c.output == "text" {
		fmt.Fprintf(c.errs, format+"\n", args...)
	}
}
