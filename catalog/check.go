package catalog

import (
	"context"
	"errors"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Index is which packages, services and plans there are, or were.
type Index struct {
	Packages map[PackageID]bool
	Services map[ServiceID]Service
	Agreed   map[PlanID][]Price // prices of contracts
}

// Prices are all of a plan, as those of a Catalog.
func (x Index) Prices(service ServiceID, plan PlanID) []Price {
	p, _ := x.Plan(service, plan)
	return slices.Concat(p.Prices, x.Agreed[plan])
}

// Plan looks up a plan of a service, also one that is no longer offered.
func (x Index) Plan(service ServiceID, plan PlanID) (Plan, bool) {
	s := x.Services[service]
	for _, p := range slices.Concat(s.Plans, s.Former) {
		if p.ID == plan {
			return p, true
		}
	}
	return Plan{}, false
}

// Check finds packages, services and names that contradict each other, and packages
// whose bytes are not among the blobs; nil when those are not to be looked at. It
// alters nothing.
func Check(ctx context.Context, s *store.Store, blobs Blobs, f *store.Findings) (Index, error) {
	c := &Catalog{blobs: blobs}
	c.keepIn(s)
	x := Index{Packages: map[PackageID]bool{}, Services: map[ServiceID]Service{}, Agreed: map[PlanID][]Price{}}
	err := c.packages.Audit(ctx, f, func(id string, p Package) error {
		x.Packages[p.ID] = true
		if id != string(p.ID) {
			f.Add("packages", id, "it is stored as the package %q", p.ID)
		}
		if blobs == nil {
			return nil
		}
		return c.checkFiles(ctx, f, p)
	})
	if err != nil {
		return x, err
	}
	err = c.services.Audit(ctx, f, func(id string, v Service) error {
		x.Services[v.ID] = v
		if id != string(v.ID) {
			f.Add("services", id, "it is stored as the service %q", v.ID)
		}
		for _, p := range []PackageID{v.Package, v.Candidate} {
			if p != "" && !x.Packages[p] {
				f.Add("services", id, "service %q is of the package %q, which does not exist", v.Name, p)
			}
		}
		return c.checkName(ctx, f, v)
	})
	if err != nil {
		return x, err
	}
	err = c.contracts.Audit(ctx, f, func(id string, k Contract) error {
		x.Agreed[k.Plan] = append(x.Agreed[k.Plan], k.Prices...)
		if _, known := x.Plan(k.Service, k.Plan); !known {
			f.Add("contracts", id, "it is about plan %q of service %q, which does not exist", k.Plan, k.Service)
		}
		if id != k.id() {
			f.Add("contracts", id, "it is stored as a contract of another tenant or plan")
		}
		return nil
	})
	return x, err
}

func (c *Catalog) checkFiles(ctx context.Context, f *store.Findings, p Package) error {
	for _, file := range p.Files {
		size, err := c.blobs.Size(ctx, file.Digest)
		switch {
		case errors.Is(err, fault.Invalid):
			f.Add("packages", string(p.ID), "the file %q has no digest that could be one: %s", file.Name, err)
		case errors.Is(err, fault.NotFound):
			f.Add("packages", string(p.ID), "the bytes of its file %q are not among those that are kept", file.Name)
		case err != nil:
			return err
		case size != file.Size:
			f.Add("packages", string(p.ID), "its file %q has %d bytes instead of %d", file.Name, size, file.Size)
		}
	}
	return nil
}

// checkName: a service bears a name that is claimed for it.
func (c *Catalog) checkName(ctx context.Context, f *store.Findings, v Service) error {
	claim, err := c.names.Get(ctx, v.Name)
	switch {
	case errors.Is(err, fault.NotFound):
		f.Add("services", string(v.ID), "its name %q is not kept for it", v.Name)
	case err != nil:
		return err
	case claim.Service != v.ID:
		f.Add("services", string(v.ID), "its name %q is kept for the service %q", v.Name, claim.Service)
	}
	return nil
}
