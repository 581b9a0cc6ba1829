package catalog

import (
	"context"
	"errors"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// refresh brings a service up to the newest version of its package that there is:
// a draft is made anew out of it, one that has been published is told of its
// Candidate, a draft without any package goes. What is so already stays.
func (c *Catalog) refresh(ctx context.Context, vendor string, id ServiceID) (Service, error) {
	latest, err := c.latest(ctx, vendor, id)
	if errors.Is(err, fault.NotFound) {
		return c.abandon(ctx, id)
	}
	if err != nil {
		return Service{}, err
	}
	return c.bring(ctx, id, latest)
}

func (c *Catalog) bring(ctx context.Context, id ServiceID, latest Package) (Service, error) {
	s, err := c.services.Get(ctx, string(id))
	if err == nil && s.isUpTo(latest.ID) {
		return s, nil
	}
	if err != nil && !errors.Is(err, fault.NotFound) {
		return s, err
	}
	pkg, err := c.Descriptor(ctx, latest.ID)
	if err != nil {
		return s, err
	}
	name := s.Name // it stays, even when the one that it wanted is free by now
	if name == "" {
		if name, err = c.claim(ctx, serviceName(latest), id); err != nil {
			return s, err
		}
	}
	return c.services.Upsert(ctx, string(id), func(old Service, exists bool) (Service, error) {
		switch {
		case exists && old.isUpTo(latest.ID):
			return old, store.Unchanged
		case exists && old.State != Draft:
			old.Candidate, old.Changed = latest.ID, now()
			if old.Package == latest.ID {
				old.Candidate = ""
			}
			return old, nil
		}
		old.Name, old.State = name, Draft
		return offering(old, latest, pkg, nil)
	})
}

func (s Service) isUpTo(latest PackageID) bool {
	return s.Package == latest && s.Candidate == "" || s.State != Draft && s.Package != latest && s.Candidate == latest
}

// latest is the version of a service's package that was pushed last.
func (c *Catalog) latest(ctx context.Context, vendor string, id ServiceID) (latest Package, err error) {
	for p, err := range c.packages.All(ctx, "vendor", vendor) {
		if err != nil {
			return latest, err
		}
		if serviceID(p.Vendor, p.Name) == id && (latest.ID == "" || p.Pushed.After(latest.Pushed)) {
			latest = p
		}
	}
	if latest.ID == "" {
		return latest, fault.New(fault.NotFound, "service %q has no package", id)
	}
	return latest, nil
}

// abandon removes a draft whose package is gone; another service stays for its
// instances' sake, and no newer version waits.
func (c *Catalog) abandon(ctx context.Context, id ServiceID) (Service, error) {
	s, err := c.services.Get(ctx, string(id))
	if errors.Is(err, fault.NotFound) {
		return s, nil
	}
	if err != nil || s.State != Draft && s.Candidate == "" {
		return s, err
	}
	if s.State != Draft {
		return c.update(ctx, id, func(s Service) (Service, error) {
			s.Candidate = ""
			return s, nil
		})
	}
	if err := c.services.Delete(ctx, string(id)); err != nil {
		return s, err
	}
	return s, c.release(ctx, s)
}

// Remove deletes a package and the bytes that no other package shares. Conflict
// while a service offers it; a draft goes back to an older version or goes too.
// Instances are the caller's to check: the catalog does not know them.
func (c *Catalog) Remove(ctx context.Context, id PackageID) error {
	p, err := c.Package(ctx, id)
	if err != nil {
		return err
	}
	service := serviceID(p.Vendor, p.Name)
	return c.locked(ctx, func(ctx context.Context) error {
		s, err := c.services.Get(ctx, string(service))
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		if s.Package == id && (s.State == Published || s.State == Deprecated) {
			return fault.New(fault.Conflict, "package %q is what service %q offers", id, s.Name)
		}
		if err := c.packages.Delete(ctx, string(id)); err != nil {
			return err
		}
		if _, err := c.refresh(ctx, p.Vendor, service); err != nil {
			return err
		}
		return c.drop(ctx, p.digests())
	})
}
