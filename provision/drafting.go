package provision

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// draftUpdate works out what a valid request makes of an instance; nothing is
// stored.
func (s *Service) draftUpdate(ctx context.Context, i Instance, r UpdateRequest) (Update, error) {
	u := Update{Was: i.form(), Will: i.form()}
	if err := updatable(i, r); err != nil {
		return u, err
	}
	service, err := s.catalog.Service(ctx, i.Service)
	if err != nil {
		return u, err
	}
	if err := choose(&u.Will, service, r); err != nil {
		return u, err
	}
	if err := s.checkChoice(ctx, i, u.Will); err != nil {
		return u, err
	}
	if err := s.merge(ctx, i, &u.Will, r.Parameters); err != nil {
		return u, err
	}
	if u.Will.Steering, err = u.Will.steered(u.Was, r.Parameters); err != nil {
		return u, err
	}
	if err := i.unmatched(u.Will.Match); err != nil {
		return u, err
	}
	if err := s.restitch(ctx, i, &u.Will, r); err != nil {
		return u, err
	}
	if err := checkPairs(i, u.Will); err != nil {
		return u, err
	}
	if u.Will.EULAs, err = s.licensed(ctx, i, u.Will, r); err != nil {
		return u, err
	}
	u.Will.Name, u.Will.Context = renamed(i, r.Context)
	if len(r.Parameters) > 0 && (u.Was.machine() != u.Will.machine() || !u.Was.sameNetworks(u.Will)) {
		u.Will.Digest = digest(i.Digest, r.Parameters) // no provision request is like it any more
	}
	err = s.size(ctx, &u)
	u.Will.Size = Size{u.Hold.VCPUs, u.Hold.MemoryBytes}
	return u, err
}

// updatable refuses what does not depend on what is asked for.
func updatable(i Instance, r UpdateRequest) error {
	switch {
	case r.Service != "" && r.Service != i.Service:
		return fault.New(fault.Invalid, "instance %q is of another service", i.ID)
	case i.State == Failed:
		return fault.New(fault.Invalid, "instance %q failed to provision and cannot be updated", i.ID)
	case i.State != Active || i.Update != nil || i.Operation.State == InProgress:
		return errBusy()
	}
	return nil
}

// choose sets the plan and the package that are asked for.
func choose(f *Form, service catalog.Service, r UpdateRequest) error {
	offered := service.State == catalog.Published || service.State == catalog.Deprecated
	if r.Version != "" {
		stale := &StaleVersion{Asked: r.Version}
		if offered {
			stale.Offered = service.Package.MaintenanceVersion()
		}
		if stale.Offered != r.Version {
			return stale
		}
	}
	upgrade, move := r.Upgrade || r.Version != "", r.Plan != "" && r.Plan != f.Plan
	if plan := r.Plan; move {
		n := slices.IndexFunc(service.Plans, func(p catalog.Plan) bool { return p.ID == plan })
		if n < 0 {
			return fault.New(fault.Invalid, "service %q has no such plan", service.Name)
		}
		f.Plan, f.Configuration = plan, service.Plans[n].Configuration
	}
	if !offered && (upgrade || move) {
		return refuse(false, "service %q is %s: its instances keep their plan and version", service.Name, service.State)
	}
	if upgrade {
		f.Package, f.Insertion = service.Package, service.Insertion
	}
	return nil
}

// checkChoice refuses a plan and a package that do not go with each other, or not
// with what the instance is inserted into.
func (s *Service) checkChoice(ctx context.Context, i Instance, f Form) error {
	pkg, err := s.catalog.Descriptor(ctx, f.Package)
	if fault.KindOf(err) == fault.NotFound {
		return refuse(true, "package %q of the instance was removed; update it to the version on offer", f.Package)
	}
	if err != nil {
		return err
	}
	version := f.Package.MaintenanceVersion()
	if _, ok := pkg.Plan(f.Configuration); !ok {
		if f.Package == i.Package {
			return refuse(true, "the instance's version %s has no such plan; update it to the version on offer at the same time", version)
		}
		return refuse(false, "version %s has no plan like the instance's; choose one of its plans at the same time", version)
	}
	if i.managedBy(f.Insertion, "") != nil {
		return refuse(false, "version %s is not for whoever manages the instance", version)
	}
	if !insertable(f.Insertion) {
		return refuse(false, "version %s cannot take the instance's place: it says neither how it stands in path nor how it is redirected to", version)
	}
	if err := sameSides(i.Insertion, f.Insertion, version); err != nil {
		return err
	}
	if n := i.accounts(); n > 0 && !f.Insertion.Rotatable() {
		return refuse(true, "version %s keeps no logins of bindings, and instance %q has %d with one; remove those bindings first", version, i.ID, n)
	}
	return nil
}

// accounts is how many bindings have a login of their own on the appliance.
func (i Instance) accounts() int {
	n := 0
	for _, b := range i.Bindings {
		if b.State != Deleted && b.Account.live() {
			n++
		}
	}
	return n
}

// checkPairs refuses a form that stands in path without the legs that its networks
// and those of the instance's bindings go through.
func checkPairs(i Instance, f Form) error {
	if f.Mode == topology.Redirected {
		return nil
	}
	i.Stitches = f.Stitches
	for _, st := range i.claimed() {
		has := pairs(f.Insertion.LegsOf(st.Side))
		if st.Pair == 0 {
			return refuse(true, "instance %q cannot stand in path of network %q: the other networks have all %d pairs of inside and outside legs; take one out first", i.Name, st.Network, len(has))
		}
		if !slices.Contains(has, st.Pair) {
			return refuse(true, "version %s has no pair of legs %d, through which network %q passes; take that network out first",
				f.Package.MaintenanceVersion(), st.Pair, st.Network)
		}
	}
	return nil
}

// renamed is the instance's name and context after an update's context.
func renamed(i Instance, context json.RawMessage) (string, json.RawMessage) {
	if len(context) == 0 || string(context) == "null" {
		return i.Name, i.Context
	}
	return nameIn(context, i.Name), context
}

// licensed are the acceptances that the form's package rests on.
func (s *Service) licensed(ctx context.Context, i Instance, f Form, r UpdateRequest) ([]Acceptance, error) {
	if f.Package == i.Package {
		return i.EULAs, nil
	}
	p, err := s.catalog.Package(ctx, f.Package)
	if err != nil {
		return nil, err
	}
	return s.acceptances(ctx, i, p.EULAs, r.Platform, r.Origin, r.Parameters)
}
