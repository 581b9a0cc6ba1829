package topology_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestDrawings(t *testing.T) {
	t.Parallel()
	hosts := map[topology.NetworkID][]string{"V": {"alice", "bob"}, "X": {"carol"}}
	before := tenantA()
	pairs := compose(t, before, firewall(topology.Bridged), optimiser())
	shared := compose(t, before, firewall(topology.Isolated), optimiser())
	steps := plan(t, before, pairs)
	for name, f := range map[string]topology.Fabric{"before": before, "pairs": pairs, "shared": shared,
		"halfway": applyAll(t, before, steps[:len(steps)-1]), "started": applyAll(t, before, steps[:len(steps)-8])} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, "draw-"+name+".txt", topology.Draw(f, hosts))
			golden(t, "draw-"+name+".dot", topology.DOT(f))
			svg := topology.SVG(f, hosts)
			requireWellFormed(t, svg)
			golden(t, "draw-"+name+".svg", string(svg))
		})
	}
}

func requireWellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err, "%s", svg)
	}
}

// Names come from tenants: they are text in every picture, never markup or
// terminal codes.
func TestDrawingsTreatNamesAsText(t *testing.T) {
	t.Parallel()
	f := tenantA()
	f.Tenant = "<tenant & \x00>"
	f.Networks[0].Name = "</text><script>alert(1)</script>"
	f.Networks[1].Name = "x\x1b[31m\nred"
	hosts := map[topology.NetworkID][]string{"V": {"a<b>", "line\nbreak"}}

	svg := topology.SVG(f, hosts)
	requireWellFormed(t, svg)
	require.NotContains(t, string(svg), "<script>")
	for _, text := range []string{string(svg), topology.Draw(f, hosts)} {
		require.NotContains(t, text, "\x1b")
		require.NotContains(t, text, "\x00")
		require.NotContains(t, text, "line\nbreak")
	}
	require.NotContains(t, topology.DOT(f), "\x1b")
}

func TestDrawingsOfNothing(t *testing.T) {
	t.Parallel()
	requireWellFormed(t, topology.SVG(topology.Fabric{}, nil))
	require.Empty(t, topology.Draw(topology.Fabric{}, nil))
}

// Two lines that pass the same two services in opposite orders cannot share
// columns; each still shows its own order.
func TestDrawingOfOppositeOrders(t *testing.T) {
	t.Parallel()
	a, b := twoPairs("a"), twoPairs("b")
	a.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: 1}, {Network: "X", Pair: 2, Rank: 2}}
	b.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: 2}, {Network: "X", Pair: 2, Rank: 1}}
	golden(t, "draw-opposite.txt", topology.Draw(compose(t, tenantA(), a, b), nil))
}

func twoPairs(id topology.InstanceID) topology.Service {
	return topology.Service{Instance: id, Zones: topology.Bridged, NICs: []topology.NIC{
		{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}, {Role: topology.Inside, Pair: 2}, {Role: topology.Outside, Pair: 2}}}
}
