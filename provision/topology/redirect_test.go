package topology_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// balancer is a service in redirect mode for the web traffic of V and X.
func balancer(replicas int) topology.Service {
	web := &topology.Classifier{Direction: topology.Outbound, Protocols: []topology.Protocol{topology.TCP}, Ports: []topology.Ports{{First: 80, Last: 80}, {First: 443, Last: 443}}}
	s := topology.Service{Instance: "lb", Name: "LB", Mode: topology.Redirected,
		NICs:     []topology.NIC{{Role: topology.Management}, {Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "V", Pair: 1, Match: web}, {Network: "X", Pair: 1, Match: web}}}
	for n := range replicas {
		s.Replicas = append(s.Replicas, topology.Replica{Number: n, Management: netip.MustParsePrefix("192.168.100.8/24")})
		s.Replicas[n].Management = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, 100, byte(8 + n)}), 24)
	}
	return s
}

var (
	web = topology.Flow{Direction: topology.Outbound, Protocol: topology.TCP, Port: 443}
	dns = topology.Flow{Direction: topology.Outbound, Protocol: topology.UDP, Port: 53}
)

func routeOf(t *testing.T, f topology.Fabric, n topology.NetworkID, flow topology.Flow) string {
	t.Helper()
	r, open := topology.RouteOf(f, n, flow)
	require.True(t, open)
	return r.String()
}

func TestPlanRedirectsAsTheLastStep(t *testing.T) {
	t.Parallel()
	want := compose(t, tenantA(), balancer(2))
	steps := plan(t, tenantA(), want)
	golden(t, "redirect-cluster.plan", topology.Text(steps))
	require.Equal(t, want, applyAll(t, tenantA(), steps))
	require.Equal(t, "V → GW → LB → GW", routeOf(t, want, "V", web))
	require.Equal(t, "V → GW", routeOf(t, want, "V", dns), "what does not match never touches the service")
	require.Equal(t, "Z → GW", routeOf(t, want, "Z", web))

	removal := plan(t, want, topology.Base(want))
	golden(t, "redirect-cluster-removal.plan", topology.Text(removal))
	require.Equal(t, tenantA(), applyAll(t, want, removal))
}

// An in-path firewall and a redirected balancer do not know of each other.
func TestRedirectsAreBeyondTheChain(t *testing.T) {
	t.Parallel()
	f := compose(t, tenantA(), firewall(topology.Bridged), balancer(1))
	require.Equal(t, "V → FW → GW → LB → GW", routeOf(t, f, "V", web))
	require.Equal(t, "V → FW → GW", routeOf(t, f, "V", dns))
	require.Empty(t, topology.Check(f))
}

func TestMembersJoinAndLeave(t *testing.T) {
	t.Parallel()
	two, three := balancer(2), balancer(3)
	have, want := compose(t, tenantA(), two), compose(t, tenantA(), three)
	steps := plan(t, have, want)
	require.Empty(t, topology.Count(steps).Swapped, "a flow stays with its member when another joins")
	require.Equal(t, want, applyAll(t, have, steps))

	three.Replicas[1].Idle = true
	steps = plan(t, want, compose(t, tenantA(), three))
	require.Equal(t, []string{
		"have gateway gw send flows of V through lb and lb+2 instead of lb, lb+1 and lb+2",
		"have gateway gw send flows of X through lb and lb+2 instead of lb, lb+1 and lb+2",
	}, []string{steps[0].String(), steps[1].String()}, "one that does not answer is taken out and nothing else is touched")
	require.Len(t, steps, 2)

	for i := range three.Replicas {
		three.Replicas[i].Idle = true
	}
	closed := compose(t, tenantA(), three)
	require.Empty(t, topology.Check(closed), "flows that stop on purpose are no fault")
	_, open := topology.RouteOf(closed, "V", web)
	require.False(t, open)
	_, open = topology.RouteOf(closed, "V", dns)
	require.True(t, open)
}

// A service may change its mode: its next generation stands in path before the
// gateway stops sending flows to the one before, and the other way round.
func TestAModeChangeLetsNothingPast(t *testing.T) {
	t.Parallel()
	redirected := balancer(1)
	redirected.Stitches = redirected.Stitches[:1]
	inPath := redirected
	inPath.Mode, inPath.Replicas, inPath.Generation, inPath.Management = topology.InPath, nil, 1, redirected.Replicas[0].Management
	passes := func(f topology.Fabric) bool {
		r, open := topology.RouteOf(f, "V", web)
		return open && len(r.Appliances()) > 0
	}
	for _, way := range [][2]topology.Service{{redirected, inPath}, {inPath, redirected}} {
		now, want := compose(t, tenantA(), way[0]), compose(t, tenantA(), way[1])
		for _, s := range plan(t, now, want) {
			var err error
			now, err = topology.Apply(now, s)
			require.NoError(t, err)
			require.True(t, passes(now), "after %s", s)
		}
		require.Equal(t, want, now)
	}
	inPath.Generation = 0
	_, err := topology.Plan(compose(t, tenantA(), redirected), compose(t, tenantA(), inPath))
	require.EqualError(t, err, "LB cannot be plugged in elsewhere while a gateway sends flows through it: make another generation of it")
}

func TestComposeRefusesRedirects(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(lb, other *topology.Service, base *topology.Fabric)
		says   string
	}{
		"flows of another": {func(_, other *topology.Service, _ *topology.Fabric) { other.Stitches[0].Match = nil },
			`service "other" cannot have the flows "everything" of network "V": service "LB" has "outbound tcp port 80, 443" of it, and some flows are both`},
		"an unknown network": {func(lb, _ *topology.Service, _ *topology.Fabric) { lb.Stitches[0].Network = "nope" },
			`service "LB" cannot be stitched into network "nope": the tenant has no such network`},
		"a network without a gateway": {func(_, _ *topology.Service, base *topology.Fabric) {
			base.Gateways[0].Plugs = base.Gateways[0].Plugs[1:]
		},
			`service "LB" cannot be stitched into network "V": it has no gateway that could redirect anything`},
		"a network twice": {func(lb, _ *topology.Service, _ *topology.Fabric) { lb.Stitches[1].Network = "V" },
			`service "LB" is to be stitched into network "V" twice`},
		"two pairs": {func(lb, _ *topology.Service, _ *topology.Fabric) { lb.Stitches[1].Pair = 2 },
			`service "LB" cannot redirect two networks through two pairs of legs`},
		"a pair it has not got": {func(lb, _ *topology.Service, _ *topology.Fabric) { lb.Stitches[0].Pair, lb.Stitches[1].Pair = 2, 2 },
			`service "LB" has no pair 2 of an inside and an outside NIC to redirect flows through`},
		"an impossible classifier": {func(lb, _ *topology.Service, _ *topology.Fabric) {
			lb.Stitches[0].Match = &topology.Classifier{Protocols: []topology.Protocol{"http"}}
		}, `service "LB" cannot classify the flows of network "V": protocol "http" is none of tcp, udp, sctp, icmp, ipv6-icmp, esp, gre`},
		"a replica twice": {func(lb, _ *topology.Service, _ *topology.Fabric) { lb.Replicas[1].Number = 0 }, `service "LB" has replica 0 twice`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb, other, base := balancer(2), balancer(1), tenantA()
			other.Instance, other.Name, other.Stitches[0].Match, other.Replicas = "other", "other", &topology.Classifier{Protocols: []topology.Protocol{topology.UDP}}, nil
			other.Stitches = other.Stitches[:1]
			c.change(&lb, &other, &base)
			_, err := topology.Compose(base, []topology.Service{lb, other})
			require.EqualError(t, err, c.says)
		})
	}
}

func TestARuleNeedsItsMembers(t *testing.T) {
	t.Parallel()
	f := compose(t, tenantA(), balancer(1))
	f.Appliances[0].Booted = false
	found := topology.Check(f)
	require.Len(t, found, 2)
	require.Equal(t, "flows of network V are sent to lb, which does not take them", found[0].String())
	_, err := topology.Apply(f, topology.Step{Verb: topology.DeleteNetwork, Network: &f.Networks[1]})
	require.ErrorContains(t, err, "cannot delete network")
	rule := f.Redirects[0]
	rule.Members = append(rule.Members, topology.Member{Appliance: "nobody"})
	_, err = topology.Apply(f, topology.Step{Verb: topology.SetRedirect, Was: &f.Redirects[0], Redirect: &rule})
	require.EqualError(t, err, `cannot make rule "redirect-lb-V-gw": there is no appliance "nobody"`)
}
