package provision_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A picture tells which appliance works, which stands by, and past which traffic gets;
// none of that is drift.
func TestASceneTellsHowAppliancesAre(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "open", "standby", "lan"))
	b.look(t, "fw")
	scene := func() map[topology.ApplianceID]topology.State {
		s, err := b.Scene(t.Context(), provision.Place{Tenant: tenant})
		require.NoError(t, err)
		require.Contains(t, topology.Draw(s), "lan")
		d, err := b.Drift(t.Context(), provision.Place{Tenant: tenant})
		require.NoError(t, err)
		require.Empty(t, d.Differences)
		return s.States
	}
	require.Equal(t, map[topology.ApplianceID]topology.State{
		"fw": {Health: topology.Healthy}, "fw+1": {Health: topology.Healthy, Standby: true},
	}, scene())

	out, err := b.Bypass(t.Context(), provision.UpkeepRequest{Instance: "fw", By: "ann"})
	require.NoError(t, err)
	b.wait(t, out.Operation)
	b.calm(t)
	states := scene()
	require.True(t, states["fw"].Past)
	require.True(t, states["fw+1"].Standby)
}
