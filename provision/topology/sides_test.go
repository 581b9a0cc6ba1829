package topology_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// wan is a symmetric optimiser: V on the side of the branch, X on that of the datacenter.
func wan() []topology.Service {
	side := func(name string, n topology.NetworkID, address string) topology.Service {
		return topology.Service{Instance: "wan", Side: name, Name: "WAN", Zones: topology.Bridged,
			NICs:       []topology.NIC{{Role: topology.Management}, {Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
			Stitches:   []topology.Stitch{{Network: n, Side: name, Pair: 1}},
			Management: netip.MustParsePrefix(address)}
	}
	return []topology.Service{side("branch", "V", "192.168.100.8/24"), side("datacenter", "X", "192.168.100.9/24")}
}

func TestASymmetricServiceStandsOnBothSides(t *testing.T) {
	t.Parallel()
	f := compose(t, branches(), wan()...)
	steps := plan(t, branches(), f)
	golden(t, "symmetric.plan", topology.Text(steps))
	r, ok := topology.Across(f, "V", "X", dns)
	require.True(t, ok)
	require.Equal(t, "V → WAN@branch → GW → dc → WAN@datacenter → X", r.String())
	require.Equal(t, []topology.ApplianceID{"wan@branch", "wan@datacenter"}, r.Appliances())
	for _, a := range f.Appliances {
		require.Equal(t, "wan@"+a.Side, string(a.ID))
	}

	one := wan()
	one[0].Stitches = nil
	half := compose(t, branches(), one...)
	require.Len(t, half.Appliances, 2, "a side may have no networks yet")
	r, _ = topology.Across(half, "V", "X", dns)
	require.Equal(t, []topology.ApplianceID{"wan@datacenter"}, r.Appliances())
	require.Equal(t, f, applyAll(t, half, plan(t, half, f)))

	// Each side may be replaced, and hands its management address on.
	next := wan()
	for i := range next {
		next[i].Generation = 1
	}
	want := compose(t, branches(), next...)
	require.Equal(t, want, applyAll(t, f, plan(t, f, want)))
	require.Equal(t, topology.ApplianceID("wan~1@branch"), want.Appliances[0].ID)
	require.Equal(t, f.Appliances[0].Legs[0].MAC, want.Appliances[0].Legs[0].MAC)
	require.Equal(t, branches(), applyAll(t, want, plan(t, want, branches())))
}

func TestComposeRefusesSides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(s []topology.Service)
		says   string
	}{
		"one network on both": {func(s []topology.Service) { s[1].Stitches[0].Network = "V" },
			`network "V" cannot be on two sides of "wan": branch and datacenter`},
		"one side twice": {func(s []topology.Service) { s[1].Side, s[1].Stitches = "branch", nil }, `instance "wan" is listed twice`},
		"another side's stitch": {func(s []topology.Service) { s[1].Stitches[0].Side = "branch" },
			`service "WAN@datacenter" is not the side "branch" on which network "X" is to be`},
		"a name that an id could not end with": {func(s []topology.Service) { s[1].Side = "Data~1" },
			`the side of service "WAN@Data~1" must be called by 1 to 32 small letters, digits and dashes`},
		"one management address for two": {func(s []topology.Service) { s[1].Management = s[0].Management },
			`service "WAN@branch" and service "WAN@datacenter" cannot both have the management address 192.168.100.8`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			services := wan()
			c.change(services)
			_, err := topology.Compose(branches(), services)
			require.EqualError(t, err, c.says)
		})
	}
}

// No two appliances have one id, whatever their instances are called.
func TestIDsOfAppliancesAreReadOneWayOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type member struct {
			instance           topology.InstanceID
			side               string
			generation, number int
		}
		draw := func(label string) member {
			return member{
				topology.InstanceID(rapid.StringMatching(`a?([~+@-](1|2|b|b-1)){0,4}`).Draw(t, label)),
				rapid.SampledFrom([]string{"", "b", "1", "b-1"}).Draw(t, "side"),
				rapid.IntRange(0, 2).Draw(t, "generation"), rapid.IntRange(0, 2).Draw(t, "number"),
			}
		}
		one, other := draw("one"), draw("other")
		same := topology.MemberOf(one.instance, one.side, one.generation, one.number) ==
			topology.MemberOf(other.instance, other.side, other.generation, other.number)
		require.Equal(t, one == other, same, "%v and %v", one, other)
	})
}
