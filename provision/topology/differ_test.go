package topology_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// drift does by hand one thing that somebody does behind everybody's back.
func drift(t *rapid.T, f topology.Fabric) topology.Fabric {
	f = topology.Settle(f)
	var places []topology.NetworkID
	for _, n := range f.Networks {
		places = append(places, n.ID)
	}
	place := func() topology.NetworkID { return rapid.SampledFrom(append(places, "")).Draw(t, "place") }
	kinds := []string{"stray network", "plug"}
	if len(f.Appliances) > 0 {
		kinds = append(kinds, "kill", "another start", "delete port", "move leg", "lose appliance")
	}
	if len(f.Redirects) > 0 {
		kinds = append(kinds, "rule", "members")
	}
	which := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "which") }
	kind := rapid.SampledFrom(kinds).Draw(t, "drift")
	switch kind {
	case "stray network":
		f.Networks = append(f.Networks, topology.Network{ID: "stray", Name: "stray", Role: topology.RoleSegment})
	case "plug":
		plugs := f.Gateways[0].Plugs
		plugs[which(len(plugs))].At = place()
	case "rule":
		at := which(len(f.Redirects))
		f.Redirects = slices.Delete(f.Redirects, at, at+1)
	case "members":
		f.Redirects[which(len(f.Redirects))].Members = []topology.Member{}
	default:
		a := &f.Appliances[which(len(f.Appliances))]
		if len(a.Legs) == 0 {
			kind = "lose appliance"
		}
		leg := which(max(1, len(a.Legs)))
		switch kind {
		case "kill":
			a.Booted = false
		case "another start":
			a.Start += rapid.IntRange(0, 1).Draw(t, "start")
		case "delete port":
			a.Legs = slices.Delete(a.Legs, leg, leg+1)
		case "move leg":
			if role := a.Legs[leg].Role; role == topology.Inside || role == topology.Outside {
				a.Legs[leg].At = place()
			}
		case "lose appliance":
			id := a.ID
			f.Appliances = slices.DeleteFunc(f.Appliances, func(o topology.Appliance) bool { return o.ID == id })
		}
	}
	return topology.Settle(f)
}

// What differs is what there is to do, and doing it leaves no difference.
func TestDifferencesAreWhatPlanMends(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawStory(t)
		for range rapid.IntRange(1, 4).Draw(t, "turns") {
			s.turn(t)
		}
		want, ok := s.compose()
		require.True(t, ok)
		require.Empty(t, topology.Differ(want, want))
		have := want
		for range rapid.IntRange(0, 3).Draw(t, "times") {
			have = drift(t, have)
		}
		found := topology.Differ(have, want)
		steps, err := topology.Plan(have, want)
		require.NoError(t, err, "%s", found)
		require.Equal(t, len(steps) > 0, len(found) > 0, "%s\n%s", found, topology.Text(steps))
		for _, d := range found {
			require.NotContains(t, d.String(), "%!")
		}
		requireSame(t, want, applyAll(t, have, steps))
	})
}

func TestDifferencesInWords(t *testing.T) {
	t.Parallel()
	want := compose(t, tenantA(), firewall(topology.Bridged), balancer(2))
	fw, lb := "fw", "lb"
	for name, c := range map[string]struct {
		alter func(f *topology.Fabric)
		want  []string
	}{
		"nothing": {func(*topology.Fabric) {}, nil},
		"dead":    {func(f *topology.Fabric) { f.Appliances[0].Booted = false }, []string{"appliance fw does not run (traffic of V and X)"}},
		"gone": {func(f *topology.Fabric) { f.Appliances = f.Appliances[1:] },
			[]string{"appliance fw is gone, with all its ports (traffic of V and X)"}},
		"segment": {func(f *topology.Fabric) {
			f.Networks = slices.DeleteFunc(f.Networks, func(n topology.Network) bool { return n.ID == "seg-fw-V" })
		}, []string{"network seg-fw-V is missing (traffic of V)"}},
		"plug": {func(f *topology.Fabric) { f.Gateways[0].Plugs[0].At = f.Gateways[0].Plugs[0].Home },
			[]string{"port gw-V of gateway gw is plugged into V and should be plugged into seg-fw-V (traffic of V)"}},
		"rule": {func(f *topology.Fabric) { f.Redirects = f.Redirects[1:] }, []string{"rule redirect-lb-V-gw of gateway gw is missing (traffic of V)"}},
		"stray": {func(f *topology.Fabric) {
			f.Networks = append(f.Networks, topology.Network{ID: "s\n", Role: topology.RoleSegment})
		}, []string{"network s\uFFFD should not be there"}},
		"network": {func(f *topology.Fabric) {
			f.Networks = slices.DeleteFunc(f.Networks, func(n topology.Network) bool { return n.ID == "V" })
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			have := topology.Settle(want)
			c.alter(&have)
			var said []string
			for _, d := range topology.Differ(have, want) {
				require.Contains(t, []string{"", fw, lb}, string(d.Instance))
				said = append(said, d.String())
			}
			if name == "network" {
				require.Contains(t, said, "the tenant's network V is gone, or its gateway")
				return
			}
			require.Equal(t, c.want, said)
		})
	}
}
