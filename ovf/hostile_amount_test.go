package ovf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

const (
	logCapacity = `${com.example.firewall.log-disk}`
	logDefault  = `ovf:key="log-disk" ovf:type="uint8" ovf:value="2">
        <Value ovf:value="8" ovf:configuration="large"/>`
)

// manyItems is so many items of one resource type.
func manyItems(n, kind int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<Item><rasd:ElementName>x</rasd:ElementName><rasd:InstanceID>%d</rasd:InstanceID><rasd:ResourceType>%d</rasd:ResourceType></Item>`, 100+i, kind)
	}
	return b.String()
}

// with makes a change of each text in place of old.
func with(old string, texts ...string) [][2]string {
	var changes [][2]string
	for _, text := range texts {
		changes = append(changes, [2]string{old, text})
	}
	return changes
}

var hostileAmounts = []hostile{
	{"E06 capacities that are no number or wrap around", func(t *testing.T) {
		for _, text := range []string{
			"-1", "0", "1e9", "0x10", " 5 ", "5 ", "+5", "9999999999999999999", "-9223372036854775809", "9223372036854775807", "18446744073709551617", "1.5", "five", "5 5", "٥", "",
		} {
			pkg := changed(t, fw, `ovf:capacity="1"`, `ovf:capacity="`+text+`"`)
			require.False(t, pkg.Valid(), "%q", text)
			require.Zero(t, pkg.Plans()[0].Systems[0].Disks[0].CapacityBytes, "%q", text)
		}
	}},
	{"E07 units beyond 64 bits or of something else", func(t *testing.T) {
		wrong(t, fw, ovf.CodeUnits, with("byte * 2^30", "byte * 2^64", "byte * 2^-1", "byte * 10^9999", "byte^2", "parsec", "byte * 2^20; rm -rf",
			strings.Repeat("byte * 1", 1<<17), "byte * 0", "byte * ", "* 2^30", "hertz")...)
	}},
	{"E08 capacities by property", func(t *testing.T) {
		wrong(t, fw, ovf.CodeCapacityProperty, [2]string{logCapacity, `${com.example.nothing}`}, [2]string{logCapacity, `${com.example.firewall.password}`},
			[2]string{logDefault, `ovf:key="log-disk" ovf:type="uint8" ovf:value="">`}, [2]string{logDefault, `ovf:key="log-disk" ovf:type="uint8">`})
		wrong(t, fw, ovf.CodeNumber, [2]string{logCapacity, `${com.example.firewall.build}`}, [2]string{logDefault, `ovf:key="log-disk" ovf:type="string" ovf:value="two">`},
			[2]string{logDefault, `ovf:key="log-disk" ovf:type="string" ovf:value="0">`})
		wrong(t, fw, ovf.CodePlaceholder, [2]string{logDefault, `ovf:key="log-disk" ovf:type="string" ovf:value="${com.example.firewall.mtu}">`})
		wrong(t, fw, ovf.CodeResourceLimit, [2]string{logDefault, `ovf:key="log-disk" ovf:type="uint64" ovf:value="1152921504606846976">`})
		pkg := changed(t, fw, logDefault, `ovf:key="log-disk" ovf:type="uint64" ovf:userConfigurable="true" ovf:value="2">`)
		plan, _ := pkg.Plan("large")
		for _, value := range []string{"1152921504606846976", "0", "-1", "two", "", "${x}"} {
			_, err := pkg.DiskCapacity(plan.Systems[0].Disks[1], map[string]string{"com.example.firewall.log-disk": value})
			require.Error(t, err, "%q", value)
		}
	}},
	{"E09 sizes that contradict one another", func(t *testing.T) {
		wrong(t, fw, ovf.CodePopulatedSize, [2]string{`ovf:capacity="1"`, `ovf:capacity="1" ovf:populatedSize="9999999999"`})
		sized := func(size, capacity string) raw {
			return raw{name: "p.ovf", data: strings.NewReplacer(`ovf:href="disk.img"`, `ovf:href="disk.img" ovf:size="`+size+`"`, `ovf:capacity="4096"`, `ovf:capacity="`+capacity+`"`).Replace(oneDisk)}
		}
		refuses(t, ovf.CodeFileSize, archive(sized("1", "4096"), diskFile))
		refuses(t, ovf.CodeDiskCapacity, archive(sized("2200", "100"), diskFile))
	}},
	{"E10 CPUs, memory and devices that no machine has", func(t *testing.T) {
		for _, n := range []string{"0", "-1", "2147483648", "1.5", "", "4097"} {
			require.False(t, changed(t, fw, oneCPU, cpus(n)).Valid(), "%q", n)
		}
		wrong(t, fw, ovf.CodeQuantity, [2]string{">512<", ">0<"})
		wrong(t, fw, ovf.CodeResourceLimit, [2]string{">512<", ">1099511627776<"})
		const hardware = `<VirtualHardwareSection><Info/>`
		for _, kind := range []int{10, 17, 20} {
			pkg := ovf.ReadDescriptor("x.ovf", []byte(strings.Replace(oneDisk, hardware, hardware+manyItems(10_000, kind), 1)), ovf.Options{})
			require.Contains(t, codes(pkg.Findings.Errors()), ovf.CodeCountLimit)
		}
	}},
	{"E11 counts of copies", func(t *testing.T) {
		wrong(t, cl, ovf.CodeInstanceCount, with(`ovf:minimum="2" ovf:default="3" ovf:maximum="8"`, `ovf:minimum="9" ovf:default="9" ovf:maximum="8"`,
			`ovf:minimum="2" ovf:default="1" ovf:maximum="8"`, `ovf:minimum="2" ovf:default="9" ovf:maximum="8"`)...)
		wrong(t, cl, ovf.CodeNumber, with(`ovf:maximum="8"`, `ovf:maximum="4294967296"`, `ovf:maximum="-1"`, `ovf:maximum="many"`)...)
		pkg := changed(t, cl, ` ovf:maximum="8"`, ``)
		require.True(t, pkg.Valid(), pkg.Findings.String())
		require.Zero(t, pkg.Content.ScaleOut[0].Maximum, "without an upper bound, which whoever deploys it sets")
	}},
	{"E12 bounds that contradict one another", func(t *testing.T) {
		bound := func(kind, n string) string {
			return `<Item ovf:bound="` + kind + `"><rasd:ElementName>b</rasd:ElementName><rasd:InstanceID>` + n + `</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>` + n + `</rasd:VirtualQuantity></Item>`
		}
		const most = `<Item ovf:bound="max">`
		wrong(t, fw, ovf.CodeBound, [2]string{most, bound("min", "9") + most}, [2]string{most, bound("min", "2") + most}, [2]string{`>8<`, `>2<`})
		wrong(t, fw, ovf.CodeValue, [2]string{most, `<Item ovf:bound="about">`})
		wrong(t, fw, ovf.CodeAmbiguousItem, [2]string{most, bound("max", "9") + most})
		wrong(t, fw, ovf.CodeDuplicateItem, [2]string{most, strings.Replace(bound("max", "9"), "ID>9<", "ID>1<", 1) + most})
		wrong(t, fw, ovf.CodeNumber, [2]string{`>8<`, `>eight<`})
	}},
	{"E13 ten thousand configurations and items", func(t *testing.T) {
		var options strings.Builder
		for i := range 10_000 {
			fmt.Fprintf(&options, `<Configuration ovf:id="c%d"><Label>c</Label></Configuration>`, i)
		}
		const start = `<VirtualSystem ovf`
		text := strings.Replace(oneDisk, start, `<DeploymentOptionSection><Info/>`+options.String()+`</DeploymentOptionSection>`+start, 1)
		text = strings.Replace(text, `<VirtualHardwareSection><Info/>`, `<VirtualHardwareSection><Info/>`+manyItems(10_000, 20), 1)
		pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
		require.Equal(t, []ovf.Code{ovf.CodeCountLimit, ovf.CodeCountLimit}, codes(pkg.Findings.Errors()))
		require.LessOrEqual(t, len(pkg.Plans()), 100)
	}},
}
