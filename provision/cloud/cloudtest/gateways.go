package cloudtest

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// attach makes a network with its host, plugged into gateways of the given names.
func (x *tenant) attach(name string, gateways ...string) {
	x.Helper()
	require.NoError(x, x.bed.Cloud.CreateNetwork(x.Context(), x.id, x.network(name), gateways...))
	require.NoError(x, x.bed.Cloud.CreateHost(x.Context(), x.id, x.host(name)))
}

// gateway is the tenant's gateway of a name.
func (x *tenant) gateway(name string) topology.Gateway {
	x.Helper()
	all := x.observe().Gateways
	at := slices.IndexFunc(all, func(g topology.Gateway) bool { return g.Name == name })
	require.GreaterOrEqual(x, at, 0, "gateway %s", name)
	return all[at]
}

// traced requires that a host's packets reach a target and pass exactly the
// appliances.
func (x *tenant) traced(host string, to cloud.Target, want ...topology.ApplianceID) {
	x.Helper()
	passed, reached, err := x.bed.Cloud.TraceTo(x.Context(), x.id, host, to)
	require.NoError(x, err)
	require.True(x, reached, "%s reaches %v", host, to)
	require.Equal(x, append([]topology.ApplianceID{}, want...), append([]topology.ApplianceID{}, passed...), "from %s to %v", host, to)
}

// between is traced from the host of one network to that of another, both ways.
func (x *tenant) between(one, other string, want ...topology.ApplianceID) {
	x.Helper()
	x.traced(x.host(one).Name, cloud.Target{Host: x.host(other).Name}, want...)
	want = slices.Clone(want)
	slices.Reverse(want)
	x.traced(x.host(other).Name, cloud.Target{Host: x.host(one).Name}, want...)
}

// one is the only appliance of a service.
func one(s topology.Service) topology.ApplianceID { return topology.MemberOf(s.Instance, s.Side, 0, 0) }

// subnets has hosts in two ranges of IPv4 and two of IPv6 on one network, all of which
// reach their gateway and another network, and pass what is in path.
func subnets(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "Z")
	v := x.network("V")
	ranges := []string{"10.77.0.0/24", "10.77.1.0/25", "fd77::/64", "fd77:0:0:1::/64"}
	v.Subnets = nil
	var names []string
	for _, text := range ranges {
		cidr := netip.MustParsePrefix(text)
		v.Subnets = append(v.Subnets, topology.Subnet{CIDR: cidr, Gateway: cidr.Addr().Next()})
	}
	require.NoError(t, bed.Cloud.CreateNetwork(t.Context(), x.id, v))
	for _, text := range ranges {
		cidr := netip.MustParsePrefix(text)
		h := cloud.Host{Name: "h" + string(rune('a'+len(names))), Network: v.ID, Address: netip.PrefixFrom(cidr.Addr().Next().Next().Next(), cidr.Bits())}
		require.NoError(t, bed.Cloud.CreateHost(t.Context(), x.id, h))
		names = append(names, h.Name)
	}
	before := x.observe()
	var plugged []netip.Prefix // some clouds need more than one plug for that
	for _, p := range before.Gateways[0].Plugs {
		if p.Home == v.ID {
			plugged = append(plugged, p.Addresses...)
		}
	}
	require.ElementsMatch(t, gatewayAddresses(v), plugged)
	fw := x.service("fw", 10, "V")
	for _, service := range [][]topology.Service{{}, {fw}, {}} {
		x.converge(service...)
		var passed []topology.ApplianceID
		for _, s := range service {
			passed = append(passed, one(s))
		}
		for _, name := range names {
			x.traced(name, cloud.Target{}, passed...)
		}
		x.traced(names[0], cloud.Target{Host: x.host("Z").Name}, passed...)
		x.traced(names[1], cloud.Target{Host: x.host("Z").Name}, passed...)
	}
	require.Equal(t, before, x.observe())
}

func gateways(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	alone := x.observe()
	x.attach("X", "branch")
	x.attach("Z", "branch")
	x.attach("M", "branch", "backup")
	require.Len(t, x.observe().Gateways, 3)
	require.Len(t, x.gateway(cloud.DefaultGateway).Plugs, 1)
	require.Len(t, x.gateway("branch").Plugs, 3)
	backup := x.gateway("backup")
	require.Len(t, backup.Plugs, 1)
	all := x.observe()
	for _, n := range []string{"V", "X", "Z", "M"} {
		x.passes(n)
	}
	for _, pair := range [][2]string{{"V", "X"}, {"X", "Z"}, {"V", "M"}, {"M", "Z"}} {
		x.between(pair[0], pair[1])
	}
	x.traced(x.host("M").Name, cloud.Target{Gateway: backup.ID})
	_, _, err := bed.Cloud.TraceTo(t.Context(), x.id, x.host("M").Name, cloud.Target{Gateway: x.gateway(cloud.DefaultGateway).ID})
	require.ErrorIs(t, err, fault.NotFound)
	_, _, err = bed.Cloud.TraceTo(t.Context(), x.id, x.host("M").Name, cloud.Target{Host: "nobody"})
	require.ErrorIs(t, err, fault.NotFound)

	main, second := x.gateway("branch"), backup.Plugs[0]
	at := slices.IndexFunc(main.Plugs, func(p topology.Plug) bool { return p.Home == x.netID("M") })
	require.ElementsMatch(t, gatewayAddresses(x.network("M")), main.Plugs[at].Addresses, "the first gateway is the hosts'")
	require.NotEqual(t, main.Plugs[at].MAC, second.MAC)
	require.Len(t, second.Addresses, 2)
	taken := cloud.Host{Name: "thief", Network: x.netID("M"), Address: second.Addresses[0]}
	require.ErrorIs(t, bed.Cloud.CreateHost(t.Context(), x.id, taken), fault.Invalid)

	require.NoError(t, bed.Cloud.CreateNetwork(t.Context(), x.id, x.network("M"), "branch", "backup"))
	for _, others := range [][]string{{}, {"branch"}, {"backup", "branch"}, {"branch", "backup", "more"}} {
		require.ErrorIs(t, bed.Cloud.CreateNetwork(t.Context(), x.id, x.network("M"), others...), fault.Conflict)
	}
	for _, wrong := range [][]string{{""}, {"Branch"}, {"10.0.0.1"}, {"a/b"}, {"branch", "branch"}} {
		require.ErrorIs(t, bed.Cloud.CreateNetwork(t.Context(), x.id, x.network("W"), wrong...), fault.Invalid)
	}
	require.Equal(t, all, x.observe())

	for _, n := range []string{"M", "X", "Z"} {
		require.NoError(t, bed.Cloud.DeleteNetwork(t.Context(), x.id, x.netID(n)))
	}
	require.Equal(t, alone, x.observe(), "gateways go with their last network")
	x.passes("V")
}

// twoGateways has a network of two gateways, by both of which its traffic passes the
// services, after every step of their coming and going.
func twoGateways(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	x.attach("X", "branch", "backup")
	before := x.observe()
	fw, wo := x.service("fw", 20, "X"), x.service("wo", 10, "X")
	reached := func() {
		for _, g := range []string{"branch", "backup"} {
			_, reached, err := bed.Cloud.TraceTo(t.Context(), x.id, x.host("X").Name, cloud.Target{Gateway: x.gateway(g).ID})
			require.NoError(t, err)
			require.True(t, reached, "gateway %s", g)
		}
	}
	for _, want := range [][]topology.Service{{fw}, {wo, fw}, {}} {
		for _, s := range x.plan(want...) {
			require.NoError(t, x.patiently(s), "%s", s)
			reached()
		}
		require.Empty(t, x.plan(want...))
		var passed []topology.ApplianceID
		for _, s := range want {
			passed = append(passed, one(s))
		}
		for _, g := range []string{"branch", "backup"} {
			x.traced(x.host("X").Name, cloud.Target{Gateway: x.gateway(g).ID}, passed...)
		}
		x.between("X", "V", passed...)
	}
	require.Equal(t, before, x.observe())

	lb := x.redirected("lb", topology.Classifier{}, 1, "X")
	_, err := topology.Compose(topology.Base(before), []topology.Service{lb})
	require.ErrorContains(t, err, "it has 2 gateways")
}

// acrossGateways has a side of one service before each of two gateways, which what goes from one
// network to the other passes both.
func acrossGateways(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	x.attach("X", "datacenter")
	before := x.observe()
	near, far := x.service("wan", 10, "V"), x.service("wan", 10, "X")
	near.Side, near.Stitches[0].Side = "branch", "branch"
	far.Side, far.Stitches[0].Side = "datacenter", "datacenter"
	x.converge(near, far)
	require.Equal(t, []string{"branch", "datacenter"}, []string{x.observe().Appliances[0].Side, x.observe().Appliances[1].Side})
	x.between("V", "X", one(near), one(far))
	x.traced(x.host("V").Name, cloud.Target{}, one(near))
	x.traced(x.host("X").Name, cloud.Target{}, one(far))
	x.converge(far)
	x.between("V", "X", one(far))
	x.converge()
	require.Equal(t, before, x.observe())
	x.between("V", "X")
}

// redirectionByGateway has one service to which two gateways redirect, each the flows
// of its own network.
func redirectionByGateway(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	x.attach("X", "branch")
	x.attach("Z", "branch")
	before := x.observe()
	opened := topology.Classifier{Direction: topology.Outbound}
	if bed.Stateless {
		opened.Direction = ""
	}
	lb := x.redirected("lb", opened, 1, "V", "X")
	x.converge(lb)
	x.passes("V", lb)
	x.passes("X", lb)
	x.passes("Z")
	x.traced(x.host("V").Name, cloud.Target{Host: x.host("Z").Name}, one(lb))
	x.converge(x.redirected("lb", opened, 1, "X"))
	x.passes("V")
	x.passes("X", lb)
	x.converge()
	require.Equal(t, before, x.observe())
}
