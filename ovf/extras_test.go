package ovf_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// changed reads an example after replacing text, each of which must be there.
func changed(t *testing.T, name string, changes ...string) *ovf.Package {
	t.Helper()
	data := string(example(t, name))
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, data, changes[i])
		data = strings.Replace(data, changes[i], changes[i+1], 1)
	}
	return ovf.ReadDescriptor(name, []byte(data), ovf.Options{})
}

// A label in three languages: one beside it, one in the descriptor, one in a
// file of the package.
const labelled = `<Label ovf:msgid="small.label">Small</Label>`

func bundled(t *testing.T, bundle string, opts ovf.Options) *ovf.Package {
	t.Helper()
	dir := t.TempDir()
	text := string(example(t, "firewall.ovf"))
	require.Contains(t, text, labelled)
	text = strings.Replace(text, `<References>`, `<References><File ovf:id="french" ovf:href="msg/fr.xml"/>`, 1)
	text = strings.Replace(text, `<Strings xml:lang="en">`, `<Strings xml:lang="fr-CA" ovf:fileRef="french"/><Strings xml:lang="en">`, 1)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "msg"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "msg", "fr.xml"), []byte(bundle), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.ovf"), []byte(text), 0o600))
	pkg, err := ovf.Open(t.Context(), filepath.Join(dir, "p.ovf"), opts)
	require.NoError(t, err)
	return pkg
}

const french = `<Strings xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xml:lang="fr">
  <Msg ovf:msgid="small.label">Petit</Msg></Strings>`

func TestTextsAreOfTheWantedLanguage(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]string{
		"": "Little", "en-US": "Little", "de-DE": "Klein", "de-AT": "Klein", "de": "Klein",
		"fr-CA": "Petit", "fr": "Petit", "fr-FR": "Petit", "it-IT": "Small", "../../x": "Small", "d": "Small",
	} {
		pkg := bundled(t, french, ovf.Options{Locale: locale})
		require.True(t, pkg.Valid(), pkg.Findings.String())
		plan, _ := pkg.Plan("small")
		require.Equal(t, want, plan.Label, locale)
	}
}

func TestABundleIsReadWithTheCareOfADescriptor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bundle string
		code   ovf.Code
	}{
		"doctype":       {"<!DOCTYPE Strings>" + french, ovf.CodeXMLDoctype},
		"no XML":        {"small.label=Petit", ovf.CodeXMLRoots},
		"another root":  {"<Envelope/>", ovf.CodeDialect},
		"no UTF-8":      {"<Strings>\xff</Strings>", ovf.CodeEncoding},
		"too long":      {"<Strings>" + strings.Repeat(" ", 1<<20) + "</Strings>", ovf.CodeSizeLimit},
		"too many":      {"<Strings>" + strings.Repeat("<Msg/>", 200_000) + "</Strings>", ovf.CodeSizeLimit},
		"many elements": {"<Strings>" + strings.Repeat("<a/>", 150_000) + "</Strings>", ovf.CodeXMLLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg := bundled(t, c.bundle, ovf.Options{Locale: "fr"})
			require.False(t, pkg.Valid())
			require.Equal(t, c.code, pkg.Findings.Errors()[0].Code, pkg.Findings.String())
			require.Equal(t, "msg/fr.xml", pkg.Findings.Errors()[0].File)
			require.True(t, bundled(t, c.bundle, ovf.Options{Locale: "it"}).Valid(), "a bundle that is not wanted is not read")
		})
	}
}

// An archive in the usual order has the descriptor first, so that a bundle is
// known for what it is when it comes.
func TestABundleOfAnArchiveIsRead(t *testing.T) {
	t.Parallel()
	text := strings.Replace(oneDisk, `<References>`, `<References><File ovf:id="fr" ovf:href="fr.xml"/>`, 1)
	text = strings.Replace(text, `</Envelope>`, `<Strings xml:lang="fr" ovf:fileRef="fr"/></Envelope>`, 1)
	text = strings.Replace(text, `<VirtualHardwareSection>`, `<EulaSection><Info/><License ovf:msgid="small.label">Small</License></EulaSection><VirtualHardwareSection>`, 1)
	pkg, _, err := ingest(t, archive(raw{name: "p.ovf", data: text}, raw{name: "fr.xml", data: french}, diskFile), ovf.Options{Locale: "fr"})
	require.NoError(t, err)
	require.Equal(t, "Petit", pkg.Eulas()[0].License)
}

func TestPortProfilesAreKeptAndNotFetched(t *testing.T) {
	t.Parallel()
	pkg := changed(t, "router-2.0.ovf", `<Network ovf:name="LAN 1"/>`, `<Network ovf:name="LAN 1">
	  <NetworkPortProfileURI>http://127.0.0.1/profile.xml</NetworkPortProfileURI>
	  <NetworkPortProfile><Item><epasd:AllocationUnits>bit / second * 10^9</epasd:AllocationUnits><epasd:ElementName>Fast</epasd:ElementName>
	    <epasd:InstanceID>1</epasd:InstanceID><epasd:NetworkPortProfileID>aaaa</epasd:NetworkPortProfileID><epasd:NetworkPortProfileIDType>3</epasd:NetworkPortProfileIDType>
	    <epasd:Reservation>1</epasd:Reservation><epasd:ResourceType>10</epasd:ResourceType></Item></NetworkPortProfile></Network>`)
	require.Empty(t, pkg.Findings.String())
	require.Equal(t, []ovf.PortProfile{
		{URI: "http://127.0.0.1/profile.xml", Reservation: -1, Limit: -1},
		{ID: "aaaa", Name: "Fast", Units: "bit / second * 10^9", Reservation: 1, Limit: -1},
	}, pkg.Networks[0].Profiles)
}

func TestASharedDiskMayBeReadOnly(t *testing.T) {
	t.Parallel()
	pkg := changed(t, "router-2.0.ovf", `<NetworkSection>`, `<SharedDiskSection><Info>Shared</Info>
	  <Disk ovf:diskId="common" ovf:capacity="1" ovf:readOnly="true"/></SharedDiskSection><NetworkSection>`)
	require.Empty(t, pkg.Findings.String())
	disk, ok := pkg.Disk("common")
	require.True(t, ok)
	require.True(t, disk.Shared)
	require.True(t, disk.ReadOnly)
}

func TestIconsAreListed(t *testing.T) {
	t.Parallel()
	pkg := changed(t, "router-2.0.ovf", `</References>`, `<File ovf:id="icon" ovf:href="icon.png"/></References>`,
		`<Version>7</Version>`, `<Version>7</Version><AppUrl>http://${ip}/</AppUrl><Icon ovf:fileRef="icon" ovf:mimeType="image/png" ovf:width="32" ovf:height="16"/>`)
	require.Empty(t, pkg.Findings.String())
	require.Equal(t, []ovf.Icon{{FileRef: "icon", MediaType: "image/png", Width: 32, Height: 16}}, pkg.Product().Icons)
	require.Equal(t, "http://${ip}/", pkg.Product().AppURL)
}

const cdDrive = `<rasd:ElementName>CD drive</rasd:ElementName>`

// What VMware's tools write beyond OVF is listed, and never given to the
// machine but for what decides whether it boots.
func TestSettingsAndDevicesAreListedAsRequirements(t *testing.T) {
	t.Parallel()
	pkg := changed(t, "firewall.ovf",
		`</References>`, `<File ovf:id="vars" ovf:href="a.nvram"/></References>`,
		`<vmw:Config ovf:required="false" vmw:key="firmware"`, `<vmw:ExtraConfig ovf:required="false" vmw:key="nvram" vmw:value="ovf:/file/vars"/>
		 <vmw:ExtraConfig ovf:required="false" vmw:key="isolation.tools.copy.disable" vmw:value="false"/>
		 <vmw:Config ovf:required="false" vmw:key="firmware"`,
		`<Item ovf:required="false">
        `+cdDrive, `<Item><rasd:ElementName>GPU</rasd:ElementName><rasd:InstanceID>20</rasd:InstanceID><rasd:ResourceSubType>vmware.pci.passthrough-dvx</rasd:ResourceSubType>
		 <rasd:ResourceType>1</rasd:ResourceType><vmw:Config ovf:required="false" vmw:key="virtualDev" vmw:value="dvx"/></Item>
		 <Item ovf:required="false"><rasd:ElementName>TPM</rasd:ElementName><rasd:InstanceID>21</rasd:InstanceID><rasd:ResourceSubType>vmware.vtpm</rasd:ResourceSubType>
		 <rasd:ResourceType>34</rasd:ResourceType></Item><Item ovf:required="false">`+cdDrive)
	require.True(t, pkg.Valid(), pkg.Findings.String())
	require.Equal(t, []ovf.Requirement{
		{Kind: ovf.RequireConfig, InstanceID: "20", Key: "virtualDev", Value: "dvx"},
		{Kind: ovf.RequireExtraConfig, Key: "nvram", Value: "ovf:/file/vars"},
		{Kind: ovf.RequireExtraConfig, Key: "isolation.tools.copy.disable", Value: "false"},
		{Kind: ovf.RequireConfig, Key: "firmware", Value: "efi", Supported: true},
		{Kind: ovf.RequireConfig, Key: "bootOptions.efiSecureBootEnabled", Value: "true", Supported: true},
		{Kind: ovf.RequireDevice, InstanceID: "20", Key: "vmware.pci.passthrough-dvx", Value: "GPU", Required: true},
		{Kind: ovf.RequireDevice, InstanceID: "21", Key: "vmware.vtpm", Value: "TPM"},
	}, pkg.Systems()[0].Hardware[0].Requirements)
	require.Equal(t, []ovf.Code{ovf.CodeUnsupportedHardware, ovf.CodeUnsupportedHardware}, codes(pkg.Findings))
	require.Len(t, pkg.Inspect().Requirements, 7)

	pkg = changed(t, "firewall.ovf", `<vmw:Config ovf:required="false" vmw:key="firmware"`, `<vmw:ExtraConfig ovf:required="true" vmw:key="a" vmw:value="b"/><vmw:Config ovf:required="false" vmw:key="firmware"`)
	require.Equal(t, []ovf.Code{ovf.CodeRequiredUnknown}, codes(pkg.Findings))
}

// Of several VirtualHardwareSections one is used.
func TestOneOfTheAlternativesIsChosen(t *testing.T) {
	t.Parallel()
	const vmware, passed, kvm = "vmx-13", "vmx-14", "kvm"
	section := func(family, item string) string {
		return `<VirtualHardwareSection ovf:id="` + family + `"><Info/><System><vssd:InstanceID xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">0</vssd:InstanceID>
		<vssd:VirtualSystemType xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">` + family + `</vssd:VirtualSystemType></System>` + item + `</VirtualHardwareSection>`
	}
	const device = `<Item><rasd:ElementName>x</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>7</rasd:ResourceType></Item>`
	for want, alternatives := range map[string][]string{
		vmware: {section(vmware, ""), section(passed, device)},
		passed: {section(passed, device)},
		kvm:    {section(vmware, ""), section(kvm, device)},
	} {
		text := `<Envelope ` + ns1ovf + ` xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"><References/><VirtualSystem ovf:id="a"><Info/>` +
			strings.Join(alternatives, "") + `</VirtualSystem></Envelope>`
		pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
		require.True(t, pkg.Valid(), pkg.Findings.String())
		require.Equal(t, want, pkg.Plans()[0].Systems[0].Hardware)
	}
}

func TestAnyFormOfEncryptionIsRefusedAsUnsupported(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`<NetworkSection>`, `<EncryptionSection><Info/></EncryptionSection><NetworkSection>`},
		{`</References>`, `<x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/></References>`},
		{`<NetworkSection>`, `<vmw:EncryptionSection xmlns:vmw="http://www.vmware.com/schema/ovf"/><NetworkSection>`},
	} {
		require.Equal(t, []ovf.Code{ovf.CodeUnsupportedEncryption}, codes(changed(t, "router-2.0.ovf", c[0], c[1]).Findings), c[1])
	}
}

// A bundle from a stranger gives texts or findings, and never changes what the
// package is.
func FuzzStringBundle(f *testing.F) {
	for _, seed := range []string{french, "<Strings/>", `<Strings><Msg msgid="small.label">P&#233;tit<!-- --></Msg></Strings>`, "\xff\xfe<\x00?\x00"} {
		f.Add([]byte(seed))
	}
	text := strings.Replace(oneDisk, `<References>`, `<References><File ovf:id="fr" ovf:href="fr.xml"/>`, 1)
	text = strings.Replace(text, `</Envelope>`, `<Strings xml:lang="fr" ovf:fileRef="fr"/></Envelope>`, 1)
	text = strings.Replace(text, `<VirtualHardwareSection>`, `<EulaSection><Info/><License ovf:msgid="small.label">Small</License></EulaSection><VirtualHardwareSection>`, 1)
	own := raw{name: "p.ovf", data: text}
	f.Fuzz(func(t *testing.T, data []byte) {
		pkg, _, err := ingest(t, archive(own, raw{name: "fr.xml", data: string(data)}, diskFile), ovf.Options{Locale: "fr"})
		if err != nil {
			require.False(t, pkg.Valid())
			return
		}
		require.Len(t, pkg.Eulas(), 1)
		require.Equal(t, int64(4096), pkg.Plans()[0].Systems[0].Disks[0].CapacityBytes)
		if licence := pkg.Eulas()[0].License; licence != "Small" {
			require.Contains(t, string(data), "small.label")
		}
	})
}
