//go:build linux

package linux

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// settlement is a tenant whose network V has two subnets of each version of IP and
// a host in each: h0 and h1 with IPv4, h2 and h3 with IPv6.
func settlement(t testing.TB, c *Cloud) (hosts []string, publics []string) {
	t.Helper()
	n := topology.Network{ID: "V", Name: "V", Role: topology.RoleTenant}
	for _, s := range []struct{ cidr, gateway string }{
		{"10.1.0.0/24", "10.1.0.1"}, {"10.9.0.0/25", "10.9.0.126"}, {"fd01::/64", "fd01::1"}, {"fd09:1::/72", "fd09:1::ffff"},
	} {
		n.Subnets = append(n.Subnets, topology.Subnet{CIDR: netip.MustParsePrefix(s.cidr), Gateway: netip.MustParseAddr(s.gateway)})
	}
	require.NoError(t, c.CreateNetwork(t.Context(), "a", n))
	for i, s := range n.Subnets {
		name := fmt.Sprintf("h%d", i)
		address := netip.PrefixFrom(s.CIDR.Addr().Next().Next(), s.CIDR.Bits())
		require.NoError(t, c.CreateHost(t.Context(), "a", cloud.Host{Name: name, Network: "V", Address: address}))
		public := PublicIPv4
		if address.Addr().Is6() {
			public = PublicIPv6
		}
		hosts, publics = append(hosts, name), append(publics, public)
	}
	return hosts, publics
}

func TestEverySubnetOfANetworkGoesTheSameWay(t *testing.T) {
	c := newPatched(t)
	hosts, publics := settlement(t, c)
	before := observe(t, c, "a")
	require.Len(t, before.Gateways[0].Plugs[0].Addresses, 4)
	boot := c.bootPlain(t.Context(), "a")
	var flows []*flow
	for i, h := range hosts {
		flows = append(flows, startFlow(t, c, "a", h, publics[i]))
	}
	pass := func(want ...topology.ApplianceID) {
		t.Helper()
		for _, h := range hosts {
			passed, reached, err := c.Trace(t.Context(), "a", h)
			require.NoError(t, err)
			require.True(t, reached, h)
			require.Equal(t, want, passed, h)
		}
		flows[0].some(100)
	}
	fw, wo := inPath("fw", 20), inPath("wo", 10)
	converge(t, c, "a", boot, fw, wo)
	pass("wo", "fw")
	require.Equal(t, observe(t, c, "a"), observe(t, another(t, c), "a"), "a new broker sees the same")
	fw.Generation++
	converge(t, c, "a", boot, fw, wo)
	pass("wo", topology.ApplianceOf("fw", 1))
	converge(t, c, "a", boot, wo)
	pass("wo")
	lb := cluster(1)
	lb.Stitches[0].Match = nil // everything
	converge(t, c, "a", boot, lb)
	pass("lb")
	lb.Stitches[0].Match = &topology.Classifier{Local: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/25"), netip.MustParsePrefix("fd01::/64")}}
	converge(t, c, "a", boot, lb)
	for i, want := range [][]topology.ApplianceID{nil, {"lb"}, {"lb"}, nil} {
		passed, reached, err := c.Trace(t.Context(), "a", hosts[i])
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, want, passed, "%s is of the classifier's ranges or not", hosts[i])
	}
	converge(t, c, "a", boot)
	pass()
	require.Equal(t, before, observe(t, c, "a"))
	for i, f := range flows {
		sent, lost := f.end()
		t.Logf("%s: %d of %d packets lost", hosts[i], lost, sent)
		require.LessOrEqual(t, lost, 1, hosts[i])
	}
}

// Two subnets of one network meet at the gateway. It must not tell their hosts to
// speak to each other directly, past a service in path.
func TestTrafficBetweenSubnetsPassesTheService(t *testing.T) {
	c := newPatched(t)
	hosts, _ := settlement(t, c)
	converge(t, c, "a", c.bootPlain(t.Context(), "a"), inPath("fw", 20))
	for _, pair := range [][2]int{{0, 1}, {2, 3}} {
		from, to := hosts[pair[0]], hosts[pair[1]]
		list, err := c.Hosts(t.Context(), "a")
		require.NoError(t, err)
		f := startFlowTo(t, c, "a", from, list[pair[1]].Address.Addr().String(), func(f func() error) error { return c.InHost(t.Context(), "a", to, f) })
		f.some(1500) // the gateway speaks up once a second at most
		before := legPackets(t, c)
		f.some(500)
		require.GreaterOrEqual(t, legPackets(t, c)-before, 900, "there and back, from %s to %s", from, to)
		_, lost := f.end()
		require.Zero(t, lost)
	}
}

// legPackets are those that went in at the firewall's inside leg.
func legPackets(t testing.TB, c *Cloud) (n int) {
	t.Helper()
	leg, ok := legOf(observe(t, c, "a").Appliances[0], topology.Inside, 1)
	require.True(t, ok)
	require.NoError(t, c.withFabric("a", func(*view) error {
		l, err := netlink.LinkByName(legName(leg.Port))
		if err == nil {
			n = int(l.Attrs().Statistics.TxPackets)
		}
		return err
	}))
	return n
}
