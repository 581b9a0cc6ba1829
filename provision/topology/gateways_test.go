package topology_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// plugInto adds a plug of a gateway, which comes with it.
func plugInto(f topology.Fabric, g topology.GatewayID, n topology.NetworkID, addresses ...netip.Prefix) topology.Fabric {
	f = topology.Settle(f)
	p := topology.Plug{Port: topology.PortID(fmt.Sprintf("%s:%s", g, n)), Home: n, At: n, Addresses: addresses}
	for i := range f.Gateways {
		if f.Gateways[i].ID == g {
			f.Gateways[i].Plugs = append(f.Gateways[i].Plugs, p)
			return topology.Settle(f)
		}
	}
	f.Gateways = append(f.Gateways, topology.Gateway{ID: g, Name: string(g), Plugs: []topology.Plug{p}})
	return topology.Settle(f)
}

// branches is a tenant with V and X behind gateways of their own, Z behind that of X
// and a second one. Hosts of Z use "zz", which has the subnet's gateway address.
func branches() topology.Fabric {
	f := tenantA()
	f.Gateways[0].Plugs = f.Gateways[0].Plugs[:1]
	f = plugInto(f, "dc", "X")
	f = plugInto(f, "dc", "Z")
	var own netip.Prefix
	for _, n := range f.Networks {
		if n.ID == "Z" {
			own = netip.PrefixFrom(n.Subnets[0].Gateway, n.Subnets[0].CIDR.Bits())
		}
	}
	return plugInto(f, "zz", "Z", own)
}

func TestPathsByGateway(t *testing.T) {
	t.Parallel()
	fw := firewall(topology.Bridged)
	fw.Stitches[0].Network = "Z"
	f := compose(t, branches(), fw)
	say := func(r topology.Route, ok bool) string { return fmt.Sprint(r, " ", ok) }
	require.Equal(t, "Z → FW → zz true", say(topology.Path(f, "Z")), "the gateway that hosts use")
	require.Equal(t, "Z → FW → dc true", say(topology.PathTo(f, "Z", "dc")))
	require.Equal(t, "V → GW true", say(topology.Path(f, "V")))
	require.Equal(t, "V false", say(topology.PathTo(f, "V", "dc")))
	for ends, want := range map[[2]topology.NetworkID]string{
		{"V", "V"}: "V true",
		{"V", "X"}: "V → GW → dc → FW → X true",
		{"X", "Z"}: "X → FW → dc → FW → Z true",
		{"Z", "X"}: "Z → FW → zz → dc → FW → X true",
		{"V", "Z"}: "V → GW → zz → FW → Z true",
	} {
		require.Equal(t, want, say(topology.Across(f, ends[0], ends[1], web)), "%v", ends)
	}
	_, whole := topology.Across(off(f, "fw"), "V", "X", web)
	require.False(t, whole)
	golden(t, "draw-gateways.txt", topology.Draw(topology.Scene{Fabric: f}))
}

// A flow that is redirected at its own gateway is at the other's too, by that one's
// rules for flows that come in.
func TestFlowsBetweenNetworksAreRedirectedOnBothEnds(t *testing.T) {
	t.Parallel()
	near, far := balancer(1), balancer(1)
	near.Stitches = near.Stitches[:1]
	far.Instance, far.Name, far.Stitches = "in", "IN", far.Stitches[1:]
	far.Stitches[0].Match = &topology.Classifier{Direction: topology.Inbound}
	far.Replicas[0].Management = netip.Prefix{}
	f := compose(t, branches(), near, far)
	r, ok := topology.Across(f, "V", "X", web)
	require.True(t, ok)
	require.Equal(t, "V → GW → LB → GW → dc → IN → dc → X", r.String())
	r, ok = topology.Across(f, "X", "V", dns)
	require.True(t, ok)
	require.Equal(t, "X → dc → GW → V", r.String())
}

func TestANetworkOfTwoGatewaysIsNotRedirected(t *testing.T) {
	t.Parallel()
	lb := balancer(1)
	lb.Stitches[1].Network = "Z"
	_, err := topology.Compose(branches(), []topology.Service{lb})
	require.EqualError(t, err, `service "LB" cannot redirect flows of network "Z": it has 2 gateways, and the two directions of a flow may pass different ones; put the service in path, or leave the network one gateway`)
}

// Any tenant with several gateways, any requests: every step is safe for every plug,
// each network's swaps are as many as it has plugs, and all comes back.
func TestEveryPrefixIsSafeWithSeveralGateways(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		plugs := map[topology.NetworkID]int{}
		for _, n := range networksOf(s.base) {
			plugs[n] = 1
			for g := range rapid.IntRange(0, 2).Draw(t, "more gateways") {
				plugs[n]++
				s.base = plugInto(s.base, topology.GatewayID(fmt.Sprintf("gw%d", g)), n)
			}
		}
		have, _ := s.compose()
		for range rapid.IntRange(1, 4).Draw(t, "requests") {
			about, ok := s.turn(t)
			want, _ := s.compose()
			steps := plan(t, have, want)
			if ok {
				swaps := topology.Count(steps).Swaps
				require.Len(t, swaps, len(about))
				for _, n := range about {
					require.LessOrEqual(t, swaps[n], plugs[n], "moves of network %s", n)
				}
			}
			requireSafeSteps(t, have, want, steps)
			requireUndoes(t, have, steps)
			have = want
		}
		requireSafeSteps(t, have, s.base, plan(t, have, s.base))
	})
}

func requireSafeSteps(t *rapid.T, have, want topology.Fabric, steps []topology.Step) {
	now := have
	for _, s := range steps {
		next, err := topology.Apply(now, s)
		require.NoError(t, err, "%s\nin\n%s", s, topology.Text(steps))
		require.Empty(t, topology.CheckBetween(have, next, want), "after %s\nin\n%s", s, topology.Text(steps))
		now = next
	}
	requireSame(t, want, now)
}
