package sim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestFaultsStrikeTheCallsTheyName(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		fault sim.Fault
		want  string // one letter per observation: x failed, . did not
	}{
		"the first by default": {sim.Fault{}, "x...."},
		"the third":            {sim.Fault{Nth: 3}, "..x.."},
		"two from the second":  {sim.Fault{Nth: 2, Times: 2}, ".xx.."},
		"all from the fourth":  {sim.Fault{Nth: 4, Times: -1}, "...xx"},
		"another verb":         {sim.Fault{Verb: sim.Dial, Times: -1}, "....."},
		"another tenant":       {sim.Fault{Match: func(k sim.Call) bool { return k.Tenant == "b" }, Times: -1}, "....."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := sim.New(sim.Options{})
			prepare(t, c)
			struck := 0
			test.fault.Err, test.fault.Then = boom, func() { struck++ }
			c.Inject(test.fault)
			var got strings.Builder
			for range test.want {
				if _, err := c.Observe(t.Context(), "a"); err != nil {
					require.ErrorIs(t, err, boom)
					got.WriteByte('x')
				} else {
					got.WriteByte('.')
				}
			}
			require.Equal(t, test.want, got.String())
			require.Equal(t, strings.Count(test.want, "x"), struck)
			require.Equal(t, len(test.want), c.Count(sim.Observe))
			c.Heal()
			_, err := c.Observe(t.Context(), "a")
			require.NoError(t, err)
		})
	}
}

func TestAFaultAfterTheEffectLeavesTheEffect(t *testing.T) {
	t.Parallel()
	for when, present := range map[sim.When]bool{sim.BeforeEffect: false, sim.AfterEffect: true} {
		c := sim.New(sim.Options{Faults: []sim.Fault{{Verb: topology.CreateNetwork, When: when}}})
		prepare(t, c)
		first := steps(t, c, firewall)[0]
		require.Equal(t, topology.CreateNetwork, first.Verb)
		require.ErrorIs(t, do(t.Context(), c, first), fault.Unavailable)
		f, err := c.Observe(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, present, len(f.Networks) == 2)
		require.ErrorIs(t, c.Calls()[1].Err, fault.Unavailable)
	}
}

func TestTheLogKeepsTheLatestCalls(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{KeepCalls: 3})
	prepare(t, c)
	for range 50 {
		_, err := c.Observe(t.Context(), "a")
		require.NoError(t, err)
	}
	_, err := c.Observe(t.Context(), "nobody")
	require.ErrorIs(t, err, fault.NotFound)
	calls := c.Calls()
	require.LessOrEqual(t, len(calls), 6)
	require.GreaterOrEqual(t, len(calls), 3)
	require.Equal(t, topology.TenantID("nobody"), calls[len(calls)-1].Tenant)
	require.Equal(t, 51, c.Count(sim.Observe))
}
