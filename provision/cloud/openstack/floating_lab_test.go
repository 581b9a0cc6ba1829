package openstack

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A host with a floating IP answers at it before a service comes, through the service,
// and after it has gone, and then it has the floating IP as at first.
func TestALabLeadsFloatingIPsThroughAService(t *testing.T) {
	d := onLab(t)
	outside, err := d.networks(t.Context(), query{"router:external": {"true"}})
	require.NoError(t, err)
	if len(outside) == 0 {
		t.Skip("NOT TESTED: this cloud has no external network")
	}
	b := labBed(t, d, "acme")
	v := topology.Network{ID: "V", Name: "V", Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.67.1.0/24"), Gateway: netip.MustParseAddr("10.67.1.1")}}}
	require.NoError(t, b.CreateNetwork(t.Context(), "acme", v))
	host := cloud.Host{Name: "h", Network: "V", Address: netip.MustParsePrefix("10.67.1.9/24")}
	require.NoError(t, b.CreateHost(t.Context(), "acme", host))
	project := string(b.tenants["acme"])
	found, err := d.look(t.Context(), b.tenants["acme"])
	require.NoError(t, err)
	router := "routers/" + found.routers[0].ID
	require.NoError(t, put(t.Context(), d, router, map[string]any{"router": map[string]any{"external_gateway_info": map[string]any{"network_id": outside[0].ID}}}))
	hosts, err := d.ports(t.Context(), query{"project_id": {project}, "fixed_ips": {"ip_address=10.67.1.9"}})
	require.NoError(t, err)
	require.Len(t, hosts, 1)
	ip, err := floatingips.Create(t.Context(), d.network, floatingips.CreateOpts{FloatingNetworkID: outside[0].ID, PortID: hosts[0].ID, ProjectID: project}).Extract()
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, floatingips.Delete(ctx, d.network, ip.ID).ExtractErr())
		require.NoError(t, put(ctx, d, router, map[string]any{"router": map[string]any{"external_gateway_info": nil}}))
	})
	answers := func() bool {
		_, err := run("ping", "-c", "1", "-W", "1", ip.FloatingIP)
		return err == nil
	}
	settled := func() bool { // Neutron tells states a while after packets pass
		is, err := floatingips.Get(t.Context(), d.network, ip.ID).Extract()
		active, wrong := d.ports(t.Context(), query{"device_id": {found.routers[0].ID, host.Name}, "network_id": {hosts[0].NetworkID}, "status": {"ACTIVE"}})
		return err == nil && is.Status == "ACTIVE" && wrong == nil && len(active) == 2
	}
	require.Eventually(t, answers, time.Minute, time.Second, "%s is not reached from this machine", ip.FloatingIP)
	require.Eventually(t, settled, time.Minute, time.Second)
	before := everything(t, d, project)

	fw := topology.Service{Instance: "fw", Name: "fw", Zones: topology.Bridged, NICs: []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "V", Pair: 1}}}
	for _, services := range [][]topology.Service{{fw}, nil} {
		converge(t, b, services...)
		passed, reached, err := b.Trace(t.Context(), "acme", host.Name)
		require.NoError(t, err)
		require.True(t, reached)
		require.Len(t, passed, len(services))
		is, err := floatingips.Get(t.Context(), d.network, ip.ID).Extract()
		require.NoError(t, err)
		require.Equal(t, "10.67.1.9", is.FixedIP)
		require.Equal(t, len(services) == 0, is.PortID == hosts[0].ID)
		require.Eventually(t, answers, time.Minute, time.Second, "with %d services", len(services))
	}
	require.Eventually(t, settled, time.Minute, time.Second)
	require.Equal(t, before, everything(t, d, project))
}
