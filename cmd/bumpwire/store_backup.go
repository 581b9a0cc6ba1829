package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/mongostore"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

// backedUp is what store backup answers.
type backedUp struct {
	Store       string          `json:"store"`
	File        string          `json:"file"`
	Moment      bool            `json:"one_moment"` // all documents are as they were at one moment
	Collections []store.Content `json:"collections"`
}

func newStoreBackup(c *cli) *cobra.Command {
	var flags storeFlags
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write the store to a file while brokers work on it",
		Long: `Write all documents, as they are at one moment, to a new SQLite file, whatever
back end the store is on. Brokers may go on working.

The file is a store: "serve --store sqlite:FILE" works on it, and "store migrate
sqlite:FILE mongodb://…" makes it one on MongoDB. Packages and the key are not in the
store: keep DATA/packages and DATA/key with it.`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := flags.config(c)
			if err != nil {
				return err
			}
			return c.backup(cmd.Context(), cfg, args[0])
		},
	}
	flags.add(cmd)
	return cmd
}

func (c *cli) backup(ctx context.Context, cfg config, path string) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Conflict, "%s exists already", path)
	}
	from, _, err := openExisting(ctx, cfg)
	if err != nil {
		return err
	}
	defer from.Close()
	partial := path + ".partial"
	defer func() {
		for _, f := range []string{partial, partial + "-wal", partial + "-shm", partial + "-traffic"} {
			if remove := os.Remove(f); !errors.Is(remove, os.ErrNotExist) {
				err = errors.Join(err, remove)
			}
		}
	}()
	answer := backedUp{Store: cfg.Store.name(), File: path}
	if answer.Moment, answer.Collections, err = c.backupTo(ctx, from, partial); err != nil {
		return err
	}
	if err := settle(partial, path); err != nil {
		return err
	}
	t := table{head: []string{"COLLECTION", "DOCUMENTS", "SHA-256"}}
	for _, content := range answer.Collections {
		t.add(content.Collection, content.Documents, content.Digest)
	}
	if !answer.Moment {
		c.note("the documents are whole, but not all of one moment: this MongoDB server gives no snapshots and brokers kept writing")
	}
	return c.print(answer, t)
}

// backupTo writes a store's documents to a file that is not yet known by its name.
func (c *cli) backupTo(ctx context.Context, from store.Archive, partial string) (moment bool, contents []store.Content, err error) {
	if err := os.Remove(partial); err != nil && !errors.Is(err, os.ErrNotExist) { // of a backup that was killed
		return false, nil, fault.New(fault.Unavailable, "cannot write the backup: %w", err)
	}
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false, nil, fault.New(fault.Unavailable, "cannot write the backup: %w", err)
	}
	f.Close()
	if sqlite, ok := from.(*sqlitestore.Driver); ok {
		if err := sqlite.Backup(ctx, partial); err != nil {
			return false, nil, err
		}
	}
	to, err := sqlitestore.Open(ctx, partial)
	if err != nil {
		return false, nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	moment = true
	if mongo, ok := from.(*mongostore.Driver); ok {
		if moment, err = backupMongo(ctx, mongo, to, c.copying()); err != nil {
			return false, nil, err
		}
	}
	contents, err = store.Strip(ctx, to)
	return moment, contents, err
}

// backupMongo copies a database, as a snapshot where the servers can do that.
// Otherwise it is copied until a round finds nothing new to copy.
func backupMongo(ctx context.Context, from *mongostore.Driver, to store.Archive, tell store.Progress) (moment bool, err error) {
	const rounds = 10
	frozen, thaw, err := from.Snapshot(ctx)
	if err != nil {
		return false, err
	}
	if frozen != nil {
		defer thaw()
		_, err := store.Mirror(ctx, frozen, to, tell)
		return err == nil, err
	}
	for range rounds {
		written, err := store.Mirror(ctx, from, to, tell)
		if err != nil || written == 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// settle has a file on disk and then under its name.
func settle(partial, path string) error {
	for _, step := range []func() error{
		func() error { return syncFile(partial) },
		func() error { return os.Link(partial, path) }, // unlike a rename, never over another file
		func() error { return syncFile(filepath.Dir(path)) },
	} {
		if err := step(); err != nil {
			return fault.New(fault.Unavailable, "cannot write the backup: %w", err)
		}
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) { // a folder on a file system that cannot
		err = nil
	}
	return errors.Join(err, f.Close())
}
