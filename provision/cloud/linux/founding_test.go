//go:build linux

package linux

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The founding tenant: networks V, X and Z behind one gateway, a host on each.
func founding(t testing.TB, c *Cloud) {
	t.Helper()
	for i, n := range []topology.NetworkID{"V", "X", "Z"} {
		cidr := fmt.Sprintf("10.%d.0", i+1)
		require.NoError(t, c.CreateNetwork(t.Context(), "a", topology.Network{ID: n, Name: string(n), Role: topology.RoleTenant, Subnets: []topology.Subnet{
			{CIDR: netip.MustParsePrefix(cidr + ".0/24"), Gateway: netip.MustParseAddr(cidr + ".1")}}}))
		require.NoError(t, c.CreateHost(t.Context(), "a", cloud.Host{Name: "h" + string(n), Network: n, Address: netip.MustParsePrefix(cidr + ".11/24")}))
	}
}

// foundingServices are its firewall on V and X and its optimiser on X, between the
// hosts and the firewall. The firewall has a pair of legs for each network, or one
// outside leg for both.
func foundingServices(zones topology.Zones) (fw, wo topology.Service) {
	service := func(name string, rank int, networks ...topology.NetworkID) topology.Service {
		s := topology.Service{Instance: topology.InstanceID(name), Name: name, Zones: topology.Bridged}
		for i, n := range networks {
			s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: i + 1}, topology.NIC{Role: topology.Outside, Pair: i + 1})
			s.Stitches = append(s.Stitches, topology.Stitch{Network: n, Pair: i + 1, Rank: rank})
		}
		return s
	}
	fw, wo = service("fw", 20, "V", "X"), service("wo", 10, "X")
	if zones == topology.Isolated {
		fw.Zones, fw.NICs = zones, fw.NICs[:3]
	}
	return fw, wo
}

// passes says which appliances a packet of the host on a network really passes.
func passes(t testing.TB, c *Cloud, network string, want ...topology.ApplianceID) {
	t.Helper()
	got, reached, err := c.Trace(t.Context(), "a", "h"+network)
	require.NoError(t, err)
	require.True(t, reached)
	require.Equal(t, want, got)
}

// The founding use case: a firewall on V and X, an optimiser on X between the
// hosts and the firewall, Z untouched; in any order of requests, in both forms.
func TestFoundingUseCaseWithRealPackets(t *testing.T) {
	for form, zones := range map[string]topology.Zones{"pairs": topology.Bridged, "shared": topology.Isolated} {
		t.Run(form, func(t *testing.T) {
			c := newPatched(t)
			founding(t, c)
			fw, wo := foundingServices(zones)
			before := observe(t, c, "a")
			boot := c.bootPlain(t.Context(), "a")
			var both []topology.Fabric
			for name, order := range map[string][][]topology.Service{
				"at once":              {{fw, wo}},
				"the firewall first":   {{fw}, {fw, wo}},
				"the optimiser first":  {{wo}, {fw, wo}},
				"first one, then both": {{wo}, {}, {fw}, {fw, wo}},
			} {
				var flows []*flow
				for _, n := range []string{"V", "X", "Z"} {
					flows = append(flows, startFlow(t, c, "a", "h"+n, PublicIPv4))
				}
				for _, services := range order {
					converge(t, c, "a", boot, services...)
				}
				passes(t, c, "V", "fw")
				passes(t, c, "X", "wo", "fw")
				passes(t, c, "Z")
				plug := observe(t, c, "a").Gateways[0].Plugs[1]
				require.NoError(t, c.withFabric("a", func(v *view) error {
					_, _, smooth := v.between(observe(t, c, "a"), plug.Home, plug.At)
					require.True(t, smooth, "a way may lead over several appliances")
					return nil
				}))
				both = append(both, observe(t, c, "a"))
				converge(t, c, "a", boot, wo)
				passes(t, c, "V")
				passes(t, c, "X", "wo")
				converge(t, c, "a", boot)
				require.Equal(t, before, observe(t, c, "a"), name)
				for i, f := range flows {
					sent, lost := f.end()
					t.Logf("%s: network %d lost %d of %d", name, i, lost, sent)
					require.LessOrEqual(t, lost, 1, name)
				}
			}
			for _, f := range both[1:] {
				require.Equal(t, both[0], f, "each order ends in the same")
			}
		})
	}
}

// The next generation of a firewall whose outside leg both networks share.
func TestReplacementBehindASharedLegLosesNoPacket(t *testing.T) {
	c := newPatched(t)
	founding(t, c)
	fw, wo := foundingServices(topology.Isolated)
	boot := c.bootPlain(t.Context(), "a")
	converge(t, c, "a", boot, fw, wo)
	var flows []*flow
	for _, n := range []string{"V", "X", "Z"} {
		flows = append(flows, startFlow(t, c, "a", "h"+n, PublicIPv4))
	}
	const replacements = 8
	for range replacements {
		fw.Generation++
		converge(t, c, "a", boot, fw, wo)
		passes(t, c, "V", topology.ApplianceOf("fw", fw.Generation))
		passes(t, c, "X", "wo", topology.ApplianceOf("fw", fw.Generation))
		flows[0].some(100)
	}
	for i, f := range flows {
		sent, lost := f.end()
		t.Logf("%d replacements: network %d lost %d of %d", replacements, i, lost, sent)
		require.LessOrEqual(t, lost, replacements, "none as a rule, and one each at most on a machine that does much else")
	}
}

// Both of the gateway's plugs are in one segment then. A host that asks for its
// gateway must get the answer of its own plug: the other one's address would be
// wrong as soon as the service is gone.
func TestAHostBehindASharedLegLearnsItsOwnGateway(t *testing.T) {
	c := newPatched(t)
	founding(t, c)
	fw, _ := foundingServices(topology.Isolated)
	converge(t, c, "a", c.bootPlain(t.Context(), "a"), fw)
	f := observe(t, c, "a")
	require.Equal(t, f.Gateways[0].Plugs[0].At, f.Gateways[0].Plugs[1].At)
	for _, p := range f.Gateways[0].Plugs {
		host := "h" + string(p.Home)
		for range 5 {
			require.NoError(t, c.InHost(t.Context(), "a", host, forgetNeighbours))
			flow := startFlow(t, c, "a", host, PublicIPv4)
			flow.some(20)
			flow.end()
			require.Equal(t, p.MAC, neighbour(t, c, host, p.Addresses[0].Addr()))
		}
	}
}

func forgetNeighbours() error {
	list, err := netlink.NeighList(0, netlink.FAMILY_ALL)
	for _, n := range list {
		if n.State != netlink.NUD_NOARP {
			err = errors.Join(err, netlink.NeighDel(&n))
		}
	}
	return err
}

// neighbour is the MAC address that a host knows an address by; empty for none.
func neighbour(t testing.TB, c *Cloud, host string, a netip.Addr) (mac string) {
	t.Helper()
	require.NoError(t, c.InHost(t.Context(), "a", host, func() error {
		list, err := netlink.NeighList(0, netlink.FAMILY_ALL)
		for _, n := range list {
			if n.IP.Equal(a.AsSlice()) {
				mac = n.HardwareAddr.String()
			}
		}
		return err
	}))
	return mac
}
