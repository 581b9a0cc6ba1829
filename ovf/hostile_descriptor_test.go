package ovf_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// mutation is one change to firewall.ovf and what must be found then.
type mutation struct {
	name, old, new string
	code           ovf.Code
	message        string // part of it
}

// Each of these makes the example wrong in one way; it must be refused for
// exactly that, on the line of the change.
func TestAWrongDescriptorIsRefusedWhereItIsWrong(t *testing.T) {
	t.Parallel()
	for _, m := range append(append(referenceMutations, hardwareMutations...), otherMutations...) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			text := string(example(t, "firewall.ovf"))
			require.Contains(t, text, m.old)
			start := strings.Index(text, m.old)
			pkg := folderOf(t, text[:start]+m.new+text[start+len(m.old):])
			require.False(t, pkg.Valid(), "findings:\n%s", pkg.Findings)
			var all []string
			for _, f := range pkg.Findings.Errors() {
				if f.Code == m.code && strings.Contains(f.Message, m.message) {
					require.NotZero(t, f.Line)
					require.NotZero(t, f.Column)
					require.True(t, strings.HasPrefix(f.Path, "/Envelope"), f.Path)
					return
				}
				all = append(all, f.String())
			}
			require.Fail(t, "not found", "want %s (%s), got:\n%s", m.code, m.message, strings.Join(all, "\n"))
		})
	}
}

// folderOf opens a package of nothing but a descriptor.
func folderOf(t *testing.T, descriptor string) *ovf.Package {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "firewall.ovf"), []byte(descriptor), 0o600))
	pkg, err := ovf.Open(t.Context(), dir, ovf.Options{})
	require.NoError(t, err)
	return pkg
}

const oneFile = `<File ovf:id="system" ovf:href="firewall-disk1.vmdk"/>`

func href(s string) string { return `<File ovf:id="system" ovf:href="` + s + `"/>` }

var referenceMutations = []mutation{
	{"no References", "<References>\n    " + oneFile + "\n  </References>", "", ovf.CodeMissingElement, "no References"},
	{"two References", "<DiskSection>", "<References/><DiskSection>", ovf.CodeDuplicateSection, "second References"},
	{"file without id", oneFile, `<File ovf:href="a"/>`, ovf.CodeMissingAttribute, "no id"},
	{"file without href", oneFile, `<File ovf:id="system"/>`, ovf.CodeMissingAttribute, "no href"},
	{"two files of one id", oneFile, oneFile + `<File ovf:id="system" ovf:href="b"/>`, ovf.CodeDuplicateID, "file id"},
	{"two files of one href", oneFile, oneFile + `<File ovf:id="b" ovf:href="firewall-disk1.vmdk"/>`, ovf.CodeDuplicateFile, "href"},
	{"negative size", oneFile, `<File ovf:id="system" ovf:href="a" ovf:size="-1"/>`, ovf.CodeNumber, "size"},
	{"size left in from a template", oneFile, `<File ovf:id="system" ovf:href="a" ovf:size="@@SIZE@@"/>`, ovf.CodePlaceholder, "template"},
	{"chunks of nothing", oneFile, `<File ovf:id="system" ovf:href="a" ovf:chunkSize="0"/>`, ovf.CodeNumber, "chunkSize"},
	{"unknown compression", oneFile, `<File ovf:id="system" ovf:href="a" ovf:compression="rot13"/>`, ovf.CodeValue, "compression"},
	{"bzip2", oneFile, `<File ovf:id="system" ovf:href="a" ovf:compression="bzip2"/>`, ovf.CodeUnsupportedCompression, "bzip2"},
	{"metadata service", oneFile, href("http://169.254.169.254/latest"), ovf.CodeHref, "http"},
	{"local service", oneFile, href("http://localhost:5000/"), ovf.CodeHref, "http"},
	{"https", oneFile, href("https://example.com/disk"), ovf.CodeHref, "https"},
	{"ftp", oneFile, href("ftp://example.com/disk"), ovf.CodeHref, "ftp"},
	{"file address", oneFile, href("file:///etc/shadow"), ovf.CodeHref, "file"},
	{"data address", oneFile, href("data:text/plain,x"), ovf.CodeHref, "data"},
	{"Windows share", oneFile, href(`\\host\share`), ovf.CodeHref, "another system"},
	{"Windows drive", oneFile, href(`C:/x`), ovf.CodeHref, "another system"},
	{"absolute", oneFile, href("/etc/shadow"), ovf.CodeHref, "absolute"},
	{"host without a scheme", oneFile, href("//host/x"), ovf.CodeHref, "absolute"},
	{"out of the package", oneFile, href("../x"), ovf.CodeHref, "leads out"},
	{"out of the package, encoded", oneFile, href("%2e%2e%2fx"), ovf.CodeHref, "leads out"},
	{"NUL, encoded", oneFile, href("a%00b"), ovf.CodeHref, "control"},
	{"bidi override", oneFile, href("a\u202eb"), ovf.CodeHref, "control"},
	{"around in the package", oneFile, href("a/../b"), ovf.CodeHref, "around"},
	{"long name", oneFile, href(strings.Repeat("x", 300)), ovf.CodeHref, "longer"},

	{"disk without id", `ovf:diskId="logs" `, "", ovf.CodeMissingAttribute, "diskId"},
	{"two disks of one id", `ovf:diskId="logs"`, `ovf:diskId="system"`, ovf.CodeDuplicateID, "disk id"},
	{"two disks on one file", `ovf:diskId="logs"`, `ovf:diskId="logs" ovf:fileRef="system"`, ovf.CodeDuplicateFile, "same file"},
	{"disk on no file", `ovf:fileRef="system"`, `ovf:fileRef="other"`, ovf.CodeUnknownFile, "other"},
	{"its own parent", `ovf:diskId="logs"`, `ovf:diskId="logs" ovf:parentRef="logs"`, ovf.CodeUnknownDisk, "parentRef"},
	{"no capacity", `ovf:capacity="1" `, "", ovf.CodeMissingAttribute, "capacity"},
	{"capacity of no property", `${com.example.firewall.log-disk}`, `${com.example.nothing}`, ovf.CodeCapacityProperty, "no property"},
	{"capacity of a password", `${com.example.firewall.log-disk}`, `${com.example.firewall.password}`, ovf.CodeCapacityProperty, "password"},
	{"capacity of a text", `${com.example.firewall.log-disk}`, `${com.example.firewall.build}`, ovf.CodeNumber, "property"},
	{"populated beyond its capacity", `ovf:capacity="1"`, `ovf:capacity="1" ovf:populatedSize="9999999999"`, ovf.CodePopulatedSize, "populatedSize"},
	{"two networks of one name", `ovf:name="Outside"`, `ovf:name="Inside"`, ovf.CodeDuplicateID, "network"},
	{"network without a name", `<Network ovf:name="Outside">`, `<Network>`, ovf.CodeMissingAttribute, "name"},
	{"two configurations of one id", `ovf:id="large" ovf:default`, `ovf:id="small" ovf:default`, ovf.CodeDuplicateID, "configuration id"},
	{"two defaults", `<Configuration ovf:id="small"`, `<Configuration ovf:id="small" ovf:default="true"`, ovf.CodeAmbiguousDefault, "default"},
	{"configuration id with a space", `<Configuration ovf:id="small"`, `<Configuration ovf:id="very small"`, ovf.CodeConfigurationID, "white space"},
}

const oneCPU = `<rasd:VirtualQuantity>1</rasd:VirtualQuantity>`

func cpus(s string) string { return strings.Replace(oneCPU, ">1<", ">"+s+"<", 1) }

const fourCPUs = `<rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>4</rasd:VirtualQuantity>`

var hardwareMutations = []mutation{
	{"no CPUs", oneCPU, cpus("0"), ovf.CodeQuantity, "CPUs is 0"},
	{"negative CPUs", oneCPU, cpus("-1"), ovf.CodeNumber, "VirtualQuantity is -1"},
	{"too many CPUs", oneCPU, cpus("2147483648"), ovf.CodeQuantity, "CPUs"},
	{"half a CPU", oneCPU, cpus("1.5"), ovf.CodeNumber, "whole number"},
	{"CPUs in another notation", oneCPU, cpus("0x10"), ovf.CodeNumber, "whole number"},
	{"CPUs with a sign", oneCPU, cpus("+1"), ovf.CodeNumber, "whole number"},
	{"CPUs not given", oneCPU, cpus(""), ovf.CodeQuantity, "not given"},
	{"no memory", ">512<", ">0<", ovf.CodeQuantity, "memory"},
	{"an exabyte of memory", ">512<", ">1099511627776<", ovf.CodeResourceLimit, "limit"},
	{"memory in parsec", "byte * 2^20", "parsec", ovf.CodeUnits, "parsec"},
	{"two CPU items", fourCPUs, strings.Replace(fourCPUs, ">1<", ">77<", 1) + `</Item><Item ovf:configuration="large"><rasd:ElementName>x</rasd:ElementName>` +
		strings.Replace(fourCPUs, ">1<", ">78<", 1), ovf.CodeAmbiguousItem, "2 CPU items"},
	{"one InstanceID twice", `<rasd:InstanceID>12</rasd:InstanceID>`, `<rasd:InstanceID>13</rasd:InstanceID>`, ovf.CodeDuplicateItem, "InstanceID"},
	{"no InstanceID", `<rasd:InstanceID>12</rasd:InstanceID>`, ``, ovf.CodeMissingElement, "InstanceID"},
	{"no ResourceType", `<rasd:InstanceID>5</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>`, `<rasd:InstanceID>5</rasd:InstanceID>`, ovf.CodeMissingElement, "ResourceType"},
	{"ResourceType in words", `<rasd:ResourceType>17</rasd:ResourceType>`, `<rasd:ResourceType>disk</rasd:ResourceType>`, ovf.CodeNumber, "ResourceType"},
	{"above its bound", `>8<`, `>2<`, ovf.CodeBound, "outside"},
	{"unknown bound", `ovf:bound="max"`, `ovf:bound="about"`, ovf.CodeValue, "bound"},
	{"undeclared configuration", `<Item ovf:configuration="large">`, `<Item ovf:configuration="large huge">`, ovf.CodeUnknownConfiguration, "huge"},
	{"disk of no id", `ovf:/disk/system`, `ovf:/disk/other`, ovf.CodeHostResource, "other"},
	{"disk of a host", `ovf:/disk/system`, `/dev/sda`, ovf.CodeHostResource, "/dev/sda"},
	{"no such network", `<rasd:Connection>Inside<`, `<rasd:Connection>inside<`, ovf.CodeUnknownNetwork, "NetworkSection"},
	{"controller loop", `<rasd:InstanceID>3</rasd:InstanceID>`, `<rasd:InstanceID>3</rasd:InstanceID><rasd:Parent>3</rasd:Parent>`, ovf.CodeCycle, "own parent"},
	{"unknown element in an item", `<vmw:CoresPerSocket>`, `<x:Must xmlns:x="urn:x"/><vmw:CoresPerSocket>`, ovf.CodeRequiredUnknown, "Must"},
	{"required is maybe", `<Item ovf:required="false">`, `<Item ovf:required="maybe">`, ovf.CodeValue, "required"},
}

const oneSection = `<AnnotationSection>`

var otherMutations = []mutation{
	{"unknown section", oneSection, `<x:S xmlns:x="urn:x"/>` + oneSection, ovf.CodeRequiredUnknown, "urn:x"},
	{"unknown section that is required", oneSection, `<x:S xmlns:x="urn:x" ovf:required="true"/>` + oneSection, ovf.CodeRequiredUnknown, "urn:x"},
	{"vService", oneSection, `<vmw:vServiceDependencySection ovf:required="true"/>` + oneSection, ovf.CodeRequiredUnknown, "vService"},
	{"section in the wrong place", oneSection, `<NetworkSection><Info/></NetworkSection>` + oneSection, ovf.CodeMisplaced, "NetworkSection"},
	{"encrypted", `<NetworkSection>`, `<EncryptionSection/><NetworkSection>`, ovf.CodeUnsupportedEncryption, "encrypted"},
	{"installs itself", oneSection, `<InstallSection ovf:initialBootStopDelay="0"><Info/></InstallSection>` + oneSection, ovf.CodeUnsupportedInstall, "installs"},
	{"system without an id", `<VirtualSystem ovf:id="firewall">`, `<VirtualSystem>`, ovf.CodeMissingAttribute, "id"},
	{"two contents", `</VirtualSystem>`, `</VirtualSystem><VirtualSystem ovf:id="b"><Info/></VirtualSystem>`, ovf.CodeDuplicateSection, "second"},
	{"two operating systems", `<VirtualHardwareSection`, `<OperatingSystemSection ovf:id="1"><Info/></OperatingSystemSection><VirtualHardwareSection`, ovf.CodeDuplicateSection, "OperatingSystem"},
	{"two products of one class", `<EulaSection>`, `<ProductSection ovf:class="com.example.firewall"><Info/></ProductSection><EulaSection>`, ovf.CodeDuplicateSection, "ProductSection"},

	{"property without a key", `ovf:key="mtu" `, ``, ovf.CodeMissingAttribute, "key"},
	{"property without a type", `ovf:key="mtu" ovf:type="uint16"`, `ovf:key="mtu"`, ovf.CodeMissingAttribute, "type"},
	{"property of an unknown type", `ovf:type="uint16"`, `ovf:type="quaternion"`, ovf.CodePropertyType, "quaternion"},
	{"two properties of one key", `ovf:key="mtu"`, `ovf:key="mode"`, ovf.CodeDuplicateProperty, "mode"},
	{"key with a newline", `ovf:key="mtu"`, `ovf:key="m&#10;tu"`, ovf.CodePropertyID, "control"},
	{"long key", `ovf:key="mtu"`, `ovf:key="` + strings.Repeat("k", 10_000) + `"`, ovf.CodePropertyID, "too long"},
	{"default of another type", `ovf:value="1500"`, `ovf:value="large"`, ovf.CodePropertyDefault, "whole number"},
	{"default above its type", `ovf:value="1500"`, `ovf:value="65536"`, ovf.CodePropertyDefault, "65535"},
	{"default above its maximum", `ovf:value="1500"`, `ovf:value="9001"`, ovf.CodePropertyDefault, "above 9000"},
	{"default not in its map", `ovf:value="strict"`, `ovf:value="loose"`, ovf.CodePropertyDefault, "ValueMap"},
	{"default of a configuration not in its map", `<Value ovf:value="lax"`, `<Value ovf:value="loose"`, ovf.CodePropertyDefault, "ValueMap"},
	{"minimum above maximum", `MinLen(8) MaxLen(64)`, `MinLen(64) MaxLen(8)`, ovf.CodePropertyRange, "minimum"},

	{"service without a type", `<bw:Service type="firewall"`, `<bw:Service`, ovf.CodeMissingAttribute, "type"},
	{"service of an unknown topology", `topology="single"`, `topology="donut"`, ovf.CodeService, "donut"},
	{"service in an unknown mode", `in-path redirect`, `in-path astral`, ovf.CodeService, "astral"},
	{"leg of no NIC", `<bw:Leg instanceID="11"`, `<bw:Leg instanceID="1"`, ovf.CodeUnknownItem, "no Ethernet item"},
	{"two legs of one NIC", `<bw:Leg instanceID="11"`, `<bw:Leg instanceID="12"`, ovf.CodeDuplicateID, "two legs"},
	{"leg of an unknown role", `role="inside"`, `role="sideways"`, ovf.CodeService, "sideways"},
	{"leg without a role", `instanceID="12" role="inside"`, `instanceID="12"`, ovf.CodeMissingAttribute, "role"},
	{"inside without outside", `role="outside" pair="1"`, `role="outside" pair="2"`, ovf.CodeService, "no outside leg"},
	{"management in a pair", `role="management"`, `role="management" pair="1"`, ovf.CodeService, "pair"},
	{"health on no port", `<bw:Health protocol="http" port="8080"`, `<bw:Health protocol="http" port="80800"`, ovf.CodeService, "port"},
	{"password of no property", `com.example.firewall.password"/>`, `com.example.firewall.secret"/>`, ovf.CodeUnknownProperty, "passwordProperty"},
	{"a side of a single service", `<bw:Probe`, `<bw:Side name="a"/><bw:Side name="b"/><bw:Probe`, ovf.CodeServiceSides, "single"},
	{"a side without a name", `<bw:Probe`, `<bw:Side/><bw:Probe`, ovf.CodeService, "side's name"},
	{"a side named in capitals", `<bw:Probe`, `<bw:Side name="Branch"/><bw:Probe`, ovf.CodeService, "Branch"},
	{"a thousand sides", `<bw:Probe`, strings.Repeat(`<bw:Side name="a"/>`, 1000) + `<bw:Probe`, ovf.CodeCountLimit, "sides"},
	{"a peer without a property", `<bw:Probe`, `<bw:Peer side="a"/><bw:Probe`, ovf.CodeMissingAttribute, "property"},
	{"a peer in no property", `<bw:Probe`, `<bw:Peer property="com.example.nothing"/><bw:Probe`, ovf.CodeUnknownProperty, "com.example.nothing"},
	{"a peer on an unknown side", `<bw:Probe`, `<bw:Peer property="com.example.firewall.mode" side="moon"/><bw:Probe`, ovf.CodeServiceSides, "moon"},
	{"a peer in a password", `<bw:Probe`, `<bw:Peer property="com.example.firewall.password"/><bw:Probe`, ovf.CodeServiceSides, "no password"},
	{"unknown failure policy", `policy="open"`, `policy="ajar"`, ovf.CodeService, "ajar"},
	{"cluster of one", `cluster:2`, `cluster:1`, ovf.CodeService, "cluster:1"},
	{"price in words", `amount="0.12"`, `amount="twelve"`, ovf.CodeService, "twelve"},
	{"price of no configuration", `<bw:Price configuration="small"`, `<bw:Price configuration="tiny"`, ovf.CodeUnknownConfiguration, "tiny"},
	{"price in no currency", `currency="EUR"`, `currency="euro"`, ovf.CodeService, "euro"},
	{"unknown element in the service section", `<bw:Probe`, `<bw:Teleport/><bw:Probe`, ovf.CodeRequiredUnknown, "Teleport"},
}

// What every package must have.
func TestAPackageMustHaveItsParts(t *testing.T) {
	t.Parallel()
	for body, message := range map[string]string{
		`<References/>`: "no VirtualSystem",
		`<References/><VirtualSystem ovf:id="a"/>`:                       "no Info",
		`<References/><VirtualSystem ovf:id="a"><Info/></VirtualSystem>`: "no VirtualHardwareSection",
		`<References/><VirtualSystemCollection ovf:id="a"><Info/><StartupSection><Info/><Item ovf:id="b"/></StartupSection></VirtualSystemCollection>`:            "no child",
		`<References/><VirtualSystemCollection ovf:id="a"><Info/><VirtualSystemCollection ovf:id="a"><Info/></VirtualSystemCollection></VirtualSystemCollection>`: "twice",
	} {
		pkg := ovf.ReadDescriptor("x.ovf", []byte("<Envelope "+ns1ovf+">"+body+"</Envelope>"), ovf.Options{})
		require.False(t, pkg.Valid(), body)
		require.Contains(t, pkg.Findings.String(), message)
	}
}

// The report stays bounded and harmless whatever a package holds.
func TestFindingsAreBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	fmt.Fprintf(&b, `<Envelope %s><References>`, ns1ovf)
	for range 5000 {
		b.WriteString(`<File ovf:id="a" ovf:href="../` + "\u202e&#x9b;31m" + `"/>` + "\n")
	}
	b.WriteString(`</References></Envelope>`)
	pkg := ovf.ReadDescriptor("\x1b[31m.ovf", []byte(b.String()), ovf.Options{})
	require.LessOrEqual(t, len(pkg.Findings), 502)
	require.NotContains(t, pkg.Findings.String(), "\u202e")
	require.NotContains(t, pkg.Findings.String(), "\u009b")
	require.NotContains(t, pkg.Findings.String(), "\x1b")
}

// Ten thousand of anything is refused before it costs anything.
func TestMassesAreRefused(t *testing.T) {
	t.Parallel()
	const item = `<Item%s><rasd:ElementName>x</rasd:ElementName><rasd:InstanceID>%d</rasd:InstanceID><rasd:ResourceType>%d</rasd:ResourceType></Item>`
	items := func(n, kind int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, item, "", 100+i, kind)
		}
		return b.String()
	}
	var options, systems strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&options, `<Configuration ovf:id="c%d"><Label>c</Label></Configuration>`, i)
	}
	for i := range 2000 {
		fmt.Fprintf(&systems, `<VirtualSystem ovf:id="s%d"><Info/><VirtualHardwareSection><Info/>%s</VirtualHardwareSection></VirtualSystem>`, i, items(1, 20))
	}
	hundred := `<DeploymentOptionSection><Info/>` + options.String()[:strings.Index(options.String(), `<Configuration ovf:id="c100"`)] + `</DeploymentOptionSection>`
	const start, hardware = `<VirtualSystem ovf`, `<VirtualHardwareSection><Info/>`
	for name, c := range map[string]struct{ old, new, message string }{
		"configurations":    {start, `<DeploymentOptionSection><Info/>` + options.String() + `</DeploymentOptionSection>` + start, "configurations"},
		"items":             {hardware, hardware + items(10_000, 20), "items"},
		"NICs":              {hardware, hardware + items(1_000, 10), "NICs"},
		"disks":             {hardware, hardware + items(1_000, 17), "disks"},
		"systems":           {start, `<VirtualSystemCollection ovf:id="all"><Info/>` + systems.String() + `</VirtualSystemCollection>` + start, "systems"},
		"items and options": {start, hundred + `<VirtualSystemCollection ovf:id="all"><Info/>` + strings.ReplaceAll(systems.String(), items(1, 20), items(2, 20)) + `</VirtualSystemCollection>` + start, "resolve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg := ovf.ReadDescriptor("x.ovf", []byte(strings.Replace(oneDisk, c.old, c.new, 1)), ovf.Options{})
			require.False(t, pkg.Valid())
			require.Contains(t, pkg.Findings.Errors().String(), c.message)
		})
	}
}
