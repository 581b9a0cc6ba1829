package ovf_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

const (
	mtu    = `ovf:key="mtu" ovf:type="uint16" ovf:userConfigurable="true" ovf:value="1500" vmw:qualifiers="MinValue(576), MaxValue(9000)"`
	mtuKey = `ovf:key="mtu"`
)

var hostileChoices = []hostile{
	{"E14 no default configuration, and several", func(t *testing.T) {
		pkg := changed(t, fw, ` ovf:default="true"`, ``)
		require.True(t, pkg.Valid(), pkg.Findings.String())
		plan, _ := pkg.Plan("")
		require.Equal(t, "small", plan.ID, "the first one then")
		wrong(t, fw, ovf.CodeAmbiguousDefault, [2]string{`<Configuration ovf:id="small"`, `<Configuration ovf:id="small" ovf:default="true"`})
	}},
	{"E15 configuration ids of any kind", func(t *testing.T) {
		for _, id := range []string{"a/b", "größe", "&lt;b&gt;", "../../x", "A", "__proto__", "-", strings.Repeat("k", 255)} {
			text := strings.ReplaceAll(string(example(t, fw)), `"large"`, `"`+id+`"`)
			pkg := ovf.ReadDescriptor(fw, []byte(text), ovf.Options{})
			require.True(t, pkg.Valid(), pkg.Findings.String())
			_, ok := pkg.Plan(strings.NewReplacer("&lt;", "<", "&gt;", ">").Replace(id))
			require.True(t, ok, "the id is data, kept as it is")
		}
		wrong(t, fw, ovf.CodeConfigurationID, with(`<Configuration ovf:id="small"`, `<Configuration ovf:id="very small"`,
			`<Configuration ovf:id="`+strings.Repeat("k", 10_000)+`"`, "<Configuration ovf:id=\"a\u202eb\"")...)
	}},
	{"E16 property types and qualifiers that make no sense", func(t *testing.T) {
		wrong(t, fw, ovf.CodePropertyType, [2]string{`ovf:type="uint16"`, `ovf:type="quaternion"`})
		wrong(t, fw, ovf.CodeMissingAttribute, [2]string{` ovf:type="uint16"`, ``})
		wrong(t, fw, ovf.CodePropertyRange, [2]string{`MinLen(8) MaxLen(64)`, `MinLen(64) MaxLen(8)`})
		wrong(t, fw, ovf.CodePropertyDefault, with(`ovf:value="1500"`, `ovf:value="large"`, `ovf:value="65536"`, `ovf:value="9001"`)...)
		wrong(t, fw, ovf.CodePropertyDefault, [2]string{`ovf:value="strict"`, `ovf:value="loose"`})
		tolerated(t, fw, ovf.CodePropertyQualifier, with(`ovf:qualifiers="MaxLen(255)"`, `ovf:qualifiers="ValueMap{&quot;a"`, `ovf:qualifiers="MaxLen(x)"`,
			`ovf:qualifiers="Wonderful(1)"`, `ovf:qualifiers="^(a+)+$"`, `ovf:qualifiers="ValueMap{`+strings.Repeat("&quot;x&quot;,", 100_000)+`}"`,
			`ovf:qualifiers="`+strings.Repeat("(", 100_000)+`"`)...)
	}},
	{"E17 property keys that other languages trip over", func(t *testing.T) {
		for _, key := range []string{"__proto__", "constructor", "$ref", "a/b", "a~b", "&lt;b&gt;", "ü", "a.b", "toString"} {
			pkg := changed(t, fw, mtuKey, `ovf:key="`+key+`"`)
			require.True(t, pkg.Valid(), pkg.Findings.String())
			compile(t, pkg.ParameterSchema(""))
			env, err := pkg.Environment("", "", nil)
			require.NoError(t, err)
			_, err = env.XML()
			require.NoError(t, err)
		}
		wrong(t, fw, ovf.CodePropertyID, with(mtuKey, `ovf:key="m&#10;tu"`, "ovf:key=\"m\u202etu\"", `ovf:key="`+strings.Repeat("k", 10_000)+`"`)...)
		wrong(t, fw, ovf.CodeMissingAttribute, with(mtuKey, `ovf:key=""`, ``)...)
		unreadable(t, ovf.CodeXMLSyntax, 1, `<a b="&#0;"/>`)
	}},
	{"E18 a password that everybody has", func(t *testing.T) {
		for _, secret := range []string{"s3cret-value", "short"} { // the second breaks its own rule
			pkg := changed(t, fw, `ovf:password="true"`, `ovf:password="true" ovf:value="`+secret+`"`)
			require.Equal(t, ovf.CodePasswordDefault, pkg.Findings[0].Code)
			require.NotContains(t, string(encode(t, pkg.Inspect())), secret)
			require.NotContains(t, string(encode(t, pkg.ParameterSchema(""))), secret)
			require.NotContains(t, pkg.Findings.String(), secret)
		}
	}},
}

var hostileTexts = []hostile{
	{"E19 markup and escapes in texts, endless ones", func(t *testing.T) {
		markup := "&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:x) \u009b31m\u202e"
		pkg := changed(t, fw, `<Label>Blocked TCP ports</Label>`, `<Label>`+markup+`</Label>`, `<Description>Separated by commas<`, `<Description>`+markup+strings.Repeat("x", 1<<20)+`<`)
		require.True(t, pkg.Valid(), pkg.Findings.String())
		shown, err := json.Marshal(pkg.Inspect())
		require.NoError(t, err)
		for _, c := range []string{"<script>", "\u009b", "\u202e", `\u009b`, `\u202e`} {
			require.NotContains(t, string(shown), c)
		}
		require.Less(t, len(pkg.Properties()[0].Description), 65<<10)
		huge := ovf.ReadDescriptor("x.ovf", []byte(strings.Replace(string(example(t, fw)), "You may use it.", strings.Repeat("You may use it. ", 50<<16), 1)), ovf.Options{})
		require.Equal(t, []ovf.Code{ovf.CodeSizeLimit}, codes(huge.Findings))
	}},
	{"E20 what is required and not understood, or maybe", func(t *testing.T) {
		wrong(t, fw, ovf.CodeRequiredUnknown, with(oneSection, `<x:S xmlns:x="urn:x"/>`+oneSection, `<x:S xmlns:x="urn:x" ovf:required="true"/>`+oneSection,
			`<vmw:vServiceDependencySection ovf:required="true"/>`+oneSection, `<vmw:IpAssignmentSection ovf:required="true"/>`+oneSection)...)
		wrong(t, fw, ovf.CodeRequiredUnknown, with(`<vmw:CoresPerSocket>`, `<x:Must xmlns:x="urn:x"/><vmw:CoresPerSocket>`, `<rasd:Unknown/><vmw:CoresPerSocket>`,
			`<rasd:Unknown ovf:required="true"/><vmw:CoresPerSocket>`)...)
		wrong(t, fw, ovf.CodeValue, [2]string{oneSection, `<x:S xmlns:x="urn:x" ovf:required="maybe"/>` + oneSection}, [2]string{`<Item ovf:required="false">`, `<Item ovf:required="maybe">`})
		tolerated(t, fw, ovf.CodeIgnored, [2]string{oneSection, `<x:S xmlns:x="urn:x" ovf:required="false"/>` + oneSection},
			[2]string{`<vmw:CoresPerSocket>`, `<rasd:Unknown ovf:required="false"/><vmw:CoresPerSocket>`})
		tolerated(t, fw, "", [2]string{oneSection, `<vmw:IpAssignmentSection/>` + oneSection})
	}},
	{"E21 encryption is told as such", func(t *testing.T) {
		wrong(t, fw, ovf.CodeUnsupportedEncryption, [2]string{`<NetworkSection>`, `<EncryptionSection/><NetworkSection>`},
			[2]string{`</References>`, `<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/></References>`})
	}},
	{"E22 settings and devices of another hypervisor", func(t *testing.T) {
		const at = `<vmw:Config ovf:required="false" vmw:key="firmware"`
		for _, key := range []string{"pciPassthru0.present", "scsi0.virtualDev", "sched.cpu.affinity", "guestinfo.x", "vmx.log.filename"} {
			pkg := changed(t, fw, at, `<vmw:ExtraConfig ovf:required="false" vmw:key="`+key+`" vmw:value="/etc/passwd"/>`+at)
			require.True(t, pkg.Valid(), pkg.Findings.String())
			require.Contains(t, pkg.Inspect().Requirements, ovf.InspectionRequirement{System: "firewall", Kind: ovf.RequireExtraConfig, Key: key, Value: "/etc/passwd"})
			env, err := pkg.Environment("", "", nil)
			require.NoError(t, err)
			data, err := env.XML()
			require.NoError(t, err)
			require.NotContains(t, string(data), key)
			require.NotContains(t, fmt.Sprint(pkg.Plans()), key)
		}
		wrong(t, fw, ovf.CodeCountLimit, [2]string{at, strings.Repeat(`<vmw:ExtraConfig ovf:required="false" vmw:key="a" vmw:value="b"/>`, 1500) + at})
		tolerated(t, fw, ovf.CodeUnsupportedHardware, [2]string{`<Item ovf:required="false">`, `<Item><rasd:ElementName>TPM</rasd:ElementName><rasd:InstanceID>40</rasd:InstanceID>
			<rasd:ResourceSubType>vmware.vtpm</rasd:ResourceSubType><rasd:ResourceType>34</rasd:ResourceType></Item><Item ovf:required="false">`})
	}},
	{"E23 operating systems of no number", func(t *testing.T) {
		for _, id := range []string{"linux", "70000", "-1", "1.5"} {
			pkg := changed(t, fw, `<OperatingSystemSection ovf:id="96"`, `<OperatingSystemSection ovf:id="`+id+`"`)
			require.True(t, pkg.Valid(), pkg.Findings.String())
			require.Equal(t, []ovf.Code{ovf.CodeOSType}, codes(pkg.Findings))
			require.Zero(t, pkg.Content.OperatingSystem.ID)
		}
	}},
	{"E24 start orders and endless delays", func(t *testing.T) {
		wrong(t, cl, ovf.CodeNumber, with(`ovf:order="1"`, `ovf:order="-1"`, `ovf:order="65536"`)...)
		wrong(t, cl, ovf.CodeNumber, [2]string{`ovf:startDelay="5"`, `ovf:startDelay="1e3"`})
		var items, systems strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&items, `<Item ovf:id="s%d" ovf:order="%d" ovf:startDelay="65535"/>`, i, i)
			fmt.Fprintf(&systems, `<VirtualSystem ovf:id="s%d"><Info/><VirtualHardwareSection><Info/></VirtualHardwareSection></VirtualSystem>`, i)
		}
		text := `<Envelope ` + ns1ovf + `><References/><VirtualSystemCollection ovf:id="all"><Info/><StartupSection><Info/>` + items.String() + `</StartupSection>` + systems.String() + `</VirtualSystemCollection></Envelope>`
		pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
		require.True(t, pkg.Valid(), pkg.Findings.String())
		total := 0
		for _, s := range pkg.Content.Startup {
			total += s.StartDelay
		}
		require.Equal(t, 24*60*60, total)
	}},
	{"E25 bundles that are missing, huge, hostile or of no language", func(t *testing.T) {
		pkg := changed(t, fw, `<Strings xml:lang="en">`, `<Strings xml:lang="en"><Msg ovf:msgid="other">x</Msg></Strings><Strings xml:lang="../../x">`)
		require.True(t, pkg.Valid(), pkg.Findings.String())
		require.Equal(t, "Small", pkg.Configurations[0].Label, "the text that stands there")
		require.Equal(t, ovf.CodeSizeLimit, bundled(t, "<Strings>"+strings.Repeat(" ", 100<<20)+"</Strings>", ovf.Options{Locale: "fr"}).Findings.Errors()[0].Code)
		require.Equal(t, ovf.CodeXMLDoctype, bundled(t, "<!DOCTYPE x>"+french, ovf.Options{Locale: "fr"}).Findings.Errors()[0].Code)
		require.True(t, bundled(t, french, ovf.Options{Locale: "../../x"}).Valid())
	}},
}
