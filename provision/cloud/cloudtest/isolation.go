package cloudtest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func isolation(t *testing.T, bed Bed) {
	a, b := newTenant(t, bed, "a", "V"), newTenant(t, bed, "b", "V")
	a.unbooted(a.service("fw", 10, "V"))
	b.unbooted(b.service("fw", 10, "V"))
	ours, theirs := a.observe(), b.observe()
	leg, plug := ours.Appliances[0].Legs[1], ours.Gateways[0].Plugs[0]
	theirPlug := theirs.Gateways[0].Plugs[0]
	own := topology.Appliance{ID: "spy", Instance: "spy", Name: "spy"}
	spy := topology.Leg{Port: "spy-0", Role: topology.Inside, Pair: 1, At: plug.At, MAC: "02:00:00:00:00:07"}
	bare := ours.Appliances[0]
	bare.Legs = nil
	segment := ours.Networks[slices.IndexFunc(ours.Networks, func(n topology.Network) bool { return n.Role == topology.RoleSegment })]

	for name, step := range map[string]topology.Step{
		"a port on another's network": {Verb: topology.CreatePort, Appliance: &own, Leg: &spy},
		"a plug into another's network": {Verb: topology.Move, Gateway: theirs.Gateways[0].ID, Port: theirPlug.Port,
			From: theirPlug.At, To: plug.At, Serves: []topology.NetworkID{theirPlug.Home}},
		"another's plug":      {Verb: topology.Move, Gateway: ours.Gateways[0].ID, Port: plug.Port, From: plug.At, To: theirPlug.At},
		"another's leg":       {Verb: topology.Move, Appliance: &bare, Port: leg.Port, From: leg.At, To: theirPlug.At},
		"another's appliance": {Verb: topology.Boot, Appliance: &ours.Appliances[0]},
	} {
		err := b.do(t.Context(), step)
		require.Error(t, err, name)
		if step.Verb == topology.Boot {
			require.Contains(t, either, fault.KindOf(err), "%s: %v", name, err)
		} else {
			require.ErrorIs(t, err, fault.NotFound, name)
		}
	}
	for name, step := range map[string]topology.Step{
		"another's segment": {Verb: topology.DeleteNetwork, Network: &segment},
		"another's port":    {Verb: topology.DeletePort, Appliance: &bare, Leg: &leg},
		"another's machine": {Verb: topology.Shutdown, Appliance: &ours.Appliances[0]},
	} {
		require.NoError(t, b.do(t.Context(), step), "%s is not there for this tenant", name)
	}
	require.NoError(t, bed.Cloud.DeleteNetwork(t.Context(), b.id, plug.Home))
	require.Equal(t, ours, a.observe())
	require.Equal(t, theirs, b.observe())
	a.passes("V")
	b.passes("V")
}

// concurrency has tenants build all that an appliance needs and take it down again.
func concurrency(t *testing.T, bed Bed) {
	var done sync.WaitGroup
	for i := range 4 {
		x := &tenant{t, bed, topology.TenantID(fmt.Sprintf("t%d", i))}
		done.Go(func() {
			if err := x.buildAndTakeDown(); err != nil {
				t.Errorf("tenant %s: %v", x.id, err)
			}
		})
	}
	done.Wait()
	left, err := bed.Cloud.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}

// buildAndTakeDown answers its failure: a goroutine must not end the test.
func (x *tenant) buildAndTakeDown() error {
	ctx := x.Context()
	if err := x.bed.Cloud.CreateNetwork(ctx, x.id, x.network("V")); err != nil {
		return err
	}
	before, err := x.bed.Cloud.Observe(ctx, x.id)
	if err != nil {
		return err
	}
	want, err := topology.Compose(before, []topology.Service{x.service("fw", 10, "V")})
	if err != nil {
		return err
	}
	steps, err := topology.Plan(before, want)
	if err != nil {
		return err
	}
	steps = steps[:slices.IndexFunc(steps, verb(topology.Boot))]
	for _, s := range steps {
		if err := x.do(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	for _, s := range slices.Backward(steps) {
		back, _ := s.Inverse()
		if err := x.do(ctx, back); err != nil {
			return fmt.Errorf("%s: %w", back, err)
		}
	}
	return x.bed.Cloud.DeleteNetwork(ctx, x.id, x.netID("V"))
}
