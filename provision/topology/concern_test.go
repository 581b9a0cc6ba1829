package topology_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// What Plan leaves out makes no difference: between any two fabrics, and from
// those in which something was lost, it lists the steps that it would list if it
// looked at everything.
func TestAPlanIsThatOfTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := drawTenant(t)
		have, want := drawAny(t, base), drawAny(t, base)
		if rapid.Bool().Draw(t, "of a story") {
			s := drawStory(t)
			for range rapid.IntRange(0, 4).Draw(t, "requests before") {
				s.turn(t)
			}
			have, _ = s.compose()
			s.turn(t)
			want, _ = s.compose()
		}
		if rapid.Bool().Draw(t, "lost something") {
			have = lose(t, have)
		}
		part, err := topology.Plan(have, want)
		require.NoError(t, err)
		whole, err := topology.PlanWhole(have, want)
		require.NoError(t, err)
		require.Equal(t, topology.Text(whole), topology.Text(part))
		require.Equal(t, whole, part)
	})
}

// lose stops an appliance, unplugs a leg or loses one.
func lose(t *rapid.T, f topology.Fabric) topology.Fabric {
	f = topology.Settle(f)
	if len(f.Appliances) == 0 {
		return f
	}
	a := &f.Appliances[rapid.IntRange(0, len(f.Appliances)-1).Draw(t, "which appliance")]
	leg := rapid.IntRange(0, len(a.Legs)-1).Draw(t, "which leg")
	switch rapid.SampledFrom([]string{"stop", "unplug", "lose"}).Draw(t, "what happens") {
	case "stop":
		a.Booted = false
	case "unplug":
		a.Legs[leg].At = ""
	case "lose":
		a.Legs = slices.Delete(a.Legs, leg, leg+1)
	}
	return topology.Settle(f)
}

// However large the tenant, a plan for one service looks at its networks only.
func TestAPlanLooksAtWhatItCanTouch(t *testing.T) {
	t.Parallel()
	for _, networks := range []int{100, 1000} {
		base, services := large(networks)
		have, want := compose(t, base, services...), compose(t, base, append(services, one())...)
		for name, f := range map[string]topology.Fabric{"have": first(topology.Concerned(have, want)), "want": first(topology.Concerned(want, have))} {
			require.LessOrEqual(t, len(f.Appliances), 3, "%s of %d networks", name, networks)
			require.Len(t, f.Gateways[0].Plugs, 1)
			require.LessOrEqual(t, len(f.Networks), 100)
		}
		none, _ := topology.Concerned(want, want)
		require.Empty(t, none.Networks)
	}
}

func first[T any](a, _ T) T { return a }

// What planning allocates grows with the tenant, not faster.
func TestPlanningGrowsWithTheTenant(t *testing.T) {
	allocs := func(networks int) (composed, planned float64) {
		base, services := large(networks)
		have, want := compose(t, base, services...), compose(t, base, append(services, one())...)
		composed = testing.AllocsPerRun(2, func() { compose(t, base, services...) })
		planned = testing.AllocsPerRun(2, func() { plan(t, have, want); plan(t, want, have); plan(t, base, want) })
		return composed, planned
	}
	composed, planned := allocs(100)
	composed10, planned10 := allocs(1000)
	require.Less(t, composed10, 12*composed)
	require.Less(t, planned10, 12*planned)
}

// A field of a part of a fabric is either compared or follows from others. One
// that is new has to be one of the two.
func TestEveryDifferenceConcernsAPlan(t *testing.T) {
	t.Parallel()
	follows := []string{"Network.Subnets", "Network.Carries", "Leg.Serves", "Plug.MAC", "Plug.Addresses"}
	f := founders(t)
	seen := 0
	for _, part := range []func(*topology.Fabric) any{
		func(f *topology.Fabric) any { return &f.Networks[0] },
		func(f *topology.Fabric) any { return &f.Gateways[0].Plugs[0] },
		func(f *topology.Fabric) any { return &f.Appliances[0] },
		func(f *topology.Fabric) any { return &f.Appliances[0].Legs[0] },
		func(f *topology.Fabric) any { return &f.Redirects[0] },
		func(f *topology.Fabric) any { return &f.Redirects[0].Members[0] },
	} {
		kind := reflect.TypeOf(part(&f)).Elem()
		for i := range kind.NumField() {
			name := kind.Name() + "." + kind.Field(i).Name
			if slices.Contains(follows, name) {
				continue
			}
			other := topology.Settle(f)
			alter(t, reflect.ValueOf(part(&other)).Elem().Field(i))
			cut, _ := topology.Concerned(f, other)
			size := len(cut.Networks) + len(cut.Appliances) + len(cut.Redirects) + len(cut.Gateways[0].Plugs)
			require.NotZero(t, size, "%s differs", name)
			seen++
		}
	}
	require.Greater(t, seen, 20)
}

// founders is a fabric with a part of each kind.
func founders(t *testing.T) topology.Fabric {
	turned := topology.Service{Instance: "turned", Mode: topology.Redirected, Zones: topology.Bridged,
		NICs:     []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "V", Pair: 1}}}
	return compose(t, tenantA(), firewall(topology.Bridged), turned)
}

// alter makes a value another one.
func alter(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Slice:
		v.Set(reflect.Zero(v.Type()))
	case reflect.Struct:
		switch v.Interface().(type) {
		case topology.Classifier:
			v.Set(reflect.ValueOf(topology.Classifier{Protocols: []topology.Protocol{topology.TCP}}))
		default:
			v.Set(reflect.ValueOf(prefix("192.0.2.1/24")))
		}
	default:
		require.Fail(t, fmt.Sprintf("no other %s", v.Type()))
	}
}
