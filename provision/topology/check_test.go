package topology_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// plugged is a fabric with one more or other plug.
func plugged(f topology.Fabric, port topology.PortID, at topology.NetworkID) topology.Fabric {
	f = topology.Settle(f)
	for i := range f.Appliances {
		for j := range f.Appliances[i].Legs {
			if l := &f.Appliances[i].Legs[j]; l.Port == port {
				l.At = at
			}
		}
	}
	for i := range f.Gateways {
		for j := range f.Gateways[i].Plugs {
			if p := &f.Gateways[i].Plugs[j]; p.Port == port {
				p.At = at
			}
		}
	}
	return f
}

func off(f topology.Fabric, id topology.ApplianceID) topology.Fabric {
	f = topology.Settle(f)
	for i := range f.Appliances {
		if f.Appliances[i].ID == id {
			f.Appliances[i].Booted = false
		}
	}
	return f
}

func sentences(violations []topology.Violation) []string {
	all := []string{}
	for _, v := range violations {
		all = append(all, v.String())
	}
	return all
}

func TestCheckFinds(t *testing.T) {
	t.Parallel()
	pairs := compose(t, tenantA(), firewall(topology.Bridged), optimiser())
	shared := compose(t, tenantA(), firewall(topology.Isolated), optimiser())
	for name, c := range map[string]struct {
		f    topology.Fabric
		says []string
	}{
		"nothing in own pairs":        {pairs, []string{}},
		"nothing in a shared segment": {shared, []string{}},
		"a wire with both ends on one network": {plugged(pairs, "wo-nic1", "X"), []string{
			"frames of network X go round in a loop through wo", "hosts of network X cannot reach their gateway's port gw-X"}},
		"a loop through what does not run": {off(plugged(plugged(pairs, "wo-nic1", "X"), "gw-X", "X"), "wo"), []string{
			"frames of network X go round in a loop through wo"}},
		"a loop that no host's frames reach": {plugged(plugged(plugged(pairs, "gw-X", "X"), "wo-nic0", ""), "fw-nic3", "seg-wo-X"), []string{
			"frames of network seg-wo-X go round in a loop through fw"}},
		"a bridge between two networks": {plugged(pairs, "fw-nic1", "Z"), []string{
			"networks V and Z are joined into one broadcast domain", "hosts of network V cannot reach their gateway's port gw-V"}},
		"a bridge into the management network": {plugged(pairs, "fw-nic1", "mgmt-acme"), []string{
			"networks V and mgmt-acme are joined into one broadcast domain", "hosts of network V cannot reach their gateway's port gw-V"}},
		"two ways from one network into a shared segment": {plugged(shared, "fw-nic2", "V"), []string{
			"frames of network V go round in a loop through fw", "hosts of network X cannot reach their gateway's port gw-X"}},
		"a gateway out of reach":    {plugged(pairs, "gw-Z", "V"), []string{"hosts of network Z cannot reach their gateway's port gw-Z"}},
		"a gateway unplugged":       {plugged(pairs, "gw-Z", ""), []string{"hosts of network Z cannot reach their gateway's port gw-Z"}},
		"an appliance that is dead": {off(pairs, "wo"), []string{"hosts of network X cannot reach their gateway's port gw-X"}},
		"a plug in the air":         {plugged(pairs, "fw-nic4", "nope"), []string{`port fw-nic4 is plugged into network "nope", which does not exist`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.says, sentences(topology.Check(c.f)))
		})
	}
}

func TestCheckBetweenFindsLeaks(t *testing.T) {
	t.Parallel()
	done, _ := founded(t)
	require.Equal(t, []string{"traffic of network V gets past fw"}, sentences(topology.CheckBetween(done, plugged(done, "gw-V", "V"), done)))
	require.Equal(t, []string{"traffic of network X gets past wo"}, sentences(topology.CheckBetween(done, plugged(done, "fw-nic2", "X"), done)))
	require.Empty(t, topology.CheckBetween(done, plugged(done, "gw-V", "V"), tenantA()), "what is to go may be got past")
	require.Empty(t, topology.CheckBetween(tenantA(), plugged(done, "gw-V", "V"), done), "what is to come may be got past")

	before := compose(t, tenantA(), inOrder("a", 1), inOrder("b", 2))
	after := compose(t, tenantA(), inOrder("a", 2), inOrder("b", 1))
	require.Equal(t, []string{"traffic of network V passes a out of order"}, sentences(topology.CheckBetween(before, before, after)))
}

func inOrder(id topology.InstanceID, rank int) topology.Service {
	s := twoPairs(id)
	s.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: rank}}
	return s
}

func TestPathEndsWhereTrafficStops(t *testing.T) {
	t.Parallel()
	done, _ := founded(t)
	route, ok := topology.Path(done, "X")
	require.True(t, ok)
	require.Equal(t, "X → WO → FW → GW", route.String())
	require.Equal(t, "X → WO → seg-WO-X → FW → seg-FW-X → GW", route.Detail())
	require.Equal(t, []topology.ApplianceID{"wo", "fw"}, route.Appliances())

	route, ok = topology.Path(off(done, "fw"), "X")
	require.False(t, ok)
	require.Equal(t, "X → WO", route.String())

	route, ok = topology.Path(plugged(done, "gw-X", ""), "X")
	require.False(t, ok)
	require.Equal(t, "X", route.String())

	_, ok = topology.Path(done, "seg-fw-V")
	require.False(t, ok, "segments have no hosts")
	_, ok = topology.Path(done, "nope")
	require.False(t, ok)
}
