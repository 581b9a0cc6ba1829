package ovf_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// reportingFirewall is the example with a Usage and the properties that it names.
func reportingFirewall(t *testing.T, usage string) *ovf.Package {
	t.Helper()
	_, text := exampleOf(t, "firewall")
	text = strings.Replace(text, "<bw:Probe", usage+"<bw:Probe", 1)
	text = strings.Replace(text, `<ovf:Property `, `<ovf:Property ovf:key="usage.key" ovf:type="string"/><ovf:Property ovf:key="usage.instance" ovf:type="string"/><ovf:Property `, 1)
	return ovf.ReadDescriptor("firewall.ovf", []byte(text), ovf.Options{})
}

func TestAPackageSaysWhereItsUsageKeyGoes(t *testing.T) {
	t.Parallel()
	p := reportingFirewall(t, `<bw:Usage keyProperty="usage.key" instanceProperty="usage.instance"/>`)
	require.False(t, p.Findings.HasErrors(), "%v", p.Findings)
	want := map[string]ovf.Fill{"usage.key": {Kind: ovf.FillUsageKey}, "usage.instance": {Kind: ovf.FillInstance}}
	for id, fill := range want {
		require.Equal(t, fill, filled(p)[id])
	}
	var b bytes.Buffer
	_, err := p.WriteDescriptor(&b)
	require.NoError(t, err)
	again := ovf.ReadDescriptor("firewall.ovf", b.Bytes(), ovf.Options{})
	require.False(t, again.Findings.HasErrors(), "%v", again.Findings)
	require.Equal(t, filled(p), filled(again))
	for i, c := range p.Systems() {
		require.Equal(t, c.Service, again.Systems()[i].Service)
	}
}

func TestAUsageWithoutItsPropertyIsRefused(t *testing.T) {
	t.Parallel()
	for usage, says := range map[string]string{
		`<bw:Usage instanceProperty="usage.instance"/>`:                       "no keyProperty",
		`<bw:Usage keyProperty="usage.lost"/>`:                                "usage.lost",
		`<bw:Usage keyProperty="usage.key" instanceProperty="usage.nobody"/>`: "usage.nobody",
	} {
		p := reportingFirewall(t, usage)
		require.True(t, p.Findings.HasErrors(), usage)
		var all []string
		for _, f := range p.Findings {
			all = append(all, f.Message)
		}
		require.Contains(t, strings.Join(all, "\n"), says)
	}
}
