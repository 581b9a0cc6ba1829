package provision

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
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

// merge lays parameters over the form's values, which must suit its package.
func (s *Service) merge(ctx context.Context, i Instance, f *Form, parameters json.RawMessage) error {
	full, err := s.catalog.PlanSchema(ctx, f.Package, f.Configuration, f.Insertion)
	if err != nil {
		return err
	}
	if err := fitting(f.Insertion, i.Name, parameters); err != nil {
		return err
	}
	full, ours := catalog.WithRegions(full, s.regions.Names())
	checked, err := validate(catalog.UpdateSchema(full), parameters)
	if err != nil {
		return err
	}
	if region, named := s.regionOf(checked, ours); named {
		if err := s.stays(i, region); err != nil {
			return err
		}
	}
	given, err := propertyValues(f.Insertion, checked)
	if err != nil {
		return err
	}
	pkg, err := s.catalog.Descriptor(ctx, f.Package)
	if err != nil {
		return err
	}
	next := i
	next.take(*f)
	next.Values, next.Secrets = map[string]string{}, map[string]string{}
	for _, p := range pkg.Properties() {
		if err := s.mergeValue(&next, i, p, given); err != nil {
			return err
		}
	}
	f.Values, f.Secrets = next.Values, next.Secrets
	return missing(full, *f)
}

// mergeValue sets one property to what is given, or else to what it was.
func (s *Service) mergeValue(next *Instance, was Instance, p ovf.Property, given map[string]string) error {
	value, set := given[p.ID]
	before, had := was.Values[p.ID]
	if p.Password {
		secret, err := s.secret(was, p.ID)
		if err != nil {
			return err
		}
		before, had = secret, was.Secrets[p.ID] != ""
	}
	switch {
	case !set && had && p.Check(before) != nil:
		return refuse(false, "parameter %q must be given: version %s does not take its present value", p.ID, next.Package.MaintenanceVersion())
	case p.Password && had && (!set || value == before):
		next.Secrets[p.ID] = was.Secrets[p.ID] // sealed anew it would look like another
	case p.Password:
		return s.setSecret(next, p, value, set)
	case set:
		next.Values[p.ID] = value
	case had:
		next.Values[p.ID] = before
	}
	return nil
}

// missing refuses a form that lacks what a schema requires.
func missing(schema json.RawMessage, f Form) error {
	var s struct {
		Required []string `json:"required"`
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return fmt.Errorf("cannot read the plan's parameter schema: %w", err)
	}
	have := maps.Clone(orEmpty(f.Values))
	maps.Copy(have, f.Secrets)
	absent := slices.DeleteFunc(s.Required, func(id string) bool { _, ok := have[id]; return ok })
	if len(absent) > 0 {
		return refuse(false, "version %s requires %s: give it as a parameter of the update", f.Package.MaintenanceVersion(), strings.Join(absent, ", "))
	}
	return nil
}

// restitch gives the form the networks and places that are asked for. Networks that
// stay keep their place unless a position is given. One for which a service that is to
// be in all of them has no legs left is Cover's to complain of: it stands in the way of
// no other update.
func (s *Service) restitch(ctx context.Context, i Instance, f *Form, r UpdateRequest) error {
	in, err := place(r.Parameters)
	unpaired := f.Mode == topology.InPath && slices.ContainsFunc(f.Stitches, func(st topology.Stitch) bool { return st.Pair == 0 })
	if err != nil || in.Networks == nil && in.Sides == nil && in.Position == (Position{}) && !unpaired && !i.everywhere() {
		return err
	}
	c, err := s.chooser(ctx, i)
	if err != nil {
		return err
	}
	if in, err = c.everywhere(i, in); err != nil {
		return err
	}
	c.legs, c.redirect = []catalog.Insertion{f.Insertion}, f.Mode == topology.Redirected
	sides := in.each(f.Insertion)
	kept, added := make([][]topology.Stitch, len(sides)), make([][]string, len(sides))
	for n, p := range sides { // first what leaves, so that a network may change sides
		if kept[n], added[n], err = c.sorted(p, *f); err != nil {
			return err
		}
	}
	stitches, bound := []topology.Stitch{}, []topology.Stitch(nil)
	for n, p := range sides {
		for len(added[n]) > 0 && i.everywhere() && !r.covers() && !c.roomFor(len(added[n])) {
			added[n] = added[n][:len(added[n])-1]
		}
		next, err := c.restitch(p, kept[n], added[n])
		if err != nil {
			return err
		}
		stitches = append(stitches, next...)
		also, err := c.move(on(p.side, f.Bound), p.Position)
		if err != nil {
			return err
		}
		bound = append(bound, also...)
	}
	if len(stitches) > 0 || f.Stitches != nil {
		f.Stitches = stitches
	}
	f.Bound = bound
	return nil
}

// sorted are the stitches of a side that stay, and the networks that come to it.
func (c *chooser) sorted(p sided, f Form) (kept []topology.Stitch, added []string, err error) {
	mine := on(p.side, f.Stitches)
	kept = slices.Clone(mine)
	if p.Networks != nil {
		if kept, added, err = c.sort(p.Networks, mine); err != nil {
			return nil, nil, err
		}
	}
	if len(kept)+len(added)+len(on(p.side, f.Bound)) == 0 {
		if err := (Insertion{Position: p.Position}).nowhere(); err != nil {
			return nil, nil, err
		}
	}
	c.keep(kept, mine)
	return kept, added, nil
}

// restitch gives a side its places.
func (c *chooser) restitch(p sided, kept []topology.Stitch, added []string) ([]topology.Stitch, error) {
	kept, err := c.move(kept, p.Position)
	if err != nil {
		return nil, err
	}
	for _, name := range added {
		st, err := c.stitch(name, p.side, p.Position)
		if err != nil {
			return nil, err
		}
		kept = append(kept, st)
	}
	return p.matched(kept, c.redirect)
}

// keep gives up the pairs of the stitches that do not stay, and finds pairs for
// those that have none.
func (c *chooser) keep(kept, all []topology.Stitch) {
	c.taken = slices.DeleteFunc(c.taken, func(st topology.Stitch) bool {
		return slices.Contains(all, st) && !slices.Contains(kept, st)
	})
	for n, st := range kept {
		if pair, ok := c.free(st.Side); ok && st.Pair == 0 {
			kept[n].Pair = pair
			c.taken = append(c.taken, kept[n])
		}
	}
}

// move puts stitches where it is asked for, if it is.
func (c *chooser) move(list []topology.Stitch, to Position) ([]topology.Stitch, error) {
	if to == (Position{}) || c.redirect && to.Before == "" && to.After == "" {
		return list, nil
	}
	moved := slices.Clone(list)
	for n, st := range list {
		var err error
		if moved[n], err = c.place(st, to); err != nil {
			return nil, err
		}
	}
	return moved, nil
}

// sort tells the networks that are stitched already from those that are not.
func (c *chooser) sort(networks []string, stitches []topology.Stitch) (kept []topology.Stitch, added []string, err error) {
	wanted := map[topology.NetworkID]bool{}
	for _, name := range networks {
		id, err := c.network(name)
		if err != nil {
			return nil, nil, err
		}
		if wanted[id] {
			return nil, nil, fault.New(fault.Invalid, "network %q is named twice", name)
		}
		wanted[id] = true
		if !slices.ContainsFunc(stitches, func(st topology.Stitch) bool { return st.Network == id }) {
			added = append(added, name)
		}
	}
	for _, st := range stitches {
		if wanted[st.Network] {
			kept = append(kept, st)
		}
	}
	return kept, added, nil
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
