package provision_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

func TestAnApplianceFindsItsEnvironmentOnACD(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.edited(t, map[string]string{"rules.json": `{"allow":[]}`}, "1.2.0", "2.0",
		"<ovf:References/>", `<ovf:References><ovf:File ovf:id="rules" ovf:href="rules.json"/></ovf:References>`,
		"<ovf:VirtualHardwareSection>", `<ovf:EnvironmentFilesSection><ovf:Info>Files</ovf:Info><ovf:File ovf:fileRef="rules" ovf:path="etc/rules.json"/></ovf:EnvironmentFilesSection>
			<ovf:VirtualHardwareSection ovf:transport="iso">`)
	b := w.broker(t, w.driver)
	r := w.order("fw", "lan")
	r.Parameters = raw(map[string]any{"networks": []string{"lan"}, "firewall.block-tcp-ports": `22"/><x`, "firewall.mtu": 1400, "management.password": "correct & horse"})
	b.provisioned(t, r)
	m, ok := w.cloud.Machine(tenant, "fw")
	require.True(t, ok)
	cd := strings.ReplaceAll(string(m.Environment), "\x00", "") // which pads sectors
	for _, text := range []string{
		`oe:id="firewall"`, `<Kind>Bumpwire</Kind>`, `<Timezone>0</Timezone>`,
		`oe:key="firewall.block-tcp-ports" oe:value="22&quot;/>&lt;x"`, `oe:key="firewall.mtu" oe:value="1400"`,
		`oe:key="management.password" oe:value="correct &amp; horse"`, `{"allow":[]}`,
	} {
		require.Contains(t, cd, text)
	}
}

// The key is found where the package says; a tenant who pays by it cannot give another.
func TestAnApplianceLearnsItsUsageKeyAtItsBoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.edited(t, nil, "1.2.0", "2.0",
		"<ovf:VirtualHardwareSection>", `<ovf:VirtualHardwareSection ovf:transport="iso">`,
		`<ovf:Property ovf:key="firewall.mtu"`, `<ovf:Property ovf:key="usage.key" ovf:type="string"/><ovf:Property ovf:key="usage.instance" ovf:type="string"/><ovf:Property ovf:key="firewall.mtu"`,
		"<bw:Probe", `<bw:Usage keyProperty="usage.key" instanceProperty="usage.instance"/><bw:Probe`)
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	m, ok := w.cloud.Machine(tenant, "fw")
	require.True(t, ok)
	key, err := b.UsageKey(t.Context(), "fw")
	require.NoError(t, err)
	cd := strings.ReplaceAll(string(m.Environment), "\x00", "")
	require.Contains(t, cd, fmt.Sprintf(`oe:key="usage.key" oe:value="%x"`, key))
	require.Contains(t, cd, `oe:key="usage.instance" oe:value="fw"`)
	require.NotContains(t, fmt.Sprint(b.show(t, "fw").Values), fmt.Sprintf("%x", key), "it is stored nowhere")
}

func TestACloudInitApplianceFindsNoCloudsVolume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.edited(t, nil, "1.2.0", "2.0",
		"<ovf:VirtualHardwareSection>", `<ovf:VirtualHardwareSection ovf:transport="com.vmware.guestInfo">`,
		`<ovf:Property ovf:key="firewall.mtu"`, `<ovf:Property ovf:key="user-data" ovf:type="string" ovf:userConfigurable="true"/><ovf:Property ovf:key="firewall.mtu"`)
	b := w.broker(t, w.driver)
	r := w.order("fw", "lan")
	r.Parameters = raw(map[string]any{"networks": []string{"lan"}, "user-data": "#cloud-config\n{}"})
	b.provisioned(t, r)
	m, ok := w.cloud.Machine(tenant, "fw")
	require.True(t, ok)
	cd := strings.ReplaceAll(string(m.Environment), "\x00", "")
	require.Contains(t, cd, "CIDATA ")
	require.Contains(t, cd, "instance-id: \"fw\"\n")
	require.Contains(t, cd, "#cloud-config\n{}")
}

func TestAnApplianceThatWantsNoEnvironmentGetsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	m, ok := w.cloud.Machine(tenant, "fw")
	require.True(t, ok)
	require.Nil(t, m.Environment)
}
