package topology_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(fw, wo *topology.Service, base *topology.Fabric)
		says   string
	}{
		"an unknown network": {func(fw, _ *topology.Service, _ *topology.Fabric) { fw.Stitches[0].Network = "nope" },
			`service "FW" cannot be stitched into network "nope": the tenant has no such network`},
		"a network without a gateway": {func(_, _ *topology.Service, base *topology.Fabric) {
			base.Gateways[0].Plugs = base.Gateways[0].Plugs[1:]
		}, `service "FW" cannot be stitched into network "V": it has no gateway to stand in front of`},
		"two stitches on one network": {func(fw, _ *topology.Service, _ *topology.Fabric) { fw.Stitches[1].Network = "V" },
			`service "FW" is to be stitched into network "V" twice`},
		"a pair the package has not got": {func(fw, _ *topology.Service, _ *topology.Fabric) { fw.Stitches[0].Pair = 3 },
			`service "FW" has no inside NIC of pair 3 for network "V"`},
		"a pair with one end only": {func(fw, _ *topology.Service, _ *topology.Fabric) { fw.NICs[3].Role = topology.HA },
			`service "FW" has no outside NIC of pair 2 for network "X"`},
		"a bridge over two networks": {func(fw, _ *topology.Service, _ *topology.Fabric) { fw.Stitches[1].Pair = 1 },
			`pair 1 of service "FW" cannot carry network "X" as well as another: it would join the two`},
		"one outside NIC and different ways on": {func(fw, wo *topology.Service, _ *topology.Fabric) {
			*fw = firewall(topology.Isolated)
			wo.Stitches[0].Rank = 30
		}, `service "FW" has no outside NIC of pair 2 for network "X"; its networks could share an outside NIC only if the services behind it towards the gateway were the same for all of them`},
		"an instance twice": {func(fw, wo *topology.Service, _ *topology.Fabric) { wo.Instance = fw.Instance }, `instance "fw" is listed twice`},
		"management without a NIC for it": {func(_, wo *topology.Service, _ *topology.Fabric) { wo.NICs = wo.NICs[:2] },
			`service "WO" cannot have the management address 192.168.100.3/24: its package has no management NIC`},
		"one management address for two": {func(fw, wo *topology.Service, _ *topology.Fabric) { wo.Management = fw.Management },
			`service "FW" and service "WO" cannot both have the management address 192.168.100.2`},
		"an id that is taken": {func(_, _ *topology.Service, base *topology.Fabric) { base.Networks[2].ID = "seg-fw-V" },
			`network id "seg-fw-V" is needed for a segment network and is taken`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fw, wo, base := firewall(topology.Bridged), optimiser(), tenantA()
			c.change(&fw, &wo, &base)
			_, err := topology.Compose(base, []topology.Service{fw, wo})
			require.EqualError(t, err, c.says)
		})
	}
}

func TestComposeMakesALegOfEveryNIC(t *testing.T) {
	t.Parallel()
	fw := firewall(topology.Bridged)
	fw.Stitches, fw.Management = fw.Stitches[:1], netip.Prefix{}
	f := compose(t, tenantA(), fw)
	require.Len(t, f.Appliances, 1)
	require.Equal(t, topology.ApplianceID("fw"), f.Appliances[0].ID)
	var at []topology.NetworkID
	for i, l := range f.Appliances[0].Legs {
		at = append(at, l.At)
		require.Equal(t, i, l.NIC)
		require.Regexp(t, "^02:[0-9a-f:]{14}$", l.MAC)
	}
	require.Equal(t, []topology.NetworkID{"V", "seg-fw-V", "", "", ""}, at)
	require.Len(t, f.Networks, 4, "no management network when none is wanted")
}

// What Compose says does not depend on the order of services, nor on where
// plugs are now.
func TestComposeDependsOnItsInputOnly(t *testing.T) {
	t.Parallel()
	fw, wo := firewall(topology.Bridged), optimiser()
	want := compose(t, tenantA(), fw, wo)
	require.Equal(t, want, compose(t, tenantA(), wo, fw))
	require.Equal(t, want, compose(t, want, fw, wo))
	require.Equal(t, tenantA(), topology.Base(want))
}

// A service behind a shared segment may carry several networks over one pair.
func TestComposeBehindASharedSegment(t *testing.T) {
	t.Parallel()
	fw, wo := firewall(topology.Isolated), optimiser()
	wo.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: 30}, {Network: "X", Pair: 1, Rank: 30}}
	f := compose(t, tenantA(), fw, wo)
	require.Empty(t, topology.Check(f))
	for n, way := range map[topology.NetworkID]string{"V": "V → FW → seg-FW → WO → seg-WO-V → GW", "X": "X → FW → seg-FW → WO → seg-WO-V → GW"} {
		route, ok := topology.Path(f, n)
		require.True(t, ok)
		require.Equal(t, way, route.Detail())
	}
	steps := plan(t, tenantA(), f)
	require.Equal(t, f, applyAll(t, tenantA(), steps))
	require.Equal(t, map[topology.NetworkID]int{"V": 1, "X": 1}, topology.Count(steps).Swaps)
}

func TestFabricsAndStepsSurviveJSON(t *testing.T) {
	t.Parallel()
	for _, f := range []topology.Fabric{tenantA(), compose(t, tenantA(), firewall(topology.Isolated), optimiser()), topology.Settle(topology.Fabric{})} {
		text, err := json.Marshal(f)
		require.NoError(t, err)
		require.NotContains(t, string(text), "null")
		var back topology.Fabric
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, f, back)

		steps := plan(t, topology.Base(f), f)
		text, err = json.Marshal(steps)
		require.NoError(t, err)
		var again []topology.Step
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, steps, again)
		require.Equal(t, f, applyAll(t, topology.Base(f), again))
	}
}
