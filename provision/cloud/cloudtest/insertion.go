package cloudtest

import (
	"context"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func insertion(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V", "X")
	before := x.observe()
	fw := x.managed(x.service("fw", 10, "V"))

	rest := x.unbooted(fw)
	wait := rest[slices.IndexFunc(rest, verb(topology.Await))]
	require.Error(t, x.do(t.Context(), wait), "what does not run is never ready")
	x.passes("V")
	x.refusesConnections("it does not run yet")
	require.NoError(t, x.do(t.Context(), rest[0]))
	x.passes("V")
	for _, s := range rest[1:] {
		require.NoError(t, x.patiently(s), "%s", s)
	}
	require.Empty(t, x.plan(fw), "nothing is left to do")
	x.passes("V", fw)
	x.passes("X")

	inserted := x.observe()
	spare := wait
	spare.Pair = 2
	require.Error(t, x.do(t.Context(), spare), "a pair that is plugged in nowhere is never ready")
	require.NoError(t, bed.Cloud.Boot(t.Context(), x.id, inserted.Appliances[0], cloud.Server{}), "it runs; the server does not matter")
	require.ErrorIs(t, bed.Cloud.DeleteNetwork(t.Context(), x.id, x.netID("V")), fault.Conflict)
	require.Equal(t, inserted, x.observe())
	if bed.Health.IsValid() {
		require.Equal(t, http.StatusOK, x.healthy())
		(&tenant{t, bed, "b"}).refusesConnections("management addresses are the tenant's own")
	}

	x.converge()
	require.Equal(t, before, x.observe(), "the tenant has back what it had")
	x.passes("V")
	x.refusesConnections("it is gone")
}

func (x *tenant) refusesConnections(why string) {
	x.Helper()
	if x.bed.Health.IsValid() {
		ctx, cancel := context.WithTimeout(x.Context(), time.Second)
		defer cancel()
		_, err := x.bed.Cloud.Dial(ctx, x.id, x.bed.Health)
		require.Error(x, err, why)
	}
}

// healthy asks the appliance at the bed's management address, as often as it
// takes: it may forward before it answers.
func (x *tenant) healthy() int {
	x.Helper()
	ctx, cancel := context.WithTimeout(x.Context(), x.bed.BootTimeout)
	defer cancel()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return x.bed.Cloud.Dial(ctx, x.id, x.bed.Health)
		},
	}}
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+x.bed.Health.String()+"/health", nil)
		require.NoError(x, err)
		answer, err := client.Do(request)
		if err == nil {
			require.NoError(x, answer.Body.Close())
			if answer.StatusCode != http.StatusServiceUnavailable {
				return answer.StatusCode
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			require.FailNow(x, "the appliance does not answer", "the last error was %v", err)
		}
	}
}

func chain(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V", "Z")
	before := x.observe()
	fw, wo := x.service("fw", 5, "V"), x.service("wo", 10, "V")
	fw.Provider = true // outermost, whatever its rank
	x.converge(fw)
	x.passes("V", fw)
	only := x.observe()
	require.True(t, only.Appliances[0].Provider)
	x.converge(fw, wo)
	x.passes("V", wo, fw)
	x.passes("Z")
	x.converge(fw)
	require.Equal(t, only, x.observe())
	x.passes("V", fw)
	x.converge(wo, fw)
	x.passes("V", wo, fw)
	x.converge(wo)
	x.passes("V", wo)
	x.converge()
	require.Equal(t, before, x.observe())
	x.passes("V")
	x.passes("Z")
}

func sparePair(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V", "X")
	before := x.observe()
	one, two := x.service("fw", 10, "V"), x.service("fw", 10, "V", "X")
	x.converge(one)
	single := x.observe()
	require.False(t, slices.ContainsFunc(x.plan(two), verb(topology.Boot)), "the appliance goes on running")
	x.converge(two)
	x.passes("V", two)
	x.passes("X", two)
	x.converge(one)
	require.Equal(t, single, x.observe())
	x.passes("V", one)
	x.passes("X")
	x.converge()
	require.Equal(t, before, x.observe())
}

func replacement(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	before := x.observe()
	fw, wo := x.managed(x.service("fw", 10, "V")), x.service("wo", 20, "V")
	x.converge(fw, wo)
	next := fw
	next.Generation = 1
	steps := x.plan(next, wo)
	require.Equal(t, 1, topology.Count(steps).Swaps[x.netID("V")])
	for _, s := range steps {
		require.NoError(t, x.patiently(s), "%s", s)
		passed, reached, err := x.bed.Cloud.Trace(t.Context(), x.id, x.host("V").Name)
		require.NoError(t, err)
		require.True(t, reached, "%s", s)
		require.Len(t, passed, 2, "one of the generations and the other service, after %s", s)
	}
	require.Empty(t, x.plan(next, wo), "nothing is left to do")
	x.passes("V", next, wo)
	if bed.Health.IsValid() {
		require.Equal(t, http.StatusOK, x.healthy())
	}
	x.converge(fw, wo)
	x.passes("V", fw, wo)
	x.converge()
	require.Equal(t, before, x.observe())
}
