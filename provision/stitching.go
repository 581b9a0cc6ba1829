package provision

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// chooser finds a place in a chain for an instance's next stitches.
type chooser struct {
	tenant   topology.TenantID
	there    string             // says the region, where it is not the first
	networks []topology.Network // the tenant's own
	gated    map[topology.NetworkID]bool
	taken    []topology.Stitch   // the instance's, in place or on their way
	own      neighbour           // the instance
	others   []neighbour         // the tenant's other instances
	legs     []catalog.Insertion // what the package says of them, of both while one takes another's place
	redirect bool                // needs no pair of its own for each network
}

func (s *Service) chooser(ctx context.Context, i Instance) (*chooser, error) {
	have, err := s.Fabric(ctx, i.place())
	if err != nil {
		return nil, err
	}
	c := &chooser{tenant: i.Tenant, there: i.place().there(), gated: map[topology.NetworkID]bool{}, taken: i.claimed(), own: i.neighbour(), legs: []catalog.Insertion{i.Insertion}, redirect: i.Mode == topology.Redirected}
	if i.Update != nil { // a place that lasts
		c.redirect = c.redirect && i.Update.Will.Mode == topology.Redirected
		c.legs = append(c.legs, i.Update.Will.Insertion)
	}
	for _, n := range have.Networks {
		if n.Role == topology.RoleTenant {
			c.networks = append(c.networks, n)
		}
	}
	for _, g := range have.Gateways {
		for _, p := range g.Plugs {
			c.gated[p.Home] = true
		}
	}
	for other, err := range s.living(ctx, i.place()) {
		if err != nil {
			return nil, err
		}
		if other.ID != i.ID {
			c.others = append(c.others, other.neighbour())
		}
	}
	return c, nil
}

// stitch takes a free pair of legs for a network and the place in its chain that
// was asked for. Where flows are redirected it has both only for the day on which
// the service stands in path.
func (c *chooser) stitch(network, side string, at Position) (topology.Stitch, error) {
	id, err := c.network(network)
	if err != nil {
		return topology.Stitch{}, err
	}
	for _, t := range c.taken {
		if t.Network == id {
			return t, fault.New(fault.Invalid, "network %q already passes through instance %q", network, c.own.name)
		}
	}
	st, err := c.place(topology.Stitch{Network: id, Side: side}, at)
	if err != nil {
		return st, err
	}
	if c.room(side) {
		st.Pair, _ = c.free(side)
		c.taken = append(c.taken, st)
		return st, nil
	}
	return st, fault.New(fault.Invalid, "instance %q has no free pair of inside and outside legs for network %q: its package has %d", c.own.name, network, len(c.pairs(side)))
}

// pairs are those of the legs on a side.
func (c *chooser) pairs(side string) []int {
	list := pairs(c.legs[0].LegsOf(side))
	for _, in := range c.legs[1:] {
		list = slices.DeleteFunc(list, func(p int) bool { return !slices.Contains(pairs(in.LegsOf(side)), p) })
	}
	return list
}

// free is a pair of legs on a side that carries no network.
func (c *chooser) free(side string) (pair int, ok bool) {
	for _, p := range c.pairs(side) {
		if !slices.ContainsFunc(c.taken, func(t topology.Stitch) bool { return t.Pair == p && t.Side == side }) {
			return p, true
		}
	}
	return 0, false
}

func (c *chooser) network(name string) (topology.NetworkID, error) {
	var found []topology.NetworkID
	for _, n := range c.networks {
		if string(n.ID) == name {
			return n.ID, nil
		}
		if n.Name == name {
			found = append(found, n.ID)
		}
	}
	switch len(found) {
	case 0:
		return "", fault.New(fault.Invalid, "tenant %q has no network %q%s", c.tenant, name, c.there)
	case 1:
		return found[0], nil
	}
	return "", fault.New(fault.Invalid, "tenant %q has %d networks named %q; give the id of the one you mean", c.tenant, len(found), name)
}

// pairs are the numbers of inside legs; each can carry a network.
func pairs(legs []catalog.Leg) []int {
	var list []int
	for _, l := range legs {
		if l.Role == string(topology.Inside) {
			list = append(list, l.Pair)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Fabric is what a tenant has now in a region. Invalid when it has nothing.
func (s *Service) Fabric(ctx context.Context, p Place) (topology.Fabric, error) {
	at, err := s.in(p)
	if err != nil {
		return topology.Fabric{}, err
	}
	have, err := at.Observe(ctx, p.Tenant)
	return observed(p, have, err)
}

// observed explains why a tenant's fabric could not be had.
func observed(p Place, have topology.Fabric, err error) (topology.Fabric, error) {
	switch {
	case errors.Is(err, fault.NotFound):
		return have, fault.New(fault.Invalid, "tenant %q has no networks%s", p.Tenant, p.there())
	case err != nil:
		return have, fmt.Errorf("cannot observe the networks of tenant %q%s: %w", p.Tenant, p.there(), err)
	}
	return have, nil
}

// steps are what leads from what is to what should be while op is carried out.
// Trials stand in for the stored instances of their ids, for previews.
func (s *Service) steps(ctx context.Context, p Place, op work.ChangeID, trials ...Instance) (course, error) {
	have, want, err := s.compose(ctx, p, op, trials...)
	if err != nil {
		return course{}, err
	}
	dead, err := s.leftAlone(ctx, p, have, op)
	if err != nil {
		return course{}, err
	}
	list, err := topology.Plan(topology.Overlook(have, want, dead), want)
	if err != nil {
		return course{}, fmt.Errorf("cannot plan the fabric of tenant %q: %w", p.Tenant, err)
	}
	return course{have, want, list}, nil
}

// compose is what is and what should be. Invalid when the services cannot be put
// together.
func (s *Service) compose(ctx context.Context, p Place, op work.ChangeID, trials ...Instance) (have, want topology.Fabric, err error) {
	services, err := s.services(ctx, p, op, trials)
	if err != nil {
		return have, want, err
	}
	if have, err = s.observe(ctx, p); err != nil {
		return have, want, err
	}
	if want, err = topology.Compose(topology.Base(have), services); err != nil {
		return have, want, fault.New(fault.Invalid, "%s", err)
	}
	return have, want, nil
}

// observe is what a tenant has now; nothing, where it has nothing yet, which is room
// enough for what is stitched into nothing.
func (s *Service) observe(ctx context.Context, p Place) (topology.Fabric, error) {
	at, err := s.in(p)
	if err != nil {
		return topology.Fabric{}, err
	}
	have, err := at.Observe(ctx, p.Tenant)
	if errors.Is(err, fault.NotFound) {
		return topology.Settle(topology.Fabric{Tenant: p.Tenant}), nil
	}
	return observed(p, have, err)
}

// services are the tenant's instances that should be in place while op is
// carried out.
func (s *Service) services(ctx context.Context, p Place, op work.ChangeID, trials []Instance) ([]topology.Service, error) {
	var list []topology.Service
	add := func(i Instance) {
		if i.wanted(op) {
			list = append(list, i.services(op)...)
		}
	}
	for i, err := range s.look(ctx, p) {
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(trials, func(t Instance) bool { return t.ID == i.ID }) {
			add(*i)
		}
	}
	for _, i := range trials {
		add(i)
	}
	return list, nil
}

// services are the instance on each of its sides, as it is to be while op is carried
// out.
func (i Instance) services(op work.ChangeID) []topology.Service {
	i = i.as(op)
	var list []topology.Service
	for _, side := range i.Insertion.SideNames() {
		list = append(list, i.service(side, op))
	}
	return list
}

func (i Instance) service(side string, op work.ChangeID) topology.Service {
	t := topology.Service{
		Instance:   i.ID,
		Side:       side,
		Generation: i.Generation,
		Name:       i.Name,
		Zones:      topology.Zones(i.Insertion.Zones),
		Stitches:   on(side, i.stitches(op)),
		Provider:   i.provided(),
	}
	for _, l := range i.Insertion.LegsOf(side) {
		t.NICs = append(t.NICs, topology.NIC{Role: topology.LegRole(l.Role), Pair: l.Pair})
	}
	i.steer(&t)
	return t
}

// addresses are the management addresses that the members have, by number.
func (i Instance) addresses() []netip.Prefix {
	if !i.Management.IsValid() {
		return nil
	}
	return append([]netip.Prefix{i.Management}, i.Others...)
}

// Appliances are the management addresses of all members, by number; invalid for
// one that has none.
func (i Instance) Appliances() []netip.Prefix {
	list := make([]netip.Prefix, i.members())
	copy(list, i.addresses())
	return list
}

// reserved are all addresses that the instance has, may get or may get back.
func (i Instance) reserved() []netip.Prefix {
	list := i.addresses()
	if i.Update != nil {
		for _, f := range []Form{i.Update.Was, i.Update.Will} {
			i.take(f)
			list = append(list, i.addresses()...)
		}
	}
	return list
}

// member is the instance as its nth appliance sees it.
func (i Instance) member(n int) Instance {
	list := i.addresses()
	i.Management = netip.Prefix{}
	if n < len(list) {
		i.Management = list[n]
	}
	return i
}

func (i *Instance) address(list []netip.Prefix) {
	i.Management, i.Others = netip.Prefix{}, nil
	if len(list) > 0 {
		i.Management = list[0]
	}
	if len(list) > 1 {
		i.Others = list[1:]
	}
}

// managed says whether the appliances on all sides have a management leg.
func managed(in catalog.Insertion) bool {
	return !slices.ContainsFunc(in.SideNames(), func(side string) bool {
		return !slices.ContainsFunc(in.LegsOf(side), func(l catalog.Leg) bool { return l.Role == string(topology.Management) })
	})
}
