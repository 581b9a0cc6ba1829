package provision_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestWhatPassesAnInstanceIsCountedOnTheLegsOfAllItsAppliances(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	require.True(t, b.Counts())
	b.provisioned(t, w.resilient("fw", "open", "standby", "lan"))
	i := b.show(t, "fw")
	inside := func() (appliances map[topology.PortID]bool, received uint64) {
		counters, err := b.Counters(t.Context(), i)
		require.NoError(t, err)
		appliances = map[topology.PortID]bool{}
		for _, c := range counters {
			require.False(t, appliances[c.Port], "each leg once")
			if appliances[c.Port] = true; c.Role == topology.Inside {
				received += c.Received.Packets
			}
		}
		return appliances, received
	}
	legs, before := inside()
	require.Greater(t, len(legs), 3, "of the one that stands by, too")
	w.path(t, "host-lan")
	_, after := inside()
	require.Equal(t, before+1, after)

	i.ID = "none"
	legs, _ = inside()
	require.Empty(t, legs)
}
