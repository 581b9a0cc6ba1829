package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Collect makes up for pushes and removals that were killed: a package whose
// service does not know of it is brought into it; a draft without a package goes,
// and so do names without a service and bytes that no package refers to. New does
// it; it is harmless at any time. What fails of it does not keep the rest from
// being done.
//
// A store without any package beside a folder with bytes is more likely another
// store than the folder's own: the bytes are left and that is logged.
func (c *Catalog) Collect(ctx context.Context) error {
	return c.locked(ctx, func(ctx context.Context) error {
		swept := c.blobs.Sweep(ctx)
		latest, err := c.latestOfAll(ctx)
		if err != nil {
			return errors.Join(swept, err)
		}
		err = errors.Join(swept, c.bringAll(ctx, latest), c.releaseAll(ctx))
		digests, listing := c.blobs.All(ctx)
		if len(latest) > 0 {
			return errors.Join(err, listing, c.drop(ctx, digests))
		}
		if len(digests) > 0 {
			c.log.Warn("the store knows of no package, so the stored files are left alone", "where", c.blobs.String(), "files", len(digests))
		}
		return errors.Join(err, listing)
	})
}

// latestOfAll is the newest package of each service that has one.
func (c *Catalog) latestOfAll(ctx context.Context) (map[ServiceID]Package, error) {
	latest := map[ServiceID]Package{}
	for p, err := range c.packages.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		if id := serviceID(p.Vendor, p.Name); latest[id].ID == "" || p.Pushed.After(latest[id].Pushed) {
			latest[id] = p
		}
	}
	return latest, nil
}

// bringAll makes each service agree with its packages.
func (c *Catalog) bringAll(ctx context.Context, latest map[ServiceID]Package) error {
	var failed []error
	for id, p := range latest {
		if _, err := c.bring(ctx, id, p); err != nil {
			failed = append(failed, fmt.Errorf("package %q: %w", p.ID, err))
		}
	}
	services, err := c.Services(ctx)
	for _, s := range services {
		if _, served := latest[s.ID]; served {
			continue
		}
		if _, err := c.abandon(ctx, s.ID); err != nil {
			failed = append(failed, fmt.Errorf("service %q: %w", s.Name, err))
		}
	}
	return errors.Join(append(failed, err)...)
}

// releaseAll gives back the names of services that are gone.
func (c *Catalog) releaseAll(ctx context.Context) error {
	services, err := c.Services(ctx)
	if err != nil {
		return err
	}
	owners := map[ServiceID]bool{}
	for _, s := range services {
		owners[s.ID] = true
	}
	var free []string
	for claim, err := range c.names.All(ctx, "", "") {
		if err != nil {
			return err
		}
		if !owners[claim.Service] {
			free = append(free, claim.Name)
		}
	}
	for _, name := range free {
		err = errors.Join(err, c.names.Delete(ctx, name))
	}
	return err
}

// drop removes those bytes that no package refers to. Its caller holds the lock.
func (c *Catalog) drop(ctx context.Context, digests []string) error {
	used := map[string]bool{}
	for p, err := range c.packages.All(ctx, "", "") {
		if err != nil {
			return err
		}
		for _, f := range p.Files {
			used[f.Digest] = true
		}
	}
	unused := slices.DeleteFunc(slices.Clone(digests), func(digest string) bool { return used[digest] })
	return c.blobs.Remove(ctx, unused)
}

func (p Package) digests() []string {
	var digests []string
	for _, f := range p.Files {
		digests = append(digests, f.Digest)
	}
	return digests
}
