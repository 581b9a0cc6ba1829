package cloudtest

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func nothing(t *testing.T, bed Bed) {
	require.NotEmpty(t, bed.Cloud.Name())
	require.Empty(t, bed.Cloud.Check(t.Context()))
	x := &tenant{t, bed, "nobody"}
	_, err := bed.Cloud.Observe(t.Context(), x.id)
	require.ErrorIs(t, err, fault.NotFound)

	segment := topology.Network{ID: "seg", Name: "seg", Role: topology.RoleSegment}
	a := topology.Appliance{ID: "fw"}
	plugged := topology.Leg{Port: "fw-0", Role: topology.Inside, Pair: 1, At: segment.ID, MAC: "02:00:00:00:00:07"}
	for _, s := range []topology.Step{
		{Verb: topology.CreatePort, Appliance: &a, Leg: &plugged},
		{Verb: topology.Boot, Appliance: &topology.Appliance{ID: "fw", Legs: []topology.Leg{plugged}}},
		{Verb: topology.Move, Gateway: "gw", Port: "gw-V", To: segment.ID},
	} {
		require.ErrorIs(t, x.do(t.Context(), s), fault.NotFound, "%s: it leans on what is not there", s)
	}
	for _, s := range []topology.Step{
		{Verb: topology.DeleteNetwork, Network: &segment},
		{Verb: topology.DeletePort, Appliance: &a, Leg: &topology.Leg{Port: "fw-0"}},
		{Verb: topology.Shutdown, Appliance: &a},
	} {
		require.NoError(t, x.do(t.Context(), s), "%s: what is not there is gone", s)
	}
	require.NoError(t, bed.Cloud.DeleteNetwork(t.Context(), x.id, "V"))
}

// alone is a service of a tenant that has nothing else: what is made for it is the
// tenant's first, and its last. Each step is done, repeated, undone and done.
func alone(t *testing.T, bed Bed) {
	managed := (&tenant{t, bed, "managed"}).service("fw", 10)
	managed.Management = netip.MustParsePrefix("192.168.254.2/24")
	bare := (&tenant{t, bed, "bare"}).service("fw", 10)
	for id, service := range map[topology.TenantID]topology.Service{"managed": managed, "bare": bare} {
		x := &tenant{t, bed, id}
		for _, s := range x.plan(service) {
			x.toAndFro(s)
		}
		require.Empty(t, x.plan(service))
		require.Len(t, x.observe().Appliances, 1)
		require.Empty(t, x.observe().Gateways)

		// Networks of the tenant's own come and go beside it.
		require.NoError(t, bed.Cloud.CreateNetwork(t.Context(), x.id, x.network("V")))
		require.Len(t, x.observe().Gateways, 1)
		require.Empty(t, x.plan(service))
		require.NoError(t, bed.Cloud.DeleteNetwork(t.Context(), x.id, x.netID("V")))
		require.Empty(t, x.plan(service))

		for _, s := range x.plan() {
			x.toAndFro(s)
		}
		_, err := bed.Cloud.Observe(t.Context(), x.id)
		require.ErrorIs(t, err, fault.NotFound)
		left, err := bed.Cloud.Resources(t.Context())
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func networks(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	v := x.network("V")
	first := x.observe()
	require.Equal(t, []topology.Network{v}, first.Networks)
	require.Empty(t, first.Appliances)
	require.Len(t, first.Gateways, 1)
	require.Len(t, first.Gateways[0].Plugs, 1)
	plug := first.Gateways[0].Plugs[0]
	require.NotEmpty(t, plug.Port)
	require.NotEmpty(t, plug.MAC)
	require.Equal(t, v.ID, plug.Home)
	require.Equal(t, v.ID, plug.At)
	require.ElementsMatch(t, gatewayAddresses(v), plug.Addresses)

	require.NoError(t, bed.Cloud.CreateNetwork(t.Context(), x.id, v))
	require.Equal(t, first, x.observe(), "the same again has no effect")
	other := v
	other.Subnets = x.network("W").Subnets
	require.ErrorIs(t, bed.Cloud.CreateNetwork(t.Context(), x.id, other), fault.Conflict)
	require.Equal(t, first, x.observe())

	require.NoError(t, bed.Cloud.CreateNetwork(t.Context(), x.id, x.network("X")))
	second := x.observe()
	require.Equal(t, []topology.Network{v, x.network("X")}, second.Networks)
	require.Len(t, second.Gateways, 1, "one gateway serves all of a tenant's networks")
	require.Contains(t, second.Gateways[0].Plugs, plug)
	require.Len(t, second.Gateways[0].Plugs, 2)

	for range 2 {
		require.NoError(t, bed.Cloud.DeleteNetwork(t.Context(), x.id, x.netID("X")))
		require.Equal(t, first, x.observe())
	}
}

func gatewayAddresses(n topology.Network) (list []netip.Prefix) {
	for _, s := range n.Subnets {
		list = append(list, netip.PrefixFrom(s.Gateway, s.CIDR.Bits()))
	}
	return list
}

func hosts(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V", "X")
	list := func() []cloud.Host {
		found, err := bed.Cloud.Hosts(t.Context(), x.id)
		require.NoError(t, err)
		return found
	}
	both := []cloud.Host{x.host("V"), x.host("X")}
	require.ElementsMatch(t, both, list())
	require.NoError(t, bed.Cloud.CreateHost(t.Context(), x.id, x.host("V")))
	require.ElementsMatch(t, both, list(), "the same again has no effect")
	lost := x.host("W")
	require.ErrorIs(t, bed.Cloud.CreateHost(t.Context(), x.id, lost), fault.NotFound)
	require.ElementsMatch(t, both, list())

	x.passes("V")
	x.passes("X")
	_, _, err := bed.Cloud.Trace(t.Context(), x.id, lost.Name)
	require.ErrorIs(t, err, fault.NotFound)

	require.NoError(t, bed.Cloud.DeleteNetwork(t.Context(), x.id, x.netID("V")))
	require.Equal(t, both[1:], list(), "hosts go with their network")
	x.passes("X")
}
