package ovf_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

func exampleOf(t *testing.T, name string) (*ovf.Package, string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", name, name+".ovf"))
	require.NoError(t, err)
	p := ovf.ReadDescriptor(name+".ovf", data, ovf.Options{})
	return p, string(data)
}

func filled(p *ovf.Package) map[string]ovf.Fill {
	fill := map[string]ovf.Fill{}
	for _, property := range p.Properties() {
		if property.Fill != nil {
			fill[property.ID] = *property.Fill
		}
	}
	return fill
}

func TestSidesAreServedByTheSystemsThatNameThem(t *testing.T) {
	t.Parallel()
	one, _ := exampleOf(t, "optimiser")
	require.False(t, one.Findings.HasErrors(), "%v", one.Findings)
	require.Equal(t, []ovf.Side{{Name: "branch", System: "optimiser"}, {Name: "datacenter", System: "optimiser"}}, one.Sides())
	require.Equal(t, map[string]ovf.Fill{"wan.side": {Kind: ovf.FillSide}, "wan.peer": {Kind: ovf.FillPeer}}, filled(one))
	for _, p := range one.Properties() {
		require.Equal(t, p.ID == "wan.password", p.RequiredIn("default"), p.ID)
	}

	two, _ := exampleOf(t, "optimiser-pair")
	require.False(t, two.Findings.HasErrors(), "%v", two.Findings)
	require.Equal(t, []ovf.Side{{Name: "branch", System: "edge"}, {Name: "datacenter", System: "core"}}, two.Sides())
	require.Equal(t, map[string]ovf.Fill{"edge.side": {Kind: ovf.FillSide}, "edge.peer": {Kind: ovf.FillPeer, Side: "datacenter"},
		"core.peer": {Kind: ovf.FillPeer, Side: "branch"}}, filled(two))
}

func TestSidesAreWrittenAsTheyWereRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"optimiser", "optimiser-pair"} {
		p, _ := exampleOf(t, name)
		var b bytes.Buffer
		_, err := p.WriteDescriptor(&b)
		require.NoError(t, err)
		again := ovf.ReadDescriptor(name+".ovf", b.Bytes(), ovf.Options{})
		require.False(t, again.Findings.HasErrors(), "%v", again.Findings)
		require.Equal(t, p.Sides(), again.Sides())
		require.Equal(t, filled(p), filled(again))
		for i, c := range p.Systems() {
			require.Equal(t, c.Service, again.Systems()[i].Service)
		}
	}
}

func TestSectionsOfOneServiceMustAgree(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, new, says string }{
		"two owners of a side":  {`<bw:Side name="datacenter"/>`, `<bw:Side name="branch"/>`, `side "branch" is named twice`},
		"one side":              {`<bw:Side name="datacenter"/>`, ``, `has the side "branch" only`},
		"two different kinds":   {`<bw:Side name="datacenter"/>`, `<bw:Service type="firewall"/><bw:Side name="datacenter"/>`, "describe two services"},
		"a peer that is nobody": {`side="branch"`, `side="moon"`, `side "moon", which the package does not name`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, text := exampleOf(t, "optimiser-pair")
			require.Contains(t, text, c.old)
			p := ovf.ReadDescriptor("p.ovf", []byte(strings.Replace(text, c.old, c.new, 1)), ovf.Options{})
			require.True(t, p.Findings.HasErrors())
			var said []string
			for _, f := range p.Findings {
				if f.Code == ovf.CodeServiceSides {
					said = append(said, f.Message)
				}
			}
			require.Contains(t, strings.Join(said, "; "), c.says)
		})
	}
}
