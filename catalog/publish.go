package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Publish puts a service into the OSB catalog, with the vendor's corrections to
// what the package says or left to be inferred; nil for none. Corrections add up over
// publishings; each field that is set goes before what the package says, legs by
// NIC. The newest version of the package takes effect. It is Invalid, with a
// detail for each, while a needed fact is missing.
func (c *Catalog) Publish(ctx context.Context, id ServiceID, corrections *Insertion) (s Service, err error) {
	// Under the lock the package cannot be removed before the service offers it.
	err = c.locked(ctx, func(ctx context.Context) error {
		s, err = c.publish(ctx, id, corrections)
		return err
	})
	return s, err
}

func (c *Catalog) publish(ctx context.Context, id ServiceID, corrections *Insertion) (Service, error) {
	s, err := c.Service(ctx, id)
	if err != nil {
		return s, err
	}
	latest, err := c.latest(ctx, s.Vendor, s.ID)
	if errors.Is(err, fault.NotFound) {
		return s, fault.New(fault.Conflict, "the package of service %q was removed; push it again", s.Name)
	}
	if err != nil {
		return s, err
	}
	pkg, err := c.Descriptor(ctx, latest.ID)
	if err != nil {
		return s, err
	}
	return c.services.Update(ctx, string(id), func(old Service) (Service, error) {
		next, err := offering(old, latest, pkg, corrections)
		if err != nil {
			return old, err
		}
		if len(next.Missing) > 0 {
			return old, &fault.Error{Kind: fault.Invalid, Message: fmt.Sprintf("service %q cannot be published: %s", s.Name, next.Missing[0]), Details: next.Missing}
		}
		next.State = Published
		return next, nil
	})
}

// Deprecate marks a service that is on offer: it stays in the catalog, with a
// word of advice.
func (c *Catalog) Deprecate(ctx context.Context, id ServiceID) (Service, error) {
	return c.turn(ctx, id, Deprecated, Published, Deprecated)
}

// Retire takes a service out of the catalog. Its instances live on.
func (c *Catalog) Retire(ctx context.Context, id ServiceID) (Service, error) {
	return c.turn(ctx, id, Retired, Published, Deprecated, Retired)
}

func (c *Catalog) turn(ctx context.Context, id ServiceID, to State, from ...State) (Service, error) {
	return c.update(ctx, id, func(s Service) (Service, error) {
		if !slices.Contains(from, s.State) {
			return s, fault.New(fault.Conflict, "service %q is %s and cannot become %s", s.Name, s.State, to)
		}
		s.State = to
		return s, nil
	})
}

// SetPrice appends a price to a plan. From a zero time on means from now on, or
// from the beginning for a plan that has none. A price may begin neither in the
// past nor before the latest one: what was billed stays explained.
func (c *Catalog) SetPrice(ctx context.Context, id ServiceID, plan PlanID, p Price) (Service, error) {
	if err := p.check(); err != nil {
		return Service{}, err
	}
	return c.update(ctx, id, func(s Service) (Service, error) {
		n := slices.IndexFunc(s.Plans, func(x Plan) bool { return x.ID == plan })
		if n < 0 {
			return s, fault.New(fault.NotFound, "service %q has no plan %q", s.Name, plan)
		}
		prices, err := appended(s.Plans[n].Prices, p, now())
		if err != nil {
			return s, err
		}
		unsaid := noPrice(s.Plans[n])
		s.Missing = slices.DeleteFunc(s.Missing, func(m string) bool { return m == unsaid })
		s.Plans[n].Prices = prices
		return s, nil
	})
}

// update changes a service and says so to whoever has a copy.
func (c *Catalog) update(ctx context.Context, id ServiceID, change func(Service) (Service, error)) (Service, error) {
	if _, err := c.Service(ctx, id); err != nil {
		return Service{}, err
	}
	return c.services.Update(ctx, string(id), func(s Service) (Service, error) {
		s, err := change(s)
		s.Changed = now()
		return s, err
	})
}
