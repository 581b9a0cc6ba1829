package ovf_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// wrong reads an example after each change by itself and wants it refused with
// that code among the errors.
func wrong(t *testing.T, name string, code ovf.Code, changes ...[2]string) {
	t.Helper()
	for _, c := range changes {
		pkg := changed(t, name, c[0], c[1])
		require.False(t, pkg.Valid(), "%s", c[1])
		require.Contains(t, codes(pkg.Findings.Errors()), code, "%s\n%s", c[1], pkg.Findings)
	}
}

// tolerated reads an example after each change and wants it taken with that
// warning, or with none where code is "".
func tolerated(t *testing.T, name string, code ovf.Code, changes ...[2]string) {
	t.Helper()
	for _, c := range changes {
		pkg := changed(t, name, c[0], c[1])
		require.True(t, pkg.Valid(), "%s\n%s", c[1], pkg.Findings)
		if code != "" {
			require.Contains(t, codes(pkg.Findings), code, "%s\n%s", c[1], pkg.Findings)
		}
	}
}

// The descriptor's meaning, each line of it: what cannot be meant is refused,
// what is merely odd is told.
func TestHostileDescriptors(t *testing.T) {
	t.Parallel()
	adversarial(t, "E", 25, slices.Concat(hostileReferences, hostileAmounts, hostileChoices, hostileTexts)...)
}

const fw, cl = "firewall.ovf", "cluster-2.0.ovf"

var hostileReferences = []hostile{
	{"E01 no References, no content, no id, two contents", func(t *testing.T) {
		wrong(t, fw, ovf.CodeMissingElement, [2]string{"<References>\n    " + oneFile + "\n  </References>", ""})
		wrong(t, "minimal.ovf", ovf.CodeMissingAttribute, [2]string{`o:id="machine"`, ``})
		wrong(t, fw, ovf.CodeDuplicateSection, [2]string{`</VirtualSystem>`, `</VirtualSystem><VirtualSystem ovf:id="b"><Info/></VirtualSystem>`})
		pkg := ovf.ReadDescriptor("x.ovf", []byte("<Envelope "+ns1ovf+"><References/></Envelope>"), ovf.Options{})
		require.Equal(t, []ovf.Code{ovf.CodeMissingElement}, codes(pkg.Findings))
	}},
	{"E02 ids that stand twice", func(t *testing.T) {
		wrong(t, fw, ovf.CodeDuplicateID, [2]string{oneFile, oneFile + `<File ovf:id="system" ovf:href="b"/>`},
			[2]string{`ovf:diskId="logs"`, `ovf:diskId="system"`}, [2]string{`ovf:name="Outside"`, `ovf:name="Inside"`},
			[2]string{`ovf:id="large" ovf:default`, `ovf:id="small" ovf:default`})
		wrong(t, "collection.ovf", ovf.CodeDuplicateID, [2]string{`<VirtualSystem ovf:id="worker">`, `<VirtualSystem ovf:id="balancer">`})
		wrong(t, fw, ovf.CodeDuplicateProperty, [2]string{`ovf:key="mtu"`, `ovf:key="mode"`})
		wrong(t, fw, ovf.CodeDuplicateItem, [2]string{`<rasd:InstanceID>12</rasd:InstanceID>`, `<rasd:InstanceID>13</rasd:InstanceID>`})
		require.Len(t, read(t, fw).Plans(), 2, "an InstanceID may stand again for a configuration and for a bound")
	}},
	{"E03 references to what is not there", func(t *testing.T) {
		wrong(t, fw, ovf.CodeUnknownFile, [2]string{`ovf:fileRef="system"`, `ovf:fileRef="other"`})
		wrong(t, fw, ovf.CodeHostResource, [2]string{`ovf:/disk/system`, `ovf:/disk/other`}, [2]string{`ovf:/disk/system`, `/dev/sda`})
		wrong(t, fw, ovf.CodeUnknownNetwork, [2]string{`<rasd:Connection>Inside<`, `<rasd:Connection>inside<`})
		wrong(t, fw, ovf.CodeUnknownItem, [2]string{`<rasd:Parent>3<`, `<rasd:Parent>33<`})
		wrong(t, fw, ovf.CodeUnknownConfiguration, [2]string{`<Item ovf:configuration="large">`, `<Item ovf:configuration="large huge">`},
			[2]string{`ovf:value="lax" ovf:configuration="small"`, `ovf:value="lax" ovf:configuration="tiny"`})
		wrong(t, cl, ovf.CodeUnknownContent, [2]string{`<Item ovf:id="node"`, `<Item ovf:id="nodes"`}, [2]string{`ovf:id="node"><Info>How`, `ovf:id="nodes"><Info>How`})
		wrong(t, cl, ovf.CodeUnknownGroup, [2]string{`ovf:group="near"`, `ovf:group="far"`})
		for _, ref := range []string{`<Strings xml:lang="fr" ovf:fileRef="fr"/></Envelope>`, `</Envelope>`} {
			text := strings.Replace(string(example(t, fw)), `</Envelope>`, ref, 1)
			if ref == `</Envelope>` {
				text = strings.Replace(text, `<Category>Filter`, `<Icon ovf:fileRef="icon"/><Category>Filter`, 1)
			}
			require.Contains(t, codes(folderOf(t, text).Findings.Errors()), ovf.CodeUnknownFile)
		}
	}},
	{"E04 disks and controllers that hang on themselves, long chains", func(t *testing.T) {
		chain := func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, `<Disk ovf:diskId="d%d" ovf:capacity="1" ovf:parentRef="d%d"/>`, i+1, i)
			}
			return `<Disk ovf:diskId="d0" ovf:capacity="1"/>` + b.String() + `</DiskSection>`
		}
		const end = `</DiskSection>`
		wrong(t, fw, ovf.CodeUnknownDisk,
			[2]string{`ovf:diskId="logs"`, `ovf:diskId="logs" ovf:parentRef="logs"`},
			[2]string{end, `<Disk ovf:diskId="a" ovf:capacity="1" ovf:parentRef="b"/><Disk ovf:diskId="b" ovf:capacity="1" ovf:parentRef="a"/>` + end},
			[2]string{end, `<Disk ovf:diskId="a" ovf:capacity="1" ovf:parentRef="z"/>` + end})
		wrong(t, fw, ovf.CodeCountLimit, [2]string{end, chain(10_000)}, [2]string{end, chain(64)})
		tolerated(t, fw, "", [2]string{end, chain(63)})
		wrong(t, fw, ovf.CodeCycle, [2]string{`<rasd:InstanceID>3</rasd:InstanceID>`, `<rasd:InstanceID>3</rasd:InstanceID><rasd:Parent>3</rasd:Parent>`},
			[2]string{`<rasd:InstanceID>3</rasd:InstanceID>`, `<rasd:InstanceID>3</rasd:InstanceID><rasd:Parent>5</rasd:Parent>`})
	}},
	{"E05 collections nested beyond reason or into themselves", func(t *testing.T) {
		deep := strings.Repeat(`<VirtualSystemCollection ovf:id="x"><Info/>`, 10_000) + strings.Repeat(`</VirtualSystemCollection>`, 10_000)
		pkg := ovf.ReadDescriptor("x.ovf", []byte("<Envelope "+ns1ovf+"><References/>"+deep+"</Envelope>"), ovf.Options{})
		require.Equal(t, []ovf.Code{ovf.CodeXMLLimit}, codes(pkg.Findings))
		wrong(t, "collection.ovf", ovf.CodeDuplicateID, [2]string{`<VirtualSystemCollection ovf:id="workers">`, `<VirtualSystemCollection ovf:id="suite">`})
	}},
}
