package cloudtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// counting has a host's packets pass an appliance, get past it, and pass it in its next start, and
// looks each time at what its legs have counted.
func counting(t *testing.T, bed Bed) {
	counts, ok := bed.Cloud.(cloud.Counting)
	require.True(t, ok, "the cloud counts")
	_, err := counts.Counters(t.Context(), "nobody", "fw")
	require.ErrorIs(t, err, fault.NotFound)
	x := newTenant(t, bed, "a", "V")
	fw := x.service("fw", 10, "V")
	id := topology.ApplianceOf(fw.Instance, 0)
	require.Empty(t, x.counted(id), "what is not there counts nothing")
	x.converge(fw)
	legs := map[topology.PortID]topology.Leg{}
	for _, l := range x.observe().Appliances[0].Legs {
		legs[l.Port] = l
	}

	before := x.counted(id)
	require.Len(t, before, len(legs))
	x.passes("V", fw)
	after := x.counted(id)
	for port, leg := range legs {
		received, sent := after[port].Since(before[port])
		require.Equal(t, leg.Role, after[port].Role)
		through := leg.Pair == 1
		require.Equal(t, through, received.Packets > 0 && sent.Packets > 0, "leg %s pair %d: the request one way, the answer the other", leg.Role, leg.Pair)
		require.GreaterOrEqual(t, received.Bytes, received.Packets*14, "a frame has a header at least")
		require.GreaterOrEqual(t, sent.Bytes, sent.Packets*14)
	}

	past := fw
	past.Stitches = []topology.Stitch{fw.Stitches[0]}
	past.Stitches[0].Bypassed = true
	x.converge(past)
	past.Replicas = []topology.Replica{{Start: 1}}
	x.converge(past)
	again := fw
	again.Replicas = past.Replicas
	x.converge(again)
	x.passes("V", again)
	for port, now := range x.counted(id) {
		received, sent := now.Since(after[port])
		require.Equal(t, legs[port].Pair == 1, received.Packets > 0 && sent.Packets > 0, "it counts on when the machine was started anew")
		require.Less(t, received.Packets+sent.Packets, uint64(1_000_000), "by what has passed")
	}
	x.converge()
	require.Empty(t, x.counted(id), "it is gone")
}

// counted is what the legs of an appliance have counted, by port.
func (x *tenant) counted(id topology.ApplianceID) map[topology.PortID]topology.Counter {
	x.Helper()
	list, err := x.bed.Cloud.(cloud.Counting).Counters(x.Context(), x.id, id)
	require.NoError(x, err)
	all := map[topology.PortID]topology.Counter{}
	for _, c := range list {
		require.NotContains(x, all, c.Port)
		all[c.Port] = c
	}
	return all
}
