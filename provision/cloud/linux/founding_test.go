//go:build linux

package linux

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The founding use case: a firewall on V and X, an optimiser on X between the
// hosts and the firewall, Z untouched; in any order of requests.
func TestFoundingUseCaseWithRealPackets(t *testing.T) {
	c := newPatched(t)
	for i, n := range []topology.NetworkID{"V", "X", "Z"} {
		cidr := fmt.Sprintf("10.%d.0", i+1)
		require.NoError(t, c.CreateNetwork(t.Context(), "a", topology.Network{ID: n, Name: string(n), Role: topology.RoleTenant, Subnets: []topology.Subnet{
			{CIDR: netip.MustParsePrefix(cidr + ".0/24"), Gateway: netip.MustParseAddr(cidr + ".1")}}}))
		require.NoError(t, c.CreateHost(t.Context(), "a", cloud.Host{Name: "h" + string(n), Network: n, Address: netip.MustParsePrefix(cidr + ".11/24")}))
	}
	service := func(name string, rank int, networks ...topology.NetworkID) topology.Service {
		s := topology.Service{Instance: topology.InstanceID(name), Name: name, Zones: topology.Bridged}
		for i, n := range networks {
			s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: i + 1}, topology.NIC{Role: topology.Outside, Pair: i + 1})
			s.Stitches = append(s.Stitches, topology.Stitch{Network: n, Pair: i + 1, Rank: rank})
		}
		return s
	}
	fw, wo := service("fw", 20, "V", "X"), service("wo", 10, "X")
	before := observe(t, c, "a")
	boot := c.bootPlain(t.Context(), "a")
	passes := func(network string, want ...topology.ApplianceID) {
		t.Helper()
		got, reached, err := c.Trace(t.Context(), "a", "h"+network)
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, want, got)
	}
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
		passes("V", "fw")
		passes("X", "wo", "fw")
		passes("Z")
		plug := observe(t, c, "a").Gateways[0].Plugs[1]
		require.NoError(t, c.withFabric("a", func(v *view) error {
			_, _, smooth := v.between(observe(t, c, "a"), plug.Home, plug.At)
			require.True(t, smooth, "a way may lead over several appliances")
			return nil
		}))
		both = append(both, observe(t, c, "a"))
		converge(t, c, "a", boot, wo)
		passes("V")
		passes("X", "wo")
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
}
