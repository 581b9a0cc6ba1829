package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/work"
)

// secondLook is how long after the first look what was found is looked at again: a
// broker at work may have been between two writes.
const secondLook = 2 * time.Second

func newStoreCheck(c *cli) *cobra.Command {
	var flags storeFlags
	cmd := &cobra.Command{
		Use: "check", Short: "Find contradictions in the store",
		Long: `Read all documents and print what contradicts itself or something else: documents
that cannot be read or are not found by what they are indexed by, gaps in histories,
instances and the catalog, the changes, the quotas and the bills, packages without
their bytes. Nothing is altered.

Brokers may work on the store meanwhile. Exits 1 when something is found.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := flags.config(c)
			if err != nil {
				return err
			}
			return c.check(cmd.Context(), cfg)
		},
	}
	flags.add(cmd)
	return cmd
}

func (c *cli) check(ctx context.Context, cfg config) error {
	driver, s, err := openExisting(ctx, cfg)
	if err != nil {
		return err
	}
	defer driver.Close()
	found, err := twice(ctx, func() (store.Findings, error) { return findings(ctx, driver, s, cfg) })
	if err != nil {
		return err
	}
	t := table{head: []string{"COLLECTION", "DOCUMENT", "WHAT"}}
	for _, f := range found {
		t.add(f.Collection, f.ID, f.Message)
	}
	if len(found) == 0 {
		t = facts("store", cfg.Store.name(), "found", "no contradictions")
	}
	if err := c.print(orEmpty(found), t); err != nil || len(found) == 0 {
		return err
	}
	return told{fault.Internal}
}

// twice is what is found both times; when nothing is the first time, that.
func twice(ctx context.Context, look func() (store.Findings, error)) (store.Findings, error) {
	first, err := look()
	if err != nil || len(first) == 0 {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(secondLook):
	}
	second, err := look()
	return slices.DeleteFunc(second, func(f store.Finding) bool { return !slices.Contains(first, f) }), err
}

// findings is what every part of the program finds about its own documents.
func findings(ctx context.Context, d store.Driver, s *store.Store, cfg config) (found store.Findings, err error) {
	if low, ok := d.(store.Checker); ok {
		if err := low.Check(ctx, &found); err != nil {
			return nil, err
		}
	}
	blobs, err := storedBlobs(ctx, cfg)
	if err != nil {
		return nil, err
	}
	offers, err := catalog.Check(ctx, s, blobs, &found)
	if err != nil {
		return nil, err
	}
	if err := work.Check(ctx, s, &found); err != nil {
		return nil, err
	}
	billed, err := metering.Check(ctx, s, &found)
	if err != nil {
		return nil, err
	}
	if err := provision.Check(ctx, s, offers, &found, billed.See); err != nil {
		return nil, err
	}
	billed.Missing(&found)
	return found, nil
}
