package topology_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/topology"
)

func example(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "plan", name))
	require.NoError(t, err)
	return text
}

func document(t testing.TB, name string) topology.Document {
	t.Helper()
	d, err := topology.ParseDocument(example(t, name))
	require.NoError(t, err)
	return d
}

// The example of the documentation, from two files to every form.
func TestAProposalOutOfFiles(t *testing.T) {
	t.Parallel()
	p, err := document(t, "now.json").Propose(document(t, "services.json"))
	require.NoError(t, err)
	golden(t, "proposal.txt", p.Text())
	golden(t, "proposal.dot", p.DOT())
	golden(t, "proposal.svg", string(p.SVG()))
	requireWellFormed(t, p.SVG())
	require.Equal(t, 3, p.Cost.VCPUs)
	require.Equal(t, []topology.Interruption{{Network: "V", Moves: 1, Milliseconds: 2000}, {Network: "X", Moves: 1, Milliseconds: 2000}}, p.Cost.Interruptions)

	// Its after is a topology to plan from, and to plan to.
	text, err := json.Marshal(p.After)
	require.NoError(t, err)
	after, err := topology.ParseDocument(text)
	require.NoError(t, err)
	back, err := after.Propose(document(t, "now.json"))
	require.NoError(t, err)
	require.Equal(t, -2, back.Cost.Machines)
	require.Equal(t, p.Before.Fabric, back.After.Fabric)
	none, err := after.Propose(after)
	require.NoError(t, err)
	require.Empty(t, none.Steps)
	require.Contains(t, none.Text(), "Nothing to do.")
}

func TestWhatADocumentCannotSay(t *testing.T) {
	t.Parallel()
	now := string(example(t, "now.json"))
	services := string(example(t, "services.json"))
	replaced := func(in, old, with string) string {
		require.Contains(t, in, old)
		return strings.Replace(in, old, with, 1)
	}
	for text, want := range map[string]string{
		"":                         "line 1, column 1",
		"{\n  \"tenant\": acme\n}": "line 2, column",
		"{\n\"tennant\": \"a\"}":   `line 2, column 1: json: unknown field "tennant"`,
		"{\n\"networks\": 7}":      "line 2, column 14",
		now + "{}":                 "line 18, column 2: there is more after the document",
		replaced(now, `"role": "tenant"`, `"role": "mine"`):                 `network "V" has the role "mine"`,
		replaced(now, `"id": "X"`, `"id": "V"`):                             `network "V" is there twice`,
		replaced(now, `"id": "X"`, `"id": ""`):                              "a network has no id",
		replaced(now, `"id": "X"`, `"id": "`+strings.Repeat("x", 1000)+`"`): "more than 512 bytes",
		replaced(now, `"home": "V"`, `"home": "W"`):                         "which is no network of the tenant",
		replaced(now, `"at": "V"`, `"at": "W"`):                             "which is not there",
		replaced(now, `10.0.1.0/24`, `10.0.1.0/99`):                         "line 4, column 75",
		replaced(now, `"10.0.1.1"}`, `"10.9.1.1"}`):                         "a gateway outside of it",
		replaced(services, `"isolated"`, `"open"`):                          `zones are "bridged" or "isolated"`,
		replaced(services, `"inside"`, `"within"`):                          `not "within"`,
		replaced(services, `"rank": 20`, `"rank": 99999999999`):             "a stitch whose network, pair or rank cannot be",
		replaced(services, `2000`, `-1`):                                    "swap_ms",
		strings.Repeat("[", 20000):                                          "line 1",
		strings.Repeat(" ", topology.MaxDocument+1):                         "are the most",
	} {
		_, err := topology.ParseDocument([]byte(text))
		require.ErrorContains(t, err, want, "%.300s", text)
	}
}

func TestAPlanThatCannotBeIsExplained(t *testing.T) {
	t.Parallel()
	wanted := document(t, "services.json")
	wanted.Services[0].Stitches[0].Network = "W"
	_, err := document(t, "now.json").Propose(wanted)
	require.ErrorContains(t, err, `the tenant has no such network`)
}

// Whatever somebody writes down is refused, or planned and drawn.
func FuzzDocument(f *testing.F) {
	f.Add(example(f, "now.json"), example(f, "services.json"))
	f.Add(example(f, "services.json"), example(f, "now.json"))
	f.Fuzz(func(t *testing.T, now, want []byte) {
		d, err := topology.ParseDocument(now)
		if err != nil {
			return
		}
		text, err := json.Marshal(d)
		require.NoError(t, err)
		again, err := topology.ParseDocument(text)
		require.NoError(t, err, "%s", text)
		once, err := json.Marshal(again)
		require.NoError(t, err)
		require.Equal(t, string(text), string(once))
		w, err := topology.ParseDocument(want)
		if err != nil {
			return
		}
		if p, err := d.Propose(w); err == nil {
			requireWellFormed(t, p.SVG())
			_ = p.Text() + p.DOT()
		}
	})
}

// What a plan takes: machines in between, and traffic that stops for longer than a
// swap where nothing can stand in.
func TestEstimates(t *testing.T) {
	t.Parallel()
	before := compose(t, tenantA(), firewall(topology.Bridged))
	next := firewall(topology.Bridged)
	next.Generation = 1
	after := compose(t, tenantA(), next)
	sizes := map[topology.ApplianceID]topology.Size{"fw": {VCPUs: 1, MemoryBytes: 1 << 29}, "fw~1": {VCPUs: 4, MemoryBytes: 1 << 31}}
	c := topology.Estimate(before, plan(t, before, after), sizes, 300*time.Microsecond)
	require.Equal(t, []int{1, 0, 3, 5}, []int{c.Boots, c.Machines, c.VCPUs, c.Peak.VCPUs})
	require.Equal(t, []topology.Interruption{{Network: "V", Moves: 1, Milliseconds: 0.3}, {Network: "X", Moves: 1, Milliseconds: 0.3}}, c.Interruptions)
	require.Contains(t, c.String(), "Network V (1 move): about 0.3 ms of interruption expected.")

	broken := topology.Settle(before)
	broken.Appliances[0].Legs = broken.Appliances[0].Legs[1:]
	broken = topology.Settle(broken)
	c = topology.Estimate(broken, plan(t, broken, before), nil, 0)
	require.Equal(t, 1, c.Unsized)
	require.Equal(t, []topology.Interruption{{Network: "X", Cut: true}}, c.Interruptions, "a machine takes a NIC only when it boots")
	require.Contains(t, c.String(), "Network X (0 moves): its traffic stops in between")

	c = topology.Estimate(before, plan(t, before, topology.Base(before)), sizes, 0)
	require.Contains(t, c.String(), "1 machine less, 1 vCPU less and 512 MiB less afterwards")
	require.Contains(t, c.String(), "no interruption expected")
	require.Contains(t, topology.Estimate(before, nil, sizes, 0).String(), "No network sees a swap.")
}
