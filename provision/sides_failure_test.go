package provision_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

// Under failure policy open traffic gets past the side that fails and no other, until
// it answers again.
func TestOnlyTheSideThatFailsIsBypassed(t *testing.T) {
	t.Parallel()
	w := newSides(t, sim.Options{}, "optimiser")
	b := w.broker(t, w.driver)
	b.provisioned(t, w.sides([]string{"lan"}, []string{"server"}, "failure", "open", "availability", "none"))
	for member, other := range map[int]string{0: "wan@datacenter", 1: "wan@branch"} {
		b.verdict(t, "wan", member, false)
		require.Equal(t, "["+other+"]", w.across(t, "host-lan", "host-server"))
		require.Equal(t, "["+other+"]", w.across(t, "host-server", "host-lan"))
		scene, err := b.Scene(t.Context(), provision.Place{Tenant: tenant})
		require.NoError(t, err)
		for id, st := range scene.States {
			require.Equal(t, string(id) != other, st.Past, id)
		}
		b.verdict(t, "wan", member, true)
		require.Equal(t, "[wan@branch wan@datacenter]", w.across(t, "host-lan", "host-server"))
	}
	b.verdict(t, "wan", 0, false)
	b.verdict(t, "wan", 1, false)
	require.Equal(t, "[]", w.across(t, "host-lan", "host-server"), "both are bypassed when both fail")
	b.verdict(t, "wan", 1, true)
	require.Equal(t, "[wan@datacenter]", w.across(t, "host-lan", "host-server"))
	b.verdict(t, "wan", 0, true)
	require.Equal(t, "[wan@branch wan@datacenter]", w.across(t, "host-lan", "host-server"))
	b.removed(t, w.wanRemoval())
	w.requireBase(t)
}
