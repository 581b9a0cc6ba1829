package sim_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Whatever services come, go, and gain or lose networks, no step of any plan
// makes anything unsafe, packets take the way that Path says through the
// services in order of rank, and at the end the tenant has what it had.
func TestRandomRequests(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		x := newTown(t, r, sim.New(sim.Options{}), "a")
		before := x.observe(r)
		r.Repeat(map[string]func(*rapid.T){
			"add a service":    x.add,
			"remove a service": x.remove,
			"stitch":           x.stitch,
			"unstitch":         x.unstitch,
			"replace":          x.replace,
			"":                 x.atRest,
		})
		x.services = nil
		require.True(r, x.converge(r, nil))
		require.Equal(r, before, x.observe(r))
		require.Empty(r, x.c.Violations())
	})
}

// Two tenants whose networks, hosts and services have the very same ids change
// their fabrics in turn. No step of one, at any prefix of any plan, alters what
// the other has, and no packet of one passes what is the other's: each appliance
// is in the traced tenant's own fabric.
func TestNoStepJoinsTwoTenants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		c := sim.New(sim.Options{})
		a, b := newTown(t, r, c, "a"), newTown(t, r, c, "b")
		a.neighbour, b.neighbour = b, a
		before := []topology.Fabric{a.observe(r), b.observe(r)}
		actions := map[string]func(*rapid.T){"": func(r *rapid.T) { a.atRest(r); b.atRest(r) }}
		for name, x := range map[string]*town{"a": a, "b": b} {
			actions[name+" adds"], actions[name+" removes"] = x.add, x.remove
			actions[name+" replaces"] = x.replace
			actions[name+" stitches"], actions[name+" unstitches"] = x.stitch, x.unstitch
		}
		r.Repeat(actions)
		require.True(r, a.converge(r, nil))
		require.True(r, b.converge(r, nil))
		require.Equal(r, before, []topology.Fabric{a.observe(r), b.observe(r)})
	})
}

// town is a tenant with some networks and services, on a cloud where another one
// may live too.
type town struct {
	t         *testing.T
	c         *sim.Cloud
	tenant    topology.TenantID
	neighbour *town // nil: none

	networks []topology.NetworkID
	services []topology.Service
	named    int
}

func newTown(t *testing.T, r *rapid.T, c *sim.Cloud, tenant topology.TenantID) *town {
	x := &town{t: t, c: c, tenant: tenant}
	for i := range rapid.IntRange(1, 4).Draw(r, "networks") {
		n := topology.Network{ID: topology.NetworkID(fmt.Sprintf("n%d", i)), Subnets: []topology.Subnet{{
			CIDR:    netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/24", i)),
			Gateway: netip.MustParseAddr(fmt.Sprintf("10.0.%d.1", i)),
		}}}
		require.NoError(r, x.c.CreateNetwork(t.Context(), tenant, n))
		h := cloud.Host{Name: "h-" + string(n.ID), Network: n.ID, Address: netip.MustParsePrefix(fmt.Sprintf("10.0.%d.9/24", i))}
		require.NoError(r, x.c.CreateHost(t.Context(), tenant, h))
		x.networks = append(x.networks, n.ID)
	}
	return x
}

func (x *town) observe(r *rapid.T) topology.Fabric {
	f, err := x.c.Observe(x.t.Context(), x.tenant)
	require.NoError(r, err)
	return f
}

// try makes the services what the request asks for, unless that is refused.
func (x *town) try(r *rapid.T, services []topology.Service) {
	if x.converge(r, services) {
		x.services = services
	}
}

// converge answers false when the services cannot be composed.
func (x *town) converge(r *rapid.T, services []topology.Service) bool {
	have := x.observe(r)
	want, err := topology.Compose(have, services)
	if err != nil {
		return false
	}
	plan, err := topology.Plan(have, want)
	require.NoError(r, err)
	var theirs topology.Fabric
	if x.neighbour != nil {
		theirs = x.neighbour.observe(r)
	}
	for _, s := range plan {
		if s.Verb == topology.Boot {
			err = x.c.Boot(x.t.Context(), x.tenant, *s.Appliance, server())
		} else {
			err = x.c.Do(x.t.Context(), x.tenant, s)
		}
		require.NoError(r, err, "%s", s)
		require.Empty(r, x.c.Violations())
		if x.neighbour != nil {
			require.Equal(r, theirs, x.neighbour.observe(r), "%s", s)
		}
	}
	require.Equal(r, want, x.observe(r))
	return true
}

func (x *town) add(r *rapid.T) {
	if len(x.services) == 4 {
		r.Skip("enough services")
	}
	x.named++
	name := fmt.Sprintf("s%d", x.named)
	s := topology.Service{Instance: topology.InstanceID(name), Name: name, Zones: topology.Bridged}
	pairs := rapid.IntRange(1, 3).Draw(r, "pairs")
	shared := pairs > 1 && rapid.Bool().Draw(r, "one outside leg for all")
	if shared {
		s.Zones = topology.Isolated
	}
	for p := range pairs {
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: p + 1})
		if p == 0 || !shared {
			s.NICs = append(s.NICs, topology.NIC{Role: topology.Outside, Pair: p + 1})
		}
	}
	if rapid.Bool().Draw(r, "managed") {
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Management})
		s.Management = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 255, byte(x.named >> 8), byte(x.named)}), 16)
	}
	for range rapid.IntRange(0, pairs).Draw(r, "stitches") {
		s.Stitches = append(s.Stitches, x.place(r, s)...)
	}
	x.try(r, append(slices.Clone(x.services), s))
}

// place is a stitch on a free pair into a network that the service is not in;
// none when there is no such.
func (x *town) place(r *rapid.T, s topology.Service) []topology.Stitch {
	n := rapid.SampledFrom(x.networks).Draw(r, "network")
	used := map[int]bool{}
	for _, st := range s.Stitches {
		if st.Network == n {
			return nil
		}
		used[st.Pair] = true
	}
	for _, nic := range s.NICs {
		if nic.Role == topology.Inside && !used[nic.Pair] {
			return []topology.Stitch{{Network: n, Pair: nic.Pair, Rank: rapid.IntRange(-3, 3).Draw(r, "rank")}}
		}
	}
	return nil
}

// pick is one of the services and the list of all, which may be altered.
func (x *town) pick(r *rapid.T) (int, []topology.Service) {
	if len(x.services) == 0 {
		r.Skip("no service")
	}
	all := slices.Clone(x.services)
	i := rapid.IntRange(0, len(all)-1).Draw(r, "service")
	all[i].Stitches = slices.Clone(all[i].Stitches)
	return i, all
}

func (x *town) remove(r *rapid.T) {
	i, all := x.pick(r)
	x.try(r, slices.Delete(all, i, i+1))
}

func (x *town) replace(r *rapid.T) {
	i, all := x.pick(r)
	all[i].Generation++
	x.try(r, all)
}

func (x *town) stitch(r *rapid.T) {
	i, all := x.pick(r)
	all[i].Stitches = append(all[i].Stitches, x.place(r, all[i])...)
	x.try(r, all)
}

func (x *town) unstitch(r *rapid.T) {
	i, all := x.pick(r)
	if len(all[i].Stitches) == 0 {
		r.Skip("no stitch")
	}
	j := rapid.IntRange(0, len(all[i].Stitches)-1).Draw(r, "stitch")
	all[i].Stitches = slices.Delete(all[i].Stitches, j, j+1)
	x.try(r, all)
}

func (x *town) atRest(r *rapid.T) {
	f := x.observe(r)
	for _, n := range x.networks {
		passed, reached, err := x.c.Trace(x.t.Context(), x.tenant, "h-"+string(n))
		require.NoError(r, err)
		require.True(r, reached)
		route, open := topology.Path(f, n)
		require.True(r, open)
		require.Equal(r, route.Appliances(), passed)
		require.Equal(r, x.ranked(n), passed)
	}
}

// ranked are the appliances that a network's packets are to pass.
func (x *town) ranked(n topology.NetworkID) []topology.ApplianceID {
	type place struct {
		rank     int
		instance topology.InstanceID
		id       topology.ApplianceID
	}
	var places []place
	for _, s := range x.services {
		for _, st := range s.Stitches {
			if st.Network == n {
				places = append(places, place{st.Rank, s.Instance, topology.ApplianceOf(s.Instance, s.Generation)})
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return strings.Compare(string(a.instance), string(b.instance))
	})
	var ids []topology.ApplianceID
	for _, p := range places {
		ids = append(ids, p.id)
	}
	return ids
}
