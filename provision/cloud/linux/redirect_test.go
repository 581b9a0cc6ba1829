//go:build linux

package linux

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// cluster is a service in redirect mode for datagrams and streams of V.
func cluster(replicas int) topology.Service {
	s := inPath("lb", 0)
	s.Mode = topology.Redirected
	s.Stitches[0].Match = &topology.Classifier{Protocols: []topology.Protocol{topology.UDP, topology.TCP}}
	for n := range replicas {
		s.Replicas = append(s.Replicas, topology.Replica{Number: n})
	}
	return s
}

// startFlows starts several to the gateway's public address and several that it
// forwards to another network, over both versions of IP.
func startFlows(t testing.TB, c *Cloud) []*flow {
	t.Helper()
	require.NoError(t, c.CreateNetwork(t.Context(), "a", topology.Network{ID: "X", Name: "X", Role: topology.RoleTenant,
		Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.2.0.0/24"), Gateway: netip.MustParseAddr("10.2.0.1")}}}))
	require.NoError(t, c.CreateHost(t.Context(), "a", cloud.Host{Name: "x1", Network: "X", Address: netip.MustParsePrefix("10.2.0.11/24")}))
	return flowsOf(t, c)
}

// flowsOf are new ones, of other ports.
func flowsOf(t testing.TB, c *Cloud) (list []*flow) {
	t.Helper()
	for range 4 {
		list = append(list, startFlow(t, c, "a", "h1", PublicIPv4), startFlow(t, c, "a", "h6", PublicIPv6),
			startFlowTo(t, c, "a", "h1", "10.2.0.11", func(f func() error) error { return c.InHost(t.Context(), "a", "x1", f) }))
	}
	return list
}

// flowsThrough says which of the flows the gateway sends through a member.
func flowsThrough(t testing.TB, c *Cloud, member topology.ApplianceID, list []*flow) map[int]bool {
	t.Helper()
	through := map[int]bool{}
	for _, entry := range tracked(t, c) {
		for n, f := range list {
			local := f.host.LocalAddr().(*net.UDPAddr)
			if int(entry.Forward.SrcPort) == local.Port && entry.Forward.SrcIP.Equal(local.IP) && entry.Mark&^1 == memberMark(member) {
				through[n] = true
			}
		}
	}
	return through
}

// tracked are the connections that the gateway knows.
func tracked(t testing.TB, c *Cloud) (list []*netlink.ConntrackFlow) {
	t.Helper()
	require.NoError(t, c.InGateway(t.Context(), "a", func() error {
		for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
			some, err := netlink.ConntrackTableList(netlink.ConntrackTable, family)
			if err != nil {
				return err
			}
			list = append(list, some...)
		}
		return nil
	}))
	return list
}

func someMore(list []*flow, n uint64) {
	for _, f := range list {
		f.some(n)
	}
}

// lost is what each flow has lost by now.
func endAll(list []*flow) (lost []int) {
	for _, f := range list {
		_, n := f.end()
		lost = append(lost, n)
	}
	return lost
}

func TestRedirectionLosesNoPacket(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	boot := c.bootPlain(t.Context(), "a")
	list := startFlows(t, c)
	for range 2 {
		converge(t, c, "a", boot, cluster(1))
		someMore(list, 100)
		converge(t, c, "a", boot, cluster(3))
		someMore(list, 100)
		converge(t, c, "a", boot, cluster(3), inPath("fw", 10))
		someMore(list, 100)
		converge(t, c, "a", boot)
		someMore(list, 100)
	}
	for n, lost := range endAll(list) {
		require.Zero(t, lost, "flow %d", n)
	}
}

// The flows of a member that dies stop until it is taken out, and those of the
// others do not notice anything.
func TestAMembersDeathIsItsOwnFlowsOnly(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	boot := c.bootPlain(t.Context(), "a")
	list := startFlows(t, c)
	lb := cluster(2)
	converge(t, c, "a", boot, lb)
	someMore(list, 100)

	dead := topology.Appliance{ID: topology.ReplicaOf("lb", 0, 1), Instance: "lb"}
	through := flowsThrough(t, c, dead.ID, list)
	require.NotEmpty(t, through)
	require.Less(t, len(through), len(list))
	require.NoError(t, c.withFabric("a", func(*view) error { return c.machines.stop(t.Context(), machine{"a", dead}) }))
	someMore(list, 100)
	lb.Replicas[1].Idle = true
	converge(t, c, "a", boot, lb)
	require.Empty(t, flowsThrough(t, c, dead.ID, list))
	someMore(list, 200)
	for n, lost := range endAll(list) {
		if through[n] {
			require.GreaterOrEqual(t, lost, 90, "flow %d was the dead member's and stopped", n)
		} else {
			require.Zero(t, lost, "flow %d was another's", n)
		}
	}
}

func TestADownloadGoesOnThroughARedirection(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	boot := c.bootPlain(t.Context(), "a")
	s := startStream(t, c, "a", "h1")
	for _, services := range [][]topology.Service{{cluster(1)}, {cluster(2)}, {}} {
		s.more(t)
		converge(t, c, "a", boot, services...)
	}
	s.more(t)
	s.end(t)
}

// A broker that dies between any two calls of a change leaves what the next one
// completes.
func TestARuleIsCompletedAfterACrash(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	boot := c.bootPlain(t.Context(), "a")
	converge(t, c, "a", boot, cluster(2))
	want, err := c.Observe(t.Context(), "a")
	require.NoError(t, err)
	rule := want.Redirects[0]

	// The filter says so already, the tag does not yet.
	require.NoError(t, c.withFabric("a", func(v *view) error { return v.remove(kindRule, string(rule.ID)) }))
	lost, err := c.Observe(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, lost.Redirects)
	converge(t, c, "a", boot, cluster(2))
	// A port of the gateway is missing.
	require.NoError(t, c.withFabric("a", func(v *view) error {
		return v.remove(kindTurn, turnPort(rule.Gateway, rule.Members[0].Appliance, insideEnd))
	}))
	require.NoError(t, c.Do(t.Context(), "a", topology.Step{Verb: topology.SetRedirect, Was: nil, Redirect: &rule}))
	have, err := c.Observe(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, want, have)
	f := startFlow(t, c, "a", "h1", PublicIPv4)
	f.some(50)
	_, missing := f.end()
	require.Zero(t, missing)
	converge(t, c, "a", boot)
}

func TestTheRulesetIsWhatItWasMeantToBe(t *testing.T) {
	t.Parallel()
	rules := []topology.Redirect{
		{ID: "one", Network: "V", Members: []topology.Member{{Appliance: "a"}, {Appliance: "b"}}, Match: topology.Classifier{
			Direction: topology.Outbound, Protocols: []topology.Protocol{topology.TCP}, Ports: []topology.Ports{{First: 80, Last: 80}, {First: 8000, Last: 8010}},
			Remote: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}},
		{ID: "two", Network: "X", Members: []topology.Member{}, Match: topology.Classifier{DSCP: []uint8{46}}},
	}
	subnets := map[topology.NetworkID][]netip.Prefix{
		"V": {netip.MustParsePrefix("10.1.0.0/24"), netip.MustParsePrefix("fd01::/64")}, "X": {netip.MustParsePrefix("fd02::/64")},
	}
	text := ruleset(rules, subnets, []string{"p-1", "p-2"})
	require.Contains(t, text, "ct original ip saddr { 10.1.0.0/24 } ct original ip daddr { 203.0.113.0/24 } meta l4proto { tcp } ct original proto-dst { 80, 8000-8010 } jump outward0\n")
	require.NotContains(t, text, "inward0", "who opens the flow is part of the classifier")
	require.NotContains(t, text, "fd01::", "a remote range of IPv4 means IPv4")
	require.Contains(t, text, "ct original ip6 daddr { fd02::/64 } jump inward1\n")
	require.Contains(t, text, "ip6 dscp { 46 } drop\n", "without members flows stop")
	require.Equal(t, "table inet bumpwire {}\ndelete table inet bumpwire\n", ruleset(nil, subnets, nil))
}
