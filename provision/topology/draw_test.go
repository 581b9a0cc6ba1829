package topology_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
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
			scene := topology.Scene{Fabric: f, Hosts: hosts}
			golden(t, "draw-"+name+".txt", topology.Draw(scene))
			golden(t, "draw-"+name+".dot", topology.DOT(scene))
			svg := topology.SVG(scene)
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
	f := compose(t, tenantA(), firewall(topology.Bridged))
	f.Appliances[0].Name = strings.Repeat("<long & wide>\x1b", 100)
	f.Tenant = "<tenant & \x00>"
	f.Networks[0].Name = "</text><script>alert(1)</script>"
	f.Networks[1].Name = "x\x1b[31m\nred"
	hosts := map[topology.NetworkID][]string{"V": {"a<b>", "line\nbreak"}}

	scene := topology.Scene{Fabric: f, Hosts: hosts, States: map[topology.ApplianceID]topology.State{"fw": {Health: topology.Failing, Detail: "<b>\x1b"}}}
	svg := topology.SVG(scene)
	requireWellFormed(t, svg)
	require.NotContains(t, string(svg), "<script>")
	for _, text := range []string{string(svg), topology.Draw(scene)} {
		require.NotContains(t, text, "\x1b")
		require.NotContains(t, text, "\x00")
		require.NotContains(t, text, "line\nbreak")
	}
	require.NotContains(t, topology.DOT(scene), "\x1b")
	for line := range strings.Lines(topology.Draw(scene)) {
		require.Less(t, len(line), 500, "no name makes a picture that nobody can look at")
	}
}

// What is not a plain chain: two gateways, a cluster that flows are redirected
// through, an appliance that fails, one that stands by, one of the provider.
func TestDrawingOfManyThings(t *testing.T) {
	t.Parallel()
	f := tenantA()
	second := topology.Gateway{ID: "gw2", Name: "GW2"}
	for _, n := range []topology.NetworkID{"X", "Z"} {
		second.Plugs = append(second.Plugs, topology.Plug{Port: "gw2-" + topology.PortID(n), Home: n, At: n})
	}
	f.Gateways = append(f.Gateways, second)
	wo := optimiser()
	wo.Stitches[0].Bypassed = true
	lb := balancer(3)
	lb.Stitches = lb.Stitches[:1]
	fw := firewall(topology.Bridged)
	fw.Provider = true
	f = compose(t, f, fw, wo, lb)
	off := slices.IndexFunc(f.Appliances, func(a topology.Appliance) bool { return a.ID == "lb+2" })
	f.Appliances[off].Booted = false
	scene := topology.Scene{Fabric: f, Title: "Many things", Hosts: map[topology.NetworkID][]string{"V": {"a", "b", "c", "d", "e", "f"}},
		States: map[topology.ApplianceID]topology.State{
			"fw": {Health: topology.Healthy}, "lb": {Health: topology.Failing, Detail: "no answer"},
			"lb+1": {Health: topology.Healthy}, "wo": {Past: true, Health: topology.Failing},
		}}
	golden(t, "draw-many.txt", topology.Draw(scene))
	golden(t, "draw-many.dot", topology.DOT(scene))
	svg := topology.SVG(scene)
	requireWellFormed(t, svg)
	golden(t, "draw-many.svg", string(svg))
}

func TestDrawingOfTwentyNetworks(t *testing.T) {
	t.Parallel()
	f := tenantOf(20)
	s := topology.Service{Instance: "fw", Name: "fw", Zones: topology.Isolated, NICs: []topology.NIC{{Role: topology.Outside, Pair: 1}}}
	for i, n := range networksOf(f)[:12] {
		s.NICs = append(s.NICs, topology.NIC{Role: topology.Inside, Pair: i + 1})
		s.Stitches = append(s.Stitches, topology.Stitch{Network: n, Pair: i + 1})
	}
	svg := topology.SVG(topology.Scene{Fabric: compose(t, f, s)})
	requireWellFormed(t, svg)
	golden(t, "draw-twenty.svg", string(svg))
}

func TestDrawingsOfNothing(t *testing.T) {
	t.Parallel()
	requireWellFormed(t, topology.SVG(topology.Scene{}))
	require.Empty(t, topology.Draw(topology.Scene{}))
}

// A network whose only way is cut ends at a cross.
func TestDrawingOfACut(t *testing.T) {
	t.Parallel()
	f := off(compose(t, tenantOf(1), topology.Service{Instance: "fw", Name: "FW", NICs: []topology.NIC{{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}},
		Stitches: []topology.Stitch{{Network: "net0", Pair: 1}}}), "fw")
	text := topology.Draw(topology.Scene{Fabric: f})
	require.Contains(t, text, "┤ FW (off) ├── seg-FW-net0 ──✗\n")
	require.Contains(t, text, "net0 10.0.0.0/24 does not reach a gateway\n")
	requireWellFormed(t, topology.SVG(topology.Scene{Fabric: f}))
}

// Two lines that pass the same two services in opposite orders cannot share
// columns; each still shows its own order.
func TestDrawingOfOppositeOrders(t *testing.T) {
	t.Parallel()
	a, b := twoPairs("a"), twoPairs("b")
	a.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: 1}, {Network: "X", Pair: 2, Rank: 2}}
	b.Stitches = []topology.Stitch{{Network: "V", Pair: 1, Rank: 2}, {Network: "X", Pair: 2, Rank: 1}}
	golden(t, "draw-opposite.txt", topology.Draw(topology.Scene{Fabric: compose(t, tenantA(), a, b)}))
}

func twoPairs(id topology.InstanceID) topology.Service {
	return topology.Service{Instance: id, Zones: topology.Bridged, NICs: []topology.NIC{
		{Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}, {Role: topology.Inside, Pair: 2}, {Role: topology.Outside, Pair: 2}}}
}
