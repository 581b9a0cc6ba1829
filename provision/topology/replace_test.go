package topology_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestPlanReplacesAnApplianceBesideTheOld(t *testing.T) {
	t.Parallel()
	for name, zones := range map[string]topology.Zones{"replace-pairs.plan": topology.Bridged, "replace-shared.plan": topology.Isolated} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fw, wo := firewall(zones), optimiser()
			have := compose(t, tenantA(), fw, wo)
			fw.Generation = 1
			want := compose(t, tenantA(), fw, wo)
			steps := plan(t, have, want)
			golden(t, name, topology.Text(steps))
			require.Equal(t, map[topology.NetworkID]int{"V": 1, "X": 1}, topology.Count(steps).Swaps)
			require.Equal(t, want, applyAll(t, have, steps))
		})
	}
}

// At every moment the traffic of each network passes one generation or the
// other, never both and never none, and the management address answers from one
// leg at most.
func TestNoPacketGetsPastAServiceWhileItIsReplaced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		for _, svc := range s.offered {
			s.on[svc.Instance] = map[topology.NetworkID]bool{}
			for _, n := range networksOf(s.base) {
				s.on[svc.Instance][n] = rapid.Bool().Draw(t, "stitched")
			}
		}
		have, ok := s.compose()
		if !ok {
			t.Skip("this package cannot be stitched so")
		}
		id := rapid.SampledFrom(s.offered).Draw(t, "replaced").Instance
		s.made[id] = rapid.IntRange(1, 3).Draw(t, "generation")
		want, ok := s.compose()
		require.True(t, ok)
		now := have
		for _, step := range plan(t, have, want) {
			var err error
			now, err = topology.Apply(now, step)
			require.NoError(t, err)
			for _, n := range networksOf(s.base) {
				require.Equal(t, boolToInt(s.on[id][n]), passes(t, now, n, id), "network %s after %s", n, step)
			}
			requireOneAddress(t, now)
		}
		requireSame(t, want, now)
	})
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// passes counts the appliances of an instance that a network's traffic passes.
func passes(t *rapid.T, f topology.Fabric, n topology.NetworkID, i topology.InstanceID) int {
	route, open := topology.Path(f, n)
	for _, r := range f.Redirects {
		if r.Network == n && r.Instance == i {
			route, open = topology.RouteOf(f, n, topology.Flow{Protocol: topology.TCP, Port: r.Match.Ports[0].First})
		}
	}
	require.True(t, open)
	count := 0
	for _, id := range route.Appliances() {
		for _, a := range f.Appliances {
			if a.ID == id && a.Instance == i {
				count++
			}
		}
	}
	return count
}

func requireOneAddress(t *rapid.T, f topology.Fabric) {
	taken := map[string]topology.PortID{}
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if l.Role != topology.Management || l.At == "" {
				continue
			}
			require.Empty(t, taken[l.Address.String()], "beside %s", l.Port)
			taken[l.Address.String()] = l.Port
		}
	}
}

// A generation's id is never another instance's, whatever instances are called.
func TestGenerationsHaveIdsOfTheirOwn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[a~]{1,3}(~[0-9]{1,2}){0,2}`)
		a, b := topology.InstanceID(id.Draw(t, "one")), topology.InstanceID(id.Draw(t, "other"))
		m, n := rapid.IntRange(0, 11).Draw(t, "m"), rapid.IntRange(0, 11).Draw(t, "n")
		require.Equal(t, a == b && m == n, topology.ApplianceOf(a, m) == topology.ApplianceOf(b, n))
	})
}
