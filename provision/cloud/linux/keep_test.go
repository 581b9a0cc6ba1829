//go:build linux

package linux

import (
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// inserted swaps a service in, its next generation for it, and out again; each time
// check is told where the gateway is to be found from network V.
func inserted(t *testing.T, c *Cloud, check func(t *testing.T, behind topology.PortID)) {
	t.Helper()
	boot := c.bootPlain(t.Context(), "a")
	fw := inPath("fw", 20)
	for range 2 {
		converge(t, c, "a", boot, fw)
		leg, ok := legOf(observe(t, c, "a").Appliances[0], topology.Inside, 1)
		require.True(t, ok)
		check(t, leg.Port)
		fw.Generation++
	}
	converge(t, c, "a", boot)
	check(t, plugPort(defaultGateway, "V"))
}

// An established connection of a gateway that lets no new one in lives through all
// swaps: the gateway, its MAC addresses and what it tracks stay what they were.
func TestASwapKeepsTrackedConnections(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	for _, way := range []struct{ host, public string }{{"h1", PublicIPv4}, {"h6", PublicIPv6}} {
		f := startFlow(t, c, "a", way.host, way.public)
		f.some(50)
		guard := func(rules string) {
			require.NoError(t, c.InGateway(t.Context(), "a", func() error {
				cmd := exec.Command(nftBinary, "-f", "-")
				cmd.Stdin = strings.NewReader(rules)
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
				return nil
			}))
		}
		guard("table inet guard { chain input { type filter hook input priority 10; meta l4proto udp ct state new drop; }; }")
		gateways := observe(t, c, "a").Gateways
		inserted(t, c, func(t *testing.T, _ topology.PortID) {
			f.some(50)
			now := observe(t, c, "a").Gateways
			for n, p := range gateways[0].Plugs {
				require.Equal(t, p.MAC, now[0].Plugs[n].MAC)
				require.Equal(t, p.Addresses, now[0].Plugs[n].Addresses)
			}
		})
		_, lost := f.end()
		require.Zero(t, lost)

		// The guard does keep out what is not tracked.
		require.False(t, answers(t, c, way.host, way.public, 300*time.Millisecond))
		guard("delete table inet guard")
		require.True(t, answers(t, c, way.host, way.public, time.Minute))
	}
}

// answers says whether a datagram from a host to the public network comes back in time.
func answers(t *testing.T, c *Cloud, host, public string, within time.Duration) bool {
	t.Helper()
	f := &flow{t: t, stop: make(chan struct{}), back: map[uint64]bool{}}
	f.open(c, "a", host, public, func(do func() error) error { return c.InGateway(t.Context(), "a", do) })
	f.done.Go(f.echo)
	defer f.done.Wait()
	defer f.public.Close()
	defer f.host.Close()
	require.NoError(t, f.host.SetReadDeadline(time.Now().Add(within)))
	f.send()
	_, err := f.host.Read(make([]byte, 64))
	return err == nil
}

// After each swap hosts hear where the gateway is, and have forgotten what was wrong
// about it; bridges on both sides of the appliance know it where it is.
func TestASwapIsAnnounced(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	f := startFlow(t, c, "a", "h1", PublicIPv4)
	f6 := startFlow(t, c, "a", "h6", PublicIPv6)
	plug := observe(t, c, "a").Gateways[0].Plugs[0]
	heard := map[string]*socket{}
	for host, filter := range map[string][]unix.SockFilter{"h1": onlyARP(), "h6": only(etherIPv6, octet{14 + 6, 58}, octet{54, 136})} {
		require.NoError(t, c.InHost(t.Context(), "a", host, func() (err error) {
			l, err := netlink.LinkByName("eth0")
			require.NoError(t, err)
			require.NoError(t, sysctl("ipv4/neigh/eth0/locktime", "0")) // it may be corrected at once
			heard[host], err = openSocket(l.Attrs().Index, filter)
			return err
		}))
		defer heard[host].close()
	}
	misled := func() {
		for host, address := range map[string]string{"h1": "10.1.0.1", "h6": "fd01::1"} {
			require.NoError(t, c.InHost(t.Context(), "a", host, func() error {
				l, err := netlink.LinkByName("eth0")
				require.NoError(t, err)
				family := netlink.FAMILY_V4
				if host == "h6" {
					family = netlink.FAMILY_V6
				}
				return netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, Family: family, State: netlink.NUD_REACHABLE,
					IP: netip.MustParseAddr(address).AsSlice(), HardwareAddr: macOf("wrong")})
			}))
			require.Equal(t, macOf("wrong").String(), neighbour(t, c, host, netip.MustParseAddr(address)))
		}
	}
	misled()
	inserted(t, c, func(t *testing.T, behind topology.PortID) {
		for host, s := range heard {
			ok, err := s.receive(time.Now().Add(time.Minute), func(s sighting) bool { return !s.out && net.HardwareAddr(s.frame[6:12]).String() == plug.MAC })
			require.NoError(t, err)
			require.True(t, ok, "%s hears of the gateway", host)
		}
		require.Eventually(t, func() bool {
			return neighbour(t, c, "h1", netip.MustParseAddr("10.1.0.1")) == plug.MAC && neighbour(t, c, "h6", netip.MustParseAddr("fd01::1")) == plug.MAC
		}, time.Minute, 10*time.Millisecond, "hosts know the gateway again")
		require.NoError(t, c.withFabric("a", func(v *view) error {
			require.Equal(t, linkOf(behind), v.learned(t, "V", plug.MAC))
			for _, n := range v.all(kindNetwork) {
				if strings.HasPrefix(n.tag.ID, "seg-") {
					require.Equal(t, linkOf(plug.Port), v.learned(t, topology.NetworkID(n.tag.ID), plug.MAC))
				}
			}
			return nil
		}))
		misled()
	})
	converge(t, c, "a", c.bootPlain(t.Context(), "a"), inPath("fw", 20)) // heals the last time
	f.end()
	f6.end()
}

// linkOf is the fabric's link of a port.
func linkOf(p topology.PortID) string {
	if strings.HasPrefix(string(p), "gateway") {
		return linkName(kindPlug, string(p))
	}
	return legName(p)
}

// learned is the port of a network's bridge behind which it knows a MAC address.
func (v *view) learned(t *testing.T, n topology.NetworkID, mac string) string {
	t.Helper()
	bridge, err := v.network(n)
	require.NoError(t, err)
	list, err := netlink.NeighList(0, unix.AF_BRIDGE)
	require.NoError(t, err)
	for _, e := range list {
		if e.MasterIndex == bridge.index() && e.HardwareAddr.String() == mac {
			l, err := netlink.LinkByIndex(e.LinkIndex)
			require.NoError(t, err)
			return l.Attrs().Name
		}
	}
	return ""
}
