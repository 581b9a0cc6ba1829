package openstack

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// neighbours are two tenants on one cloud: the one has an optimiser, the other a
// firewall.
func neighbours(t *testing.T) (one, other *site) {
	t.Helper()
	one = newSite(t)
	other = siteOn(t, one.fake, one.d)
	one.converge(one.wo)
	other.converge(other.fw)
	return one, other
}

func (s *site) fabric() topology.Fabric {
	s.t.Helper()
	f, err := s.d.Observe(s.t.Context(), s.tenant)
	require.NoError(s.t, err)
	return f
}

// unharmed checks that what was there is there as it was.
func (s *site) unharmed(before []string, what topology.Step) {
	s.t.Helper()
	after := s.all()
	for _, thing := range before {
		require.True(s.t, slices.Contains(after, thing), "after %s there is no longer %s", what, thing)
	}
}

// A tenant's steps that name another one's network, segment, port, router, appliance
// are refused, or find nothing to do, and change nothing.
func TestStepsThatNameAnothersThings(t *testing.T) {
	t.Parallel()
	one, other := neighbours(t)
	mine, theirs := one.fabric(), other.fabric()
	ours, a := mine.Appliances[0], theirs.Appliances[0]
	gateway, plug := theirs.Gateways[0], theirs.Gateways[0].Plugs[0]
	own := mine.Gateways[0].Plugs[0]
	var steps []topology.Step
	for _, n := range theirs.Networks {
		leg := ours.Legs[0]
		leg.Port, leg.MAC, leg.At = "a-new-one", "", n.ID
		steps = append(steps,
			topology.Step{Verb: topology.DeleteNetwork, Network: &n},
			topology.Step{Verb: topology.CreatePort, Appliance: &ours, Leg: &leg},
			topology.Step{Verb: topology.Move, Gateway: mine.Gateways[0].ID, Port: own.Port, From: own.At, To: n.ID},
			topology.Step{Verb: topology.Move, Appliance: &ours, Leg: &ours.Legs[1], Port: ours.Legs[1].Port, From: ours.Legs[1].At, To: n.ID})
	}
	for _, to := range []topology.NetworkID{plug.Home, own.Home, own.At} {
		steps = append(steps,
			topology.Step{Verb: topology.Move, Gateway: gateway.ID, Port: plug.Port, From: plug.At, To: to},
			topology.Step{Verb: topology.Move, Gateway: mine.Gateways[0].ID, Port: plug.Port, From: plug.At, To: to},
			topology.Step{Verb: topology.Move, Gateway: gateway.ID, Port: own.Port, From: own.At, To: to})
	}
	for _, l := range a.Legs {
		steps = append(steps, topology.Step{Verb: topology.DeletePort, Appliance: &a, Leg: &l},
			topology.Step{Verb: topology.Move, Appliance: &a, Leg: &l, Port: l.Port, From: l.At, To: own.Home})
	}
	steps = append(steps, topology.Step{Verb: topology.Shutdown, Appliance: &a}, topology.Step{Verb: topology.Boot, Appliance: &a},
		topology.Step{Verb: topology.Await, Appliance: &a, Pair: 1})
	before := one.all()
	for _, step := range steps {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			err := one.do(step)
			if !removes(step.Verb) {
				require.Error(t, err)
			}
			require.Equal(t, before, one.all())
		})
	}
	pulse, err := one.d.Probe(t.Context(), one.tenant, a.ID)
	require.NoError(t, err)
	require.Equal(t, cloud.Pulse{}, pulse, "it has no such appliance")
	require.Equal(t, theirs, other.fabric())
}

// Whatever another tenant would do to its own, done by this one it does nothing to it.
func TestAnothersPlansDoItNoHarm(t *testing.T) {
	t.Parallel()
	one, other := neighbours(t)
	before := one.all()
	theirs := other.fabric()
	for _, services := range [][]topology.Service{{}, {other.wo, other.fw}, {other.wo}} {
		for _, step := range other.plan(services...) {
			_ = one.do(step)
			other.unharmed(before, step)
		}
	}
	require.Equal(t, theirs, other.fabric())
}

// What a tenant is shown names nothing of another's.
func TestAFabricIsATenantsOwn(t *testing.T) {
	t.Parallel()
	one, other := neighbours(t)
	mine, theirs := fmt.Sprintf("%+v", one.fabric()), other.fabric()
	for _, n := range theirs.Networks {
		require.NotContains(t, mine, string(n.ID))
	}
	for _, g := range theirs.Gateways {
		require.NotContains(t, mine, string(g.ID))
	}
}

// A real cloud, whose account is an administrator's, leaves the driver to keep tenants
// apart.
func TestALabKeepsTenantsApart(t *testing.T) {
	d := onLab(t)
	b := labBed(t, d, "one", "other")
	fabrics := map[topology.TenantID]topology.Fabric{}
	for n, tenant := range []topology.TenantID{"one", "other"} {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 72, byte(n), 0}), 24)
		require.NoError(t, b.CreateNetwork(t.Context(), tenant, topology.Network{ID: topology.NetworkID("of " + tenant), Name: "V",
			Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}}))
		f, err := d.Observe(t.Context(), b.tenants[tenant])
		require.NoError(t, err)
		require.Len(t, f.Networks, 1)
		fabrics[tenant] = f
	}
	own, theirs := fabrics["one"], fabrics["other"]
	mine, plug := own.Gateways[0].Plugs[0], theirs.Gateways[0].Plugs[0]
	appliance := topology.Appliance{ID: "fw", Instance: "fw", Name: "fw"}
	leg := topology.Leg{Port: "fw-leg", Role: topology.Inside, Pair: 1, At: theirs.Networks[0].ID}
	require.Eventually(t, func() bool { // Neutron's agents wire ports a while after they were made
		found, err := d.ports(t.Context(), query{"project_id": {string(b.tenants["other"])}, "status": {"ACTIVE"}})
		return err == nil && len(found) == 1
	}, time.Minute, time.Second)
	before := everything(t, d, string(b.tenants["other"]))
	for _, step := range []topology.Step{
		{Verb: topology.CreatePort, Appliance: &appliance, Leg: &leg},
		{Verb: topology.Move, Gateway: theirs.Gateways[0].ID, Port: plug.Port, From: plug.At, To: mine.At},
		{Verb: topology.Move, Gateway: own.Gateways[0].ID, Port: plug.Port, From: plug.At, To: mine.At},
		{Verb: topology.Move, Gateway: own.Gateways[0].ID, Port: mine.Port, From: mine.At, To: plug.At},
	} {
		require.Error(t, d.Do(t.Context(), b.tenants["one"], step), "%s", step)
	}
	require.NoError(t, d.Do(t.Context(), b.tenants["one"], topology.Step{Verb: topology.DeleteNetwork, Network: &theirs.Networks[0]}))
	require.Equal(t, before, everything(t, d, string(b.tenants["other"])))
	left, err := d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}
