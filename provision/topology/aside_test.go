package topology_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// A service changes networks while another one, which both networks pass, is
// replaced. A leg of the new appliance is in the way at first, and one of the old
// appliance later; neither needs to be where it is at that time.
func TestALegStepsAsideRatherThanTrafficIsCut(t *testing.T) {
	t.Parallel()
	shared := func(id topology.InstanceID, first, second topology.Stitch) topology.Service {
		first.Pair, second.Pair = 1, 2
		return topology.Service{Instance: id, Zones: topology.Isolated, Stitches: []topology.Stitch{first, second},
			NICs: []topology.NIC{{Role: topology.Outside, Pair: 1}, {Role: topology.Inside, Pair: 1}, {Role: topology.Inside, Pair: 2}}}
	}
	wo := shared("a", topology.Stitch{Network: "net1", Rank: 1}, topology.Stitch{Network: "net0", Rank: 1})
	fw := shared("b", topology.Stitch{Network: "net0", Rank: 2}, topology.Stitch{Network: "net1", Rank: 2})
	leaves, joins := wo, wo
	leaves.Stitches, joins.Stitches = wo.Stitches[:1], wo.Stitches[1:]
	have := compose(t, tenantOf(2), leaves, fw)
	fw.Generation = 1
	want := compose(t, tenantOf(2), joins, fw)

	steps := plan(t, have, want)
	for now, i := have, 0; i < len(steps); i++ {
		now = applyAll(t, now, steps[i:i+1])
		require.Empty(t, topology.CheckBetween(have, now, want), "after step %d of\n%s", i+1, topology.Text(steps))
	}
	require.Equal(t, want, applyAll(t, have, steps))
	require.Subset(t, verbs(steps), []string{"move b~1-nic1 seg-a>", "move b~1-nic1 >seg-a", "move b-nic2 seg-a>"}, topology.Text(steps))
}
