package ovf_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/ovf"
)

// guest is the firewall with that transport, and properties without a class.
func guest(t testing.TB, transport string, keys ...string) *ovf.Package {
	t.Helper()
	text := string(example(t, "firewall.ovf"))
	at := strings.Index(text, "<VirtualHardwareSection")
	end := at + strings.Index(text[at:], ">")
	section := "<ProductSection><Info>cloud-init</Info>"
	for _, key := range keys {
		section += fmt.Sprintf(`<Property ovf:key="%s" ovf:type="string" ovf:userConfigurable="true" ovf:value=""/>`, key)
	}
	text = text[:at] + section + `</ProductSection><VirtualHardwareSection ovf:transport="` + transport + `"` + text[end:]
	return valid(t, text)
}

func valid(t testing.TB, text string) *ovf.Package {
	t.Helper()
	pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
	require.True(t, pkg.Valid(), "%v", pkg.Findings)
	return pkg
}

func TestHowAGuestGetsItsEnvironment(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		transport string
		keys      []string
		want      ovf.Delivery
		flagged   bool
	}{
		{"", nil, ovf.DeliverNone, false},
		{"iso", nil, ovf.DeliverCD, false},
		{"ISO", nil, ovf.DeliverCD, false},
		{"com.vmware.guestInfo", nil, ovf.DeliverBackdoor, true},
		{"com.vmware.guestInfo iso", nil, ovf.DeliverCD, false},
		{"http://www.ibm.com/xmlns/ovf/transport/filesystem/etc/ovf-transport", nil, ovf.DeliverBackdoor, true},
		{"iso", []string{"user-data", "instance-id"}, ovf.DeliverCD, false},
		{"com.vmware.guestInfo", []string{"user-data"}, ovf.DeliverCloudInit, false},
		{"", []string{"public-keys"}, ovf.DeliverCloudInit, false},
		{"com.vmware.guestInfo", []string{"hostname", "password"}, ovf.DeliverBackdoor, true},
	} {
		pkg := guest(t, c.transport, c.keys...)
		require.Equal(t, c.want, pkg.Systems()[0].Delivery(), "%q %q", c.transport, c.keys)
		flagged := false
		for _, f := range pkg.Findings {
			flagged = flagged || f.Code == ovf.CodeTransport
		}
		require.Equal(t, c.flagged, flagged, "%q %q", c.transport, c.keys)
	}
}

func TestTheHardwareThatIsUsedDecides(t *testing.T) {
	t.Parallel()
	text := string(example(t, "minimal.ovf"))
	at, end := strings.Index(text, "<o:VirtualHardwareSection>"), strings.Index(text, "  </o:VirtualSystem>")
	section := func(family, transport string) string {
		return strings.NewReplacer("<o:VirtualHardwareSection>", `<o:VirtualHardwareSection o:transport="`+transport+`">`,
			"<o:Info>Hardware</o:Info>", `<o:Info>Hardware</o:Info><o:System xmlns:v="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
				<v:ElementName>x</v:ElementName><v:InstanceID>0</v:InstanceID><v:VirtualSystemType>`+family+`</v:VirtualSystemType></o:System>`).Replace(text[at:end])
	}
	pkg := valid(t, text[:at]+section("vmx-13", "com.vmware.guestInfo")+section("kvm", "iso")+text[end:])
	require.Equal(t, ovf.DeliverCD, pkg.Plans()[0].Systems[0].Environment)
}

// medium is the CD as its guest mounts it: by Joliet, with its label.
func medium(t require.TestingT, pkg *ovf.Package, values map[string]string, open func(string) (io.ReadCloser, error)) (label string, files map[string]string) {
	system := pkg.Systems()[0]
	env, err := pkg.Environment("", system.ID, values)
	require.NoError(t, err)
	var cd bytes.Buffer
	require.NoError(t, system.WriteMedium(&cd, env, "instance-1", open))
	files = map[string]string{}
	for name, data := range readISO(t, cd.Bytes(), 17) {
		files[narrow(name)] = string(data)
	}
	return strings.TrimSpace(narrow(string(cd.Bytes()[17*2048+40 : 17*2048+72]))), files
}

func narrow(s string) string {
	var b strings.Builder
	for n := 0; n+1 < len(s); n += 2 {
		if s[n] == '/' { // between names, which are of two bytes a character
			b.WriteByte('/')
			n--
			continue
		}
		b.WriteRune(rune(s[n])<<8 | rune(s[n+1]))
	}
	return b.String()
}

func TestAGuestWithTheTransportIsoGetsTheStandardsCD(t *testing.T) {
	t.Parallel()
	label, files := medium(t, guest(t, "iso", "user-data"), map[string]string{"user-data": "x"}, nil)
	require.Equal(t, "OVF ENV", label, "one that ds-identify knows")
	require.Len(t, files, 1, "cloud-init's OVF data source reads the document itself")
	require.Contains(t, files[ovf.EnvironmentFile], `oe:key="user-data" oe:value="x"`)

	_, files = medium(t, guest(t, "iso", "instance-id"), nil, nil)
	require.Contains(t, files[ovf.EnvironmentFile], `oe:key="instance-id" oe:value="instance-1"`, "cloud-init runs once for each")

	system := guest(t, "").Systems()[0]
	require.Error(t, system.WriteMedium(io.Discard, ovf.Environment{}, "", nil))
}

func TestACloudInitGuestWithoutItGetsNoCloudsVolume(t *testing.T) {
	t.Parallel()
	pkg := guest(t, "com.vmware.guestInfo", "user-data", "network-config", "instance-id", "hostname", "public-keys", "password", "seedfrom")
	label, files := medium(t, pkg, map[string]string{
		"user-data":      base64.StdEncoding.EncodeToString([]byte("#cloud-config\n{}\n")),
		"network-config": base64.StdEncoding.EncodeToString([]byte("network: {version: 2}\n")),
		"hostname":       "fw\n\"x\": 1", "public-keys": "ssh-ed25519 AAAA a\n\n ssh-rsa BBBB b\n", "password": "p: \"w\\\u00e9\u2028", "seedfrom": "http://192.0.2.1/",
	}, nil)
	require.Equal(t, "cidata", label)
	require.Equal(t, "#cloud-config\n{}\n", files["user-data"])
	require.Equal(t, "network: {version: 2}\n", files["network-config"])
	var about, vendor map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(files["meta-data"]), &about))
	require.Equal(t, map[string]any{
		"instance-id": "instance-1", "local-hostname": "fw\n\"x\": 1", "seedfrom": "http://192.0.2.1/",
		"public-keys": []any{"ssh-ed25519 AAAA a", "ssh-rsa BBBB b"},
	}, about)
	require.True(t, strings.HasPrefix(files["vendor-data"], "#cloud-config\n"))
	require.NoError(t, yaml.Unmarshal([]byte(files["vendor-data"]), &vendor))
	require.Equal(t, map[string]any{"password": "p: \"w\\\u00e9\u2028"}, vendor)
	require.Contains(t, files[ovf.EnvironmentFile], "Environment")

	_, files = medium(t, guest(t, "", "user-data", "instance-id", "local-hostname"), map[string]string{"instance-id": "mine", "user-data": "#!/bin/sh\nexit 0"}, nil)
	require.Equal(t, "instance-id: \"mine\"\n", files["meta-data"])
	require.Equal(t, "#!/bin/sh\nexit 0", files["user-data"], "what is not base64 is taken as it is")
	require.NotContains(t, files, "network-config")
	require.NotContains(t, files, "vendor-data")

	_, files = medium(t, guest(t, "", "user-data"), nil, nil)
	require.Contains(t, files, "user-data", "NoCloud takes no volume without it")
	require.Empty(t, files["user-data"])
}

// Whatever a value holds, it stays one value.
func TestCloudInitReadsValuesAsTheyWereGiven(t *testing.T) {
	t.Parallel()
	pkg := guest(t, "", "user-data", "hostname", "password")
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringMatching(`[ -~\t\n\x{7f}-\x{9f}é\x{2028}\x{feff}\x{1f600}:"'{}#&*|>%@]{1,40}`).Draw(t, "value")
		_, files := medium(t, pkg, map[string]string{"hostname": value, "password": value}, nil)
		var about, vendor map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(files["meta-data"]), &about))
		require.Equal(t, map[string]any{"instance-id": "instance-1", "local-hostname": value}, about)
		require.NoError(t, yaml.Unmarshal([]byte(files["vendor-data"]), &vendor))
		require.Equal(t, map[string]any{"password": value}, vendor)
	})
}

func TestEnvironmentFilesLieBesideTheDocument(t *testing.T) {
	t.Parallel()
	text := strings.Replace(string(example(t, "cluster-2.0.ovf")), "<VirtualHardwareSection>", `<VirtualHardwareSection ovf:transport="iso">`, 1)
	pkg := valid(t, text)
	system := pkg.Systems()[0]
	require.NoError(t, pkg.CheckMedium(system, nil))
	require.ErrorContains(t, pkg.CheckMedium(system, func(f ovf.File) int64 { return map[string]int64{"rules.json": 65 << 20}[f.Name] }), "longer than")
	asked := ""
	_, files := medium(t, pkg, nil, func(ref string) (io.ReadCloser, error) {
		asked = ref
		return io.NopCloser(strings.NewReader(`{"rules":[]}`)), nil
	})
	require.Equal(t, "rules", asked)
	require.Equal(t, `{"rules":[]}`, files["ovffiles/etc/rules.json"])
	require.Len(t, files, 2)

	gone := errors.New("gone")
	write := func(open func(string) (io.ReadCloser, error)) error {
		return system.WriteMedium(io.Discard, ovf.Environment{ID: "node"}, "", open)
	}
	require.ErrorIs(t, write(func(string) (io.ReadCloser, error) { return nil, gone }), gone)
	endless := func(string) (io.ReadCloser, error) { return io.NopCloser(endlessly{}), nil }
	require.ErrorContains(t, write(endless), "longer than 67108864 bytes")

	for change, want := range map[string]string{
		`ovf:id="rules" ovf:size="67108865"`: "longer than",
	} {
		changed := ovf.ReadDescriptor("x.ovf", []byte(strings.Replace(text, `ovf:id="rules"`, change, 1)), ovf.Options{})
		require.ErrorContains(t, changed.CheckMedium(changed.Systems()[0], nil), want)
	}
	for path, want := range map[string]string{"1/2/3/4/5/6/7/8/x": "deeper", "a?b": "character"} {
		changed := ovf.ReadDescriptor("x.ovf", []byte(strings.Replace(text, "./etc/rules.json", path, 1)), ovf.Options{})
		require.ErrorContains(t, changed.CheckMedium(changed.Systems()[0], nil), want)
	}
}

type endlessly struct{}

func (endlessly) Read(p []byte) (int, error) { return len(p), nil }
