package openstack

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// The operator's machine is on the management network; from there an appliance
// answers, and from a neighbour's place on the same network it does not.
func TestALabsAppliancesAnswerTheOperatorAndNoNeighbour(t *testing.T) {
	d := onLab(t)
	ctx := context.WithoutCancel(t.Context())
	n, err := networks.Create(ctx, d.network, networks.CreateOpts{Name: d.scope + "-appliances"}).Extract()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, networks.Delete(ctx, d.network, n.ID).ExtractErr()) })
	off, none := false, ""
	_, err = subnets.Create(ctx, d.network, subnets.CreateOpts{NetworkID: n.ID, CIDR: "198.18.77.0/24", IPVersion: 4, EnableDHCP: &off, GatewayIP: &none}).Extract()
	require.NoError(t, err)

	operator := plugHere(t, d, n.ID, "198.18.77.1")
	neighbour := plugHere(t, d, n.ID, "198.18.77.200")
	d.management, err = d.sharedManagement(ctx, Options{Management: d.scope + "-appliances", ManagementFrom: []netip.Prefix{netip.MustParsePrefix("198.18.77.1/32")}})
	require.NoError(t, err)

	b := labBed(t, d, "acme")
	s := managedService("198.18.77.10/24")
	v := topology.Network{ID: "V", Name: "V", Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.67.1.0/24"), Gateway: netip.MustParseAddr("10.67.1.1")}}}
	require.NoError(t, b.CreateNetwork(ctx, "acme", v))
	converge(t, b, s)

	f, err := b.Cloud.Observe(ctx, b.project("acme"))
	require.NoError(t, err)
	space, err := spaceOf(b, f.Tenant, f.Appliances[0].ID)
	require.NoError(t, err)
	links, err := linksOf(space)
	require.NoError(t, err)
	link := links[f.Appliances[0].Legs[0].MAC]
	_, err = run("ip", "-n", space, "addr", "replace", "198.18.77.10/24", "dev", link)
	require.NoError(t, err)
	require.NoError(t, all([]string{"ip", "-n", space, "link", "set", link, "up"}))

	require.Eventually(t, func() bool {
		_, err := run("ip", "netns", "exec", operator, "ping", "-c1", "-W1", "198.18.77.10")
		return err == nil
	},
		time.Minute, time.Second, "the operator is answered")
	_, err = run("ip", "netns", "exec", neighbour, "ping", "-c3", "-W1", "198.18.77.10")
	require.Error(t, err, "a neighbour is not")
	_, taken, err := d.Management(ctx)
	require.NoError(t, err)
	require.Len(t, taken, 3)
	converge(t, b)
	left, err := d.Resources(ctx)
	require.NoError(t, err)
	require.Empty(t, left)
}

// plugHere is a namespace of this machine with an address on a network.
func plugHere(t *testing.T, d *Driver, network, address string) (space string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	host, err := d.thisMachine(ctx)
	require.NoError(t, err)
	p, err := ports.Create(ctx, d.network, wanted{"network_id": network, "device_owner": "compute:lab", "binding:host_id": host, "fixed_ips": []any{map[string]any{"ip_address": address}}}).Extract()
	require.NoError(t, err)
	w := namespaces{t}
	t.Cleanup(func() {
		w.unplug(*p)
		require.NoError(t, ports.Delete(ctx, d.network, p.ID).ExtractErr())
	})
	require.NoError(t, w.plug(nil, *p, netip.MustParsePrefix(fmt.Sprintf("%s/24", address)), netip.MustParseAddr("198.18.77.254")))
	return hostSpace(*p)
}
