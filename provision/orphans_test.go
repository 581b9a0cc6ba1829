package provision_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// repaired asks for a repair and waits until it is done.
func (b *broker) repaired(t *testing.T) provision.Disagreement {
	t.Helper()
	list, err := b.Orphans(t.Context(), true)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NotEmpty(t, list[0].Repair)
	require.Equal(t, work.Done, b.wait(t, list[0].Repair).Status)
	left, err := b.Orphans(t.Context(), true)
	require.NoError(t, err)
	require.Empty(t, left)
	return list[0]
}

func TestWhatAgreesIsNoOrphan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	list, err := b.Orphans(t.Context(), true)
	require.NoError(t, err)
	require.Empty(t, list)
	b.removed(t, w.removal("fw", ""))
	list, err = b.Orphans(t.Context(), true)
	require.NoError(t, err)
	require.Empty(t, list)
	w.requireBase(t)
}

func TestAMachineThatDiedIsMadeAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.NoError(t, w.cloud.KillAppliance(tenant, topology.ApplianceOf("fw", i.Generation)))
	d := b.repaired(t)
	require.NotEmpty(t, d.Missing)
	require.Empty(t, d.Leftover)
	require.Equal(t, "host-lan → fw → gateway", w.way(t, "host-lan"))
}

// What nobody has a record of goes, and only that.
func TestWhatHasNoRecordIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	require.NoError(t, w.cloud.Drift(tenant, func(f *topology.Fabric) {
		f.Networks = append(f.Networks, topology.Network{ID: "left-over", Name: "left-over", Role: topology.RoleSegment})
	}))
	d := b.repaired(t)
	require.NotEmpty(t, d.Leftover)
	require.Empty(t, d.Missing)
	w.requireBase(t)
}

// What is being made is neither judged nor touched, however often one asks.
func TestARepairKeepsOutOfWhatIsInProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootTime: 200 * time.Millisecond})
	b := w.broker(t, w.driver)
	out, err := b.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	for {
		list, err := b.Orphans(t.Context(), true)
		require.NoError(t, err)
		require.False(t, slices.ContainsFunc(list, func(d provision.Disagreement) bool { return !d.Busy }), "%+v", list)
		if c, err := b.engine.Get(t.Context(), out.Operation); err == nil && c.Ended() {
			break
		}
	}
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	require.Equal(t, "host-lan → fw → gateway", w.way(t, "host-lan"))
}
