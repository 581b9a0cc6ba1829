package openstack

import (
	"net/netip"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The real Glance, Cinder and Nova take what the driver makes of a package, and
// nothing of it is left.
func TestALabMakesAnApplianceFromItsPackage(t *testing.T) {
	d := onLab(t)
	d.prepare, d.discard, d.listed = d.equip, d.strip, d.inventory
	b := labBed(t, d, "stock")
	require.NoError(t, b.CreateNetwork(t.Context(), "stock", topology.Network{ID: "V", Name: "V", Subnets: []topology.Subnet{
		{CIDR: netip.MustParsePrefix("10.61.0.0/24"), Gateway: netip.MustParseAddr("10.61.0.1")}}}))
	have, err := b.Observe(t.Context(), "stock")
	require.NoError(t, err)
	want, err := topology.Compose(topology.Base(have), []topology.Service{{Instance: "fw", Name: "fw", Zones: topology.Bridged,
		NICs: []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}}, Stitches: []topology.Stitch{{Network: "V", Pair: 1}}}})
	require.NoError(t, err)
	m := machine()
	m.Group = cloud.Group{ID: "pair", Policy: cloud.PreferApart}
	m.Disks[1].CapacityBytes, m.Disks[1].Bus = 1<<30, "virtio"

	up, err := topology.Plan(have, want)
	require.NoError(t, err)
	machines := map[topology.ApplianceID]cloud.Server{}
	for _, step := range up {
		if step.Verb == topology.Boot {
			machines[step.Appliance.ID] = m
		}
	}
	limits, err := d.limits(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(limits), 11, "all of the three services tell theirs")
	require.NoError(t, d.Afford(t.Context(), up, machines))
	for _, step := range up {
		if step.Verb == topology.Boot {
			require.NoError(t, b.Boot(t.Context(), "stock", *step.Appliance, m), "%s", step)
			break // what is about traffic is others' to test
		}
		require.NoError(t, b.Do(t.Context(), "stock", step), "%s", step)
	}
	list, err := d.servers(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	server, err := servers.Get(t.Context(), d.compute, list[0].ID).Extract()
	require.NoError(t, err)
	require.Len(t, server.AttachedVolumes, 2, "the data disk and the CD")
	require.Equal(t, "bumpwire."+d.scope+".2-256-2", server.Flavor["original_name"])

	now, err := b.Observe(t.Context(), "stock")
	require.NoError(t, err)
	down, err := topology.Plan(now, topology.Base(now))
	require.NoError(t, err)
	for _, step := range down {
		require.NoError(t, b.Do(t.Context(), "stock", step), "%s", step)
	}
	left, err := d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	images, err := d.imagesWith(t.Context())
	require.NoError(t, err)
	require.Empty(t, images)
}
