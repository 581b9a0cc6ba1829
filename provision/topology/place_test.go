package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// There is always one more place between two neighbours, also between two that have
// the same rank, and whoever takes it stands there.
func TestBetweenAnyTwoPlacesIsAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var chain []Place
		for n := range rapid.IntRange(1, 5).Draw(r, "there are") { // as stored before there was Fine
			chain = append(chain, Place{Rank: rapid.IntRange(-2, 2).Draw(r, "rank") * rapid.SampledFrom([]int{1, 10}).Draw(r, "gap"), Instance: id(r, n)})
		}
		slices.SortFunc(chain, Place.Compare)
		for n := range rapid.IntRange(1, 60).Draw(r, "placements") {
			at := rapid.IntRange(0, len(chain)).Draw(r, "at")
			var low, high *Place
			if at > 0 {
				low = &chain[at-1]
			}
			if at < len(chain) {
				high = &chain[at]
			}
			rank, fine := Between(low, high)
			require.False(r, strings.HasSuffix(fine, "."), "%q", fine)
			chain = slices.Insert(chain, at, Place{Rank: rank, Fine: fine, Instance: id(r, 100+n)})
			require.True(r, slices.IsSortedFunc(chain, strictly), "%v", chain)
			if rapid.Bool().Draw(r, "one goes") {
				gone := rapid.IntRange(0, len(chain)-1).Draw(r, "which")
				chain = slices.Delete(chain, gone, gone+1)
			}
		}
	})
}

// strictly is Compare with no place beside an equal one.
func strictly(a, b Place) int {
	if c := a.Compare(b); c != 0 {
		return c
	}
	return -1
}

// id is one of those that platforms choose, all different; some begin alike.
func id(r *rapid.T, n int) InstanceID {
	return InstanceID(rapid.SampledFrom([]string{"", "a", "aa", "\x00", "z.", "ÿ"}).Draw(r, "id") + fmt.Sprint(n))
}

// Two requests at the same time choose the same place; the ids say who is first, and
// a third can still stand between them.
func TestPlacesChosenTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ low, high *Place }{
		"in an empty chain":           {},
		"at the end":                  {&Place{Instance: "x"}, nil},
		"between ranks":               {&Place{Instance: "x"}, &Place{Rank: 10, Instance: "y"}},
		"between ranks next to":       {&Place{Instance: "x"}, &Place{Rank: 1, Instance: "y"}},
		"between ids of one rank":     {&Place{Instance: "x"}, &Place{Instance: "y"}},
		"between an id and one of it": {&Place{Instance: "x"}, &Place{Instance: "x0"}},
	} {
		t.Run(name, func(t *testing.T) {
			rank, fine := Between(c.low, c.high)
			a, b := Place{Rank: rank, Fine: fine, Instance: "a"}, Place{Rank: rank, Fine: fine, Instance: "b"}
			require.Negative(t, a.Compare(b))
			rank, fine = Between(&a, &b)
			between := Place{Rank: rank, Fine: fine, Instance: "z"}
			require.Negative(t, a.Compare(between))
			require.Negative(t, between.Compare(b))
			if c.low != nil {
				require.Negative(t, c.low.Compare(a))
			}
			if c.high != nil {
				require.Negative(t, b.Compare(*c.high))
			}
		})
	}
}

// Two neighbours that change places for ever between two others need a digit now and
// then, not an id each time.
func TestPlacesStayShort(t *testing.T) {
	t.Parallel()
	last := Place{Rank: 1 << 17, Instance: "last"}
	low, other := Place{Instance: "0"}, Place{Rank: 1 << 16, Instance: InstanceID(strings.Repeat("i", 255))}
	for range 1000 {
		rank, fine := Between(&other, &last)
		low, other = other, Place{Rank: rank, Fine: fine, Instance: low.Instance}
		require.Negative(t, low.Compare(other))
		require.Negative(t, other.Compare(last))
	}
	require.Less(t, len(other.Fine), 600)
}

// What the provider manages is nearest the gateway, whatever its rank, and marked.
func TestTheProvidersServicesAreOutermost(t *testing.T) {
	t.Parallel()
	base := Fabric{Tenant: "a", Networks: []Network{{ID: "V", Name: "V", Role: RoleTenant}},
		Gateways: []Gateway{{ID: "gw", Plugs: []Plug{{Port: "p", Home: "V", At: "V"}}}}}
	service := func(id InstanceID, rank int, provider bool) Service {
		return Service{Instance: id, Provider: provider, NICs: []NIC{{Inside, 1}, {Outside, 1}},
			Stitches: []Stitch{{Network: "V", Pair: 1, Rank: rank}}}
	}
	all := []Service{service("guard", -5, true), service("fw", 20, false), service("meter", -9, true), service("wo", 10, false)}
	have, err := Compose(base, all)
	require.NoError(t, err)
	way, ok := Path(have, "V")
	require.True(t, ok)
	require.Equal(t, []ApplianceID{"wo", "fw", "meter", "guard"}, way.Appliances())
	for _, a := range have.Appliances {
		require.Equal(t, a.ID == "guard" || a.ID == "meter", a.Provider, a.ID)
	}
	steps, err := Plan(Settle(base), have)
	require.NoError(t, err)
	for _, s := range steps {
		base, err = Apply(base, s)
		require.NoError(t, err)
	}
	require.Equal(t, have, base)

	bothFlows := service("dpi", 0, true)
	bothFlows.Mode = Redirected
	theirs := service("proxy", 0, false)
	theirs.Mode = Redirected
	theirs.Stitches[0].Match = &Classifier{Protocols: []Protocol{"tcp"}}
	_, err = Compose(base, []Service{bothFlows, theirs})
	require.EqualError(t, err, `service "proxy" cannot have the flows "tcp" of network "V": the provider's service "dpi" has "everything" of it, and some flows are both`)
	_, err = Compose(base, append([]Service{bothFlows}, all...))
	require.NoError(t, err, "in path and redirected do not touch each other")
}
