package ovf_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// grown are descriptors of which one thing grows with n, and how large n may
// be before a limit cuts it off.
var grown = []struct {
	name string
	most int
	text func(n int) string
}{
	{"elements", 20_000, func(n int) string {
		return envelope(repeat(n, `<x:e xmlns:x="urn:x" ovf:required="false"/>`), "")
	}},
	{"names of elements", 20_000, func(n int) string {
		return envelope(repeat(n, `<x:e# xmlns:x="urn:x" ovf:required="false"/>`), "")
	}},
	{"attributes", 50_000, func(n int) string {
		return envelope(repeat(n/200, `<x:e xmlns:x="urn:x" ovf:required="false"`+manyAttributes(200)+`/>`), "")
	}},
	{"text", 1 << 20, func(n int) string {
		return envelope("", `<AnnotationSection><Info/><Annotation>`+strings.Repeat("x", n)+`</Annotation></AnnotationSection>`)
	}},
	{"comments in a text", 50_000, func(n int) string {
		return envelope("", `<AnnotationSection><Info/><Annotation>`+strings.Repeat("x<!---->", n)+`</Annotation></AnnotationSection>`)
	}},
	{"sides and peers", 5_000, func(n int) string {
		return envelope("", `<bw:NetworkServiceSection xmlns:bw="urn:bumpwire:ovf:network-service:1" ovf:required="false"><Info/>`+
			repeat(n, `<bw:Side name="s#"/><bw:Peer property="p#" side="s#"/>`)+`</bw:NetworkServiceSection>`)
	}},
	{"files", 10_000, func(n int) string {
		return strings.Replace(envelope("", ""), `<References>`, `<References>`+repeat(n, `<File ovf:id="f#" ovf:href="f#"/>`), 1)
	}},
	{"disks", 10_000, func(n int) string {
		return envelope(`<DiskSection><Info/>`+repeat(n, `<Disk ovf:diskId="d#" ovf:capacity="1"/>`)+`</DiskSection>`, "")
	}},
	{"parents of disks", 10_000, func(n int) string {
		return envelope(`<DiskSection><Info/>`+repeat(n, `<Disk ovf:diskId="d#" ovf:capacity="1" ovf:parentRef="d#"/>`)+`</DiskSection>`, "")
	}},
	{"networks", 10_000, func(n int) string {
		return envelope(`<NetworkSection><Info/>`+repeat(n, `<Network ovf:name="n#"/>`)+`</NetworkSection>`, "")
	}},
	{"configurations", 100, func(n int) string { return configured(n, 20) }},
	{"items", 2000, func(n int) string { return configured(20, n) }},
	{"items that hang on one another", 2000, func(n int) string {
		return envelope("", hardware(repeat(n, `<Item><rasd:ElementName>x</rasd:ElementName><rasd:InstanceID>#</rasd:InstanceID><rasd:Parent>#0</rasd:Parent><rasd:ResourceType>20</rasd:ResourceType></Item>`)))
	}},
	{"settings", 1000, func(n int) string {
		return envelope("", hardware(repeat(n, `<vmw:ExtraConfig xmlns:vmw="http://www.vmware.com/schema/ovf" ovf:required="false" vmw:key="k#" vmw:value="v"/>`)))
	}},
	{"findings", 10_000, func(n int) string {
		return envelope(`<DiskSection><Info/>`+repeat(n, `<Disk ovf:diskId="d#" ovf:capacity="x#"/>`)+`</DiskSection>`, "")
	}},
	{"sections", 5_000, func(n int) string {
		return envelope("", repeat(n, `<EulaSection><Info/><License>l</License></EulaSection>`))
	}},
	{"products", 2_000, func(n int) string {
		return envelope("", repeat(n, `<ProductSection ovf:class="c#"><Info/><Product>p</Product></ProductSection>`))
	}},
	{"properties", 5_000, func(n int) string {
		return envelope("", `<ProductSection><Info/>`+repeat(n, `<Property ovf:key="k#" ovf:type="string" ovf:userConfigurable="true" ovf:value="v"/>`)+`</ProductSection>`)
	}},
	{"qualifiers of a property", 20_000, func(n int) string { return qualified(strings.Repeat("MaxLen(3) ", n)) }},
	{"values of a property", 20_000, func(n int) string { return qualified(`ValueMap{` + strings.Repeat(`&quot;v&quot;,`, n) + `}`) }},
	{"quotes in a qualifier", 100_000, func(n int) string { return qualified(`Ip(` + strings.Repeat(`' `, n) + `)`) }},
	{"brackets in a qualifier", 100_000, func(n int) string { return qualified(strings.Repeat(`a(`, n)) }},
	{"messages", 20_000, func(n int) string {
		return strings.Replace(envelope("", ""), `</Envelope>`, `<Strings xml:lang="en-US">`+repeat(n, `<Msg ovf:msgid="m#">t</Msg>`)+`</Strings></Envelope>`, 1)
	}},
	{"bundles", 10_000, func(n int) string {
		return strings.Replace(envelope("", ""), `</Envelope>`, repeat(n, `<Strings xml:lang="en-#"><Msg ovf:msgid="m#">t</Msg></Strings>`)+`</Envelope>`, 1)
	}},
	{"systems", 1000, func(n int) string { return collected(repeat(n, system)) }},
	{"systems that start in order", 1000, func(n int) string {
		return collected(`<StartupSection><Info/>` + repeat(n, `<Item ovf:id="s#" ovf:order="1"/>`) + `</StartupSection>` + repeat(n, system))
	}},
	{"placement groups", 5_000, func(n int) string {
		return envelope(repeat(n, `<PlacementGroupSection ovf:id="g#" ovf:policy="affinity"><Info/></PlacementGroupSection>`), repeat(n, `<PlacementSection ovf:group="g#"><Info/></PlacementSection>`))
	}},
	{"boot devices", 2_000, func(n int) string {
		return envelope("", hardware(manyItems(n, 20))+repeat(n, `<vmw:BootOrderSection xmlns:vmw="http://www.vmware.com/schema/ovf" vmw:instanceId="1#"/>`))
	}},
}

const system = `<VirtualSystem ovf:id="s#"><Info/><VirtualHardwareSection><Info/></VirtualHardwareSection></VirtualSystem>`

// repeat writes a pattern n times, with # as its number.
func repeat(n int, pattern string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(pattern, "#", fmt.Sprint(i)))
	}
	return b.String()
}

func hardware(items string) string {
	return `<VirtualHardwareSection><Info/>` + items + `</VirtualHardwareSection>`
}

func envelope(sections, inside string) string {
	return `<Envelope ` + ns1ovf + ` xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"><References></References>` +
		sections + `<VirtualSystem ovf:id="s"><Info/>` + inside + `</VirtualSystem></Envelope>`
}

func collected(inside string) string {
	return `<Envelope ` + ns1ovf + `><References/><VirtualSystemCollection ovf:id="c"><Info/>` + inside + `</VirtualSystemCollection></Envelope>`
}

func qualified(text string) string {
	return envelope("", `<ProductSection><Info/><Property ovf:key="k" ovf:type="string" ovf:qualifiers="`+text+`"/></ProductSection>`)
}

// configured has items that count in every configuration each; its size is that
// of both together, while resolving it costs their product.
func configured(configurations, items int) string {
	return envelope(`<DeploymentOptionSection><Info/>`+repeat(configurations, `<Configuration ovf:id="c#"><Label>c</Label></Configuration>`)+`</DeploymentOptionSection>`,
		hardware(manyItems(items, 20)))
}

// Twice as much to read takes at most about twice the memory, whatever it is
// that there is twice of. What is allocated stands for the work as well, since
// nothing is read without being kept; the tables that grow by doubling allow a
// measure of slack.
func TestMemoryGrowsNoFasterThanTheDescriptor(t *testing.T) {
	for _, g := range grown {
		t.Run(g.name, func(t *testing.T) {
			quarter, half, whole := allocated(g.text(g.most/4)), allocated(g.text(g.most/2)), allocated(g.text(g.most))
			require.LessOrEqual(t, float64(whole-half), 2.6*float64(half-quarter)+256<<10, "from %d to %d to %d bytes", quarter, half, whole)
		})
	}
}

// allocated is the bytes that reading the text takes, the least of a few times:
// other things go on in the process.
func allocated(text string) int64 {
	data, least := []byte(text), int64(1<<62)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		ovf.ReadDescriptor("x.ovf", data, ovf.Options{})
		runtime.ReadMemStats(&after)
		least = min(least, int64(after.TotalAlloc-before.TotalAlloc))
	}
	return least
}

// The time for each byte, by what there is more and more of: the rows of one
// name should not differ.
func BenchmarkGrowth(b *testing.B) {
	for _, g := range grown {
		for _, n := range []int{g.most / 4, g.most / 2, g.most} {
			data := []byte(g.text(n))
			b.Run(fmt.Sprintf("%s/%d", g.name, n), func(b *testing.B) {
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					ovf.ReadDescriptor("x.ovf", data, ovf.Options{})
				}
			})
		}
	}
}
