//go:build linux

package linux

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// What somebody does by hand to links is seen as drift, and mended by the plan that
// is left to do.
func TestWhatIsDoneByHandIsSeenAndMended(t *testing.T) {
	t.Parallel()
	for name, drift := range map[string]struct {
		do   func(v *view) error
		kind topology.DifferenceKind
	}{
		"a port is deleted":    {func(v *view) error { return netlink.LinkDel(v.byHand(kindLeg, "fw-nic1")) }, topology.MissingPort},
		"a leg is moved":       {func(v *view) error { return v.plug(v.byHand(kindLeg, "fw-nic1"), "W") }, topology.WrongNetwork},
		"a leg is unplugged":   {func(v *view) error { return v.plug(v.byHand(kindLeg, "fw-nic2"), "") }, topology.WrongNetwork},
		"the gateway is moved": {func(v *view) error { return v.plug(v.byHand(kindPlug, "gateway-V"), "V") }, topology.WrongNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPatched(t)
			village(t, c, "a")
			w := topology.Network{ID: "W", Name: "W", Role: topology.RoleTenant, Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.9.0.0/24"), Gateway: netip.MustParseAddr("10.9.0.1")}}}
			require.NoError(t, c.CreateNetwork(t.Context(), "a", w))
			boot := c.bootPlain(t.Context(), "a")
			converge(t, c, "a", boot, inPath("fw", 20))
			whole := observe(t, c, "a")
			require.NoError(t, c.withFabric("a", drift.do))

			want, err := topology.Compose(topology.Base(observe(t, c, "a")), []topology.Service{inPath("fw", 20)})
			require.NoError(t, err)
			found := topology.Differ(observe(t, c, "a"), want)
			require.NotEmpty(t, found)
			require.Equal(t, drift.kind, found[0].Kind, "%s", found)
			converge(t, c, "a", boot, inPath("fw", 20))
			require.Equal(t, whole, observe(t, c, "a"))
			require.Empty(t, topology.Differ(observe(t, c, "a"), want))
		})
	}
}

// byHand is the link of a thing that is there.
func (v *view) byHand(k kind, id string) netlink.Link {
	l, _ := v.find(k, id)
	return l
}
