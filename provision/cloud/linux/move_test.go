//go:build linux

package linux

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// patiently does a step as often as its NotYet says.
func patiently(t testing.TB, step func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for {
		err := step(ctx)
		var notYet *cloud.NotYet
		if !errors.As(err, &notYet) {
			require.NoError(t, err)
			return
		}
		select {
		case <-time.After(notYet.After):
		case <-ctx.Done():
			require.FailNow(t, "it never became ready", "%v", err)
		}
	}
}

// village is a tenant with one network, V, and one host, h1.
func village(t testing.TB, c *Cloud, tenant topology.TenantID) {
	t.Helper()
	require.NoError(t, c.CreateNetwork(t.Context(), tenant, topology.Network{
		ID: "V", Name: "V", Role: topology.RoleTenant, Subnets: []topology.Subnet{
			{CIDR: netip.MustParsePrefix("10.1.0.0/24"), Gateway: netip.MustParseAddr("10.1.0.1")},
			{CIDR: netip.MustParsePrefix("fd01::/64"), Gateway: netip.MustParseAddr("fd01::1")},
		},
	}))
	require.NoError(t, c.CreateHost(t.Context(), tenant, cloud.Host{Name: "h1", Network: "V", Address: netip.MustParsePrefix("10.1.0.11/24")}))
	require.NoError(t, c.CreateHost(t.Context(), tenant, cloud.Host{Name: "h6", Network: "V", Address: netip.MustParsePrefix("fd01::11/64")}))
}

func inPath(name string, rank int) topology.Service {
	return topology.Service{
		Instance: topology.InstanceID(name), Name: name, Zones: topology.Bridged,
		NICs:     []topology.NIC{{Role: topology.Management}, {Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "V", Pair: 1, Rank: rank}},
	}
}

func (c *Cloud) bootPlain(ctx context.Context, tenant topology.TenantID) func(topology.Appliance) error {
	return func(a topology.Appliance) error { return c.Boot(ctx, tenant, a, cloud.Server{}) }
}

func TestInsertionAndRemovalLoseNoPacket(t *testing.T) {
	for name, way := range map[string]struct{ host, public string }{
		"IPv4": {"h1", PublicIPv4},
		"IPv6": {"h6", PublicIPv6},
	} {
		t.Run(name, func(t *testing.T) {
			c := newPatched(t)
			village(t, c, "a")
			boot := c.bootPlain(t.Context(), "a")
			f := startFlow(t, c, "a", way.host, way.public)
			for range 3 {
				converge(t, c, "a", boot, inPath("fw", 20))
				f.some(100)
				// In front of it, so that a leg moves instead of the gateway's plug.
				converge(t, c, "a", boot, inPath("fw", 20), inPath("wo", 10))
				f.some(100)
				converge(t, c, "a", boot, inPath("wo", 10))
				f.some(100)
				converge(t, c, "a", boot)
				f.some(100)
			}
			sent, lost := f.end()
			t.Logf("12 swaps: %d of %d packets lost", lost, sent)
			require.LessOrEqual(t, lost, 1)
		})
	}
}

// A next generation is made beside the one before; the port that moves is the
// gateway's plug, or the leg of the service behind.
func TestReplacementLosesNoPacket(t *testing.T) {
	for name, way := range map[string]struct{ host, public string }{
		"IPv4": {"h1", PublicIPv4},
		"IPv6": {"h6", PublicIPv6},
	} {
		t.Run(name, func(t *testing.T) {
			c := newPatched(t)
			village(t, c, "a")
			boot := c.bootPlain(t.Context(), "a")
			fw, wo := inPath("fw", 20), inPath("wo", 10)
			converge(t, c, "a", boot, fw, wo)
			f := startFlow(t, c, "a", way.host, way.public)
			for range 4 {
				fw.Generation++
				converge(t, c, "a", boot, fw, wo)
				f.some(100)
				wo.Generation++
				converge(t, c, "a", boot, fw, wo)
				f.some(100)
			}
			sent, lost := f.end()
			t.Logf("8 replacements: %d of %d packets lost", lost, sent)
			require.LessOrEqual(t, lost, 1)
		})
	}
}

func TestAnApplianceThatHangsIsBypassedAtOnce(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	converge(t, c, "a", c.bootPlain(t.Context(), "a"), inPath("fw", 20))
	f := startFlow(t, c, "a", "h1", PublicIPv4)
	fabric := observe(t, c, "a")
	require.NoError(t, c.withFabric("a", func(v *view) error { // it runs and forwards nothing
		wire, err := netlink.LinkByName(wirePrefix(machine{"a", fabric.Appliances[0]}) + "1")
		require.NoError(t, err)
		return netlink.LinkSetDown(wire)
	}))
	require.True(t, observe(t, c, "a").Appliances[0].Booted)
	plug := fabric.Gateways[0].Plugs[0]
	start := time.Now()
	require.NoError(t, c.Do(t.Context(), "a", topology.Step{Verb: topology.Move, Gateway: fabric.Gateways[0].ID,
		Port: plug.Port, From: plug.At, To: "V", Serves: []topology.NetworkID{"V"}}))
	took := time.Since(start)
	f.some(200)
	sent, lost := f.end()
	t.Logf("bypassed in %s; %d of %d packets lost while it hung", took, lost, sent)
	require.Less(t, took, sweepPatience, "nobody waits for what is dead as for what forwards")
	require.Less(t, lost, sent-100, "traffic flows again")
	passed, reached, err := c.Trace(t.Context(), "a", "h1")
	require.NoError(t, err)
	require.True(t, reached)
	require.Empty(t, passed)
}
