package cloudtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// pulse is how an appliance is now.
func (x *tenant) pulse(id topology.ApplianceID) cloud.Pulse {
	x.Helper()
	p, err := x.bed.Cloud.Probe(x.Context(), x.id, id)
	require.NoError(x, err)
	return p
}

// beats waits until an appliance forwards, in the start that it is to be.
func (x *tenant) beats(id topology.ApplianceID, start int) {
	x.Helper()
	want, is := cloud.Pulse{Running: true, Start: start}, x.pulse(id)
	for until := time.Now().Add(x.bed.BootTimeout); is != want && time.Now().Before(until); is = x.pulse(id) {
	}
	require.Equal(x, want, is)
}

// passesBy is passes by the appliances' ids.
func (x *tenant) passesBy(network string, want ...topology.ApplianceID) {
	x.Helper()
	passed, reached, err := x.bed.Cloud.Trace(x.Context(), x.id, x.host(network).Name)
	require.NoError(x, err)
	require.True(x, reached, "the gateway answers on network %s", network)
	require.Equal(x, want, passed)
}

// bypass gets traffic past one of two services, boots its appliance anew beside the
// traffic, and puts it back once it forwards.
func bypass(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	_, err := bed.Cloud.Probe(t.Context(), "nobody", "fw")
	require.ErrorIs(t, err, fault.NotFound)
	before := x.observe()
	fw, wo := x.managed(x.service("fw", 10, "V")), x.service("wo", 20, "V")
	id, other := topology.ApplianceOf(fw.Instance, 0), topology.ApplianceOf(wo.Instance, 0)
	require.Zero(t, x.pulse(id), "what is not there does not run")
	x.converge(fw, wo)
	x.beats(id, 0)
	inserted := x.observe()

	past := fw
	past.Stitches = []topology.Stitch{fw.Stitches[0]}
	past.Stitches[0].Bypassed = true
	require.Len(t, x.plan(past, wo), 1, "one plug moves")
	x.converge(past, wo)
	x.passesBy("V", other)
	x.beats(id, 0)
	x.converge(fw, wo)
	require.Equal(t, inserted, x.observe())
	x.passes("V", fw, wo)

	past.Replicas = []topology.Replica{{Management: fw.Management, Start: 3}}
	steps := x.plan(past, wo)
	require.Len(t, steps, 3)
	for _, s := range steps {
		require.NoError(t, x.patiently(s), "%s", s)
		require.Equal(t, s.Verb != topology.Shutdown, x.pulse(id).Running, "after %s", s)
		x.passesBy("V", other)
	}
	require.Empty(t, x.plan(past, wo), "it is of that start")
	require.NoError(t, x.patiently(steps[0]), "a shutdown that comes too late")
	x.beats(id, 3)
	again := fw
	again.Replicas = past.Replicas
	x.converge(again, wo)
	x.passes("V", again, wo)
	for n, a := range x.observe().Appliances {
		require.Equal(t, inserted.Appliances[n].Legs, a.Legs, "the same legs with the same addresses")
	}
	x.converge()
	require.Equal(t, before, x.observe())
}

// takeover has the appliance that stands by carry the traffic, and the other one
// stand by after it was booted anew.
func takeover(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	before := x.observe()
	fw, wo := x.service("fw", 10, "V"), x.service("wo", 20, "V")
	replicas := func(active, start int) []topology.Replica {
		return []topology.Replica{{Idle: active != 0, Start: start}, {Number: 1, Idle: active != 1}}
	}
	first, second, behind := topology.ReplicaOf(fw.Instance, 0, 0), topology.ReplicaOf(fw.Instance, 0, 1), topology.ApplianceOf(wo.Instance, 0)
	fw.Replicas = replicas(0, 0)
	x.converge(fw, wo)
	x.passesBy("V", first, behind)
	require.Equal(t, cloud.Pulse{Running: true}, x.pulse(second), "nothing can pass what is not plugged in")
	inserted := x.observe()

	other := fw
	other.Replicas = replicas(1, 1)
	x.converge(other, wo)
	x.beats(second, 0)
	require.Equal(t, cloud.Pulse{Running: true, Start: 1}, x.pulse(first))
	x.passesBy("V", second, behind)
	require.Equal(t, inserted.Networks, x.observe().Networks)

	fw.Replicas = replicas(0, 1)
	x.converge(fw, wo)
	x.passesBy("V", first, behind)
	fw.Replicas = []topology.Replica{{Start: 1}}
	x.converge(fw, wo)
	x.passesBy("V", first, behind)
	x.converge()
	require.Equal(t, before, x.observe())
}
