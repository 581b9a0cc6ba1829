package openstack

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestWhatWasSeenIsForTheStepThatFollowsAtOnce(t *testing.T) {
	t.Parallel()
	const mine, others = topology.TenantID("mine"), topology.TenantID("others")
	for name, c := range map[string]struct {
		between func(s *sightings, seen *view, keep func(*view))
		given   bool
	}{
		"at once":                          {func(_ *sightings, seen *view, keep func(*view)) { keep(seen) }, true},
		"another tenant's step is between": {func(s *sightings, seen *view, keep func(*view)) { keep(seen); s.begun(others) }, true},
		"it was given before":              {func(s *sightings, seen *view, keep func(*view)) { keep(seen); s.begun(mine) }, false},
		"a step began while it looked":     {func(s *sightings, seen *view, keep func(*view)) { s.begun(mine); keep(seen) }, false},
		"a plan was made meanwhile":        {func(s *sightings, seen *view, keep func(*view)) { keep(seen); s.forget(mine) }, false},
		"nothing was seen":                 {func(*sightings, *view, func(*view)) {}, false},
		"too long ago":                     {func(_ *sightings, seen *view, keep func(*view)) { keep(seen); time.Sleep(sightMost + 1) }, false},
		"the look took too long":           {func(_ *sightings, seen *view, keep func(*view)) { time.Sleep(sightMost + 1); keep(seen) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s sightings
				require.Nil(t, s.begun(mine), "the first step looks itself")
				seen := &view{}
				c.between(&s, seen, s.looking(mine))
				got := s.begun(mine)
				require.Equal(t, c.given, got != nil)
				if c.given {
					require.Same(t, seen, got)
				}
			})
		})
	}
}

// What was seen for tenants that do nothing more is not kept for ever, and a look that no
// step came before is nobody's.
func TestSightingsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s sightings
		s.looking("idle")(&view{})
		require.Empty(t, s.after)
		for _, tenant := range []topology.TenantID{"a", "b", "c"} {
			s.begun(tenant)
			s.looking(tenant)(&view{})
		}
		require.Len(t, s.after, 3)
		time.Sleep(sightMost + 1)
		s.begun("d")
		s.looking("d")(&view{})
		require.Len(t, s.after, 1)
	})
}
