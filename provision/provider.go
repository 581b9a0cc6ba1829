package provision

import (
	"cmp"
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Provider is about an instance that the provider inserts for a tenant: it stands
// outermost, nearest the gateway, and gets all flows of its networks. The tenant
// sees it and can do nothing about it.
type Provider struct {
	// Everywhere says that it stands in every network of the tenant that has a
	// gateway, also in those to come.
	Everywhere bool  `json:"everywhere,omitempty"`
	Bill       Payer `json:"bill"`
}

// Payer says who is billed for an instance. Its usage is metered in any case.
type Payer string

const (
	TenantPays   Payer = "tenant"
	OperatorPays Payer = "operator"
	NobodyPays   Payer = "none"
)

// OperatorAccount is whose usage it is that the operator pays for. No tenant can
// have a name that begins like this.
const OperatorAccount = topology.TenantID(ReservedTenants + "operator")

// ReservedTenants begins the names of accounts that are no tenants.
const ReservedTenants = "@"

// provided says whether the provider manages the instance.
func (i Instance) provided() bool { return i.Provider != nil }

// everywhere says whether it stands in all networks of its tenant.
func (i Instance) everywhere() bool { return i.provided() && i.Provider.Everywhere }

// check refuses who is to be billed and is nobody.
func (p *Provider) check() error {
	if p == nil || p.Bill == TenantPays || p.Bill == OperatorPays || p.Bill == NobodyPays {
		return nil
	}
	return fault.New(fault.Invalid, "who is billed is one of tenant, operator and none, not %.40q", string(p.Bill))
}

// managedBy refuses a service that is not for whoever would manage the instance.
func (i Instance) managedBy(in catalog.Insertion, name string) error {
	switch {
	case i.provided() && !in.ForProvider():
		return fault.New(fault.Invalid, "service %q cannot be inserted by the provider: its package is managed by %s only", name, catalog.ManagerTenant)
	case !i.provided() && !in.ForTenant():
		return fault.New(fault.Invalid, "service %q cannot be provisioned: its package is managed by the %s only, and an operator inserts it", name, catalog.ManagerProvider)
	}
	return nil
}

// unmatched refuses that only some flows pass a service of the provider's.
func (i Instance) unmatched(match *topology.Classifier) error {
	if i.provided() && match != nil {
		return fault.New(fault.Invalid, "parameters: a service that the provider manages gets all flows; leave match out")
	}
	return nil
}

// everywhere is in with the networks that an instance stands in without being told:
// all that have a gateway, but for those of its bindings.
func (c *chooser) everywhere(i Instance, in Insertion) (Insertion, error) {
	if !i.everywhere() {
		return in, nil
	}
	if i.Insertion.Symmetric() {
		return in, fault.New(fault.Invalid, "instance %q is of a symmetric service, which stands in the networks of its sides; name them", i.Name)
	}
	if in.Networks != nil {
		return in, fault.New(fault.Invalid, "instance %q stands in all networks of tenant %q; do not name any", i.Name, c.tenant)
	}
	in.Networks = []string{}
	bound := i.bound((*Binding).claims)
	for _, n := range c.networks {
		if c.gated[n.ID] && !slices.ContainsFunc(bound, func(st topology.Stitch) bool { return st.Network == n.ID }) {
			in.Networks = append(in.Networks, string(n.ID))
		}
	}
	return in, nil
}

// covers says whether the update is about nothing but networks that have come or gone.
func (r UpdateRequest) covers() bool {
	return r.Plan == "" && len(r.Parameters) == 0 && len(r.Context) == 0 && r.Version == "" && !r.Upgrade
}

// room says whether the instance can stand in one more network on a side.
func (c *chooser) room(side string) bool {
	_, ok := c.free(side)
	return ok || c.redirect
}

// roomFor says whether a single instance can stand in so many more networks.
func (c *chooser) roomFor(n int) bool {
	free := slices.DeleteFunc(c.pairs(""), func(p int) bool {
		return slices.ContainsFunc(c.taken, func(t topology.Stitch) bool { return t.Pair == p })
	})
	return c.redirect || len(free) >= n
}

// Cover has the provider's services that stand in all networks of a tenant put into
// those that have come since, and taken out of those that have gone; Reconcile calls
// it. It gives the updates that it has begun, and goes on after an instance that
// cannot be updated now: the error is the first of those. What is under way already
// is left alone.
func (s *Service) Cover(ctx context.Context, p Place) (begun []work.ChangeID, err error) {
	for i, failed := range s.living(ctx, p) {
		if failed != nil {
			return begun, failed
		}
		if !i.everywhere() || i.State != Active || i.Suspended {
			continue
		}
		out, failed := s.Update(ctx, UpdateRequest{Instance: i.ID, Platform: i.Platform, AcceptsIncomplete: true})
		switch {
		case failed == nil && out.Progress:
			begun = append(begun, out.Operation)
		case failed != nil && fault.KindOf(failed) != fault.Busy:
			err = cmp.Or(err, s.uncovered(ctx, i, failed), failed)
		}
	}
	return begun, err
}

// uncovered enters into the history, once, why an instance does not stand in all
// networks. What is wrong with the cloud or the store at this moment is no part of it.
func (s *Service) uncovered(ctx context.Context, i Instance, why error) error {
	if kind := fault.KindOf(why); kind != fault.Invalid && kind != fault.Conflict {
		return nil
	}
	what := "it does not stand in all networks: " + fault.Message(why)
	_, err := s.instances.Update(ctx, string(i.ID), func(i Instance) (Instance, error) {
		if i.State != Active || i.History[len(i.History)-1].Message == what {
			return i, store.Unchanged
		}
		i.note("", what, "")
		return i, nil
	})
	return err
}
