package ovf_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

func TestTheServiceIsWhatTheSectionSays(t *testing.T) {
	t.Parallel()
	service, missing := read(t, "firewall.ovf").Service()
	require.Empty(t, missing)
	require.Equal(t, ovf.NetworkService{
		System: "firewall", Type: "firewall", Topology: "single", Modes: []string{"in-path", "redirect"},
		ManagedBy: []string{"tenant", "provider"}, Zones: "bridged",
		Legs:  []ovf.Leg{{InstanceID: "11", Role: ovf.RoleManagement}, {InstanceID: "12", Role: ovf.RoleInside, Pair: 1}, {InstanceID: "13", Role: ovf.RoleOutside, Pair: 1}},
		Probe: "arp", Health: &ovf.Health{Protocol: "http", Port: 8080, Path: "/health"},
		Login:   &ovf.Management{Protocol: "http", Port: 8080, User: "admin", PasswordProperty: "com.example.firewall.password"},
		Failure: "open", HA: []string{"none", "respin", "cluster:2"},
		Prices: []ovf.Price{
			{Configuration: "small", Dimension: "instance", Unit: "hour", Amount: "0.12", Currency: "EUR"},
			{Dimension: "traffic", Unit: "GiB", Amount: "0.01", Currency: "EUR"},
		},
	}, service)
}

func TestWithoutASectionNamesTell(t *testing.T) {
	t.Parallel()
	service, missing := read(t, "router-2.0.ovf").Service()
	require.Empty(t, missing)
	require.True(t, service.Inferred)
	require.Equal(t, "router", service.Type)
	require.Equal(t, []ovf.Leg{{InstanceID: "4", Role: ovf.RoleInside, Pair: 1}, {InstanceID: "5", Role: ovf.RoleOutside, Pair: 1}, {InstanceID: "6", Role: ovf.RoleManagement}}, service.Legs)

	_, missing = read(t, "minimal.ovf").Service()
	require.Equal(t, []string{"type", "inside leg", "outside leg"}, missing)
}

func TestInferRole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		nic, network string
		want         ovf.Role
	}{
		{"eth0", "LAN", ovf.RoleInside}, {"Internal Network", "x", ovf.RoleInside}, {"trust-1", "", ovf.RoleInside}, {"InsideNet", "", ovf.RoleInside},
		{"eth1", "wan0", ovf.RoleOutside}, {"untrust", "trust", ovf.RoleOutside}, {"External", "", ovf.RoleOutside},
		{"mgmt0", "VM Network", ovf.RoleManagement}, {"", "Management Network", ovf.RoleManagement},
		{"eth3", "HA heartbeat", ovf.RoleHA}, {"sync", "", ovf.RoleHA},
		{"GigabitEthernet1", "VM Network", ""}, {"vlan", "plan", ""}, {"inside-outside", "", ""}, {"", "", ""},
		{"eth0", "lanyard", ""},
	} {
		require.Equal(t, c.want, ovf.InferRole(c.nic, c.network), "%s on %s", c.nic, c.network)
	}
}

func TestPlansKeepWhatABootNeeds(t *testing.T) {
	t.Parallel()
	pkg := read(t, "firewall.ovf")
	plan, ok := pkg.Plan("")
	require.True(t, ok)
	require.Equal(t, "large", plan.ID)
	system := plan.Systems[0]
	require.Equal(t, ovf.Range{Max: 8}, system.CPURange)
	require.Equal(t, []string{"iso", "com.vmware.guestInfo"}, system.Transports)
	require.Equal(t, []string{"vmx-13", "vmx-14"}, system.Families)
	require.Equal(t, "efi", system.Firmware)
	require.True(t, system.SecureBoot)
	require.Equal(t, "System disk", system.Disks[0].Name, "in boot order, not in document order")
	require.Equal(t, "scsi", system.Disks[0].Bus)
	require.Equal(t, "com.example.firewall.log-disk", system.Disks[1].CapacityProperty)
	require.EqualValues(t, 8<<30, system.Disks[1].CapacityBytes)
	require.Equal(t, []string{"virtio", "E1000"}, system.NICs[0].Models)
	_, ok = pkg.Plan("huge")
	require.False(t, ok)

	fill := map[string]ovf.Fill{}
	for _, p := range pkg.Properties() {
		if p.Fill != nil {
			fill[p.Key] = *p.Fill
		}
	}
	require.Equal(t, map[string]ovf.Fill{
		"address": {Kind: ovf.FillIP, Network: "Control & care"}, "netmask": {Kind: ovf.FillNetmask, Network: "Control & care"}, "gateway": {Kind: ovf.FillGateway, Network: "Control & care"},
	}, fill)
	require.Empty(t, pkg.Product().VendorURL, "javascript: is no address to show")
}

// The classic example of the standard: an InstanceID that stands three times,
// one of them without a unit.
func TestTheLastSpecificItemWins(t *testing.T) {
	t.Parallel()
	item := func(configuration, quantity, units string) string {
		s := `<Item` + configuration + `><rasd:ElementName>m</rasd:ElementName><rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>`
		return s + `<rasd:AllocationUnits>` + units + `</rasd:AllocationUnits><rasd:VirtualQuantity>` + quantity + `</rasd:VirtualQuantity></Item>`
	}
	items := item("", "256", "byte * 2^20") + item(` ovf:configuration="medium large"`, "512", "") + item(` ovf:configuration="large"`, "1", "byte * 2 ^ 30")
	options := `<DeploymentOptionSection><Info/><Configuration ovf:id="small"><Label>s</Label></Configuration><Configuration ovf:id="medium"><Label>m</Label></Configuration><Configuration ovf:id="large"><Label>l</Label></Configuration></DeploymentOptionSection>`
	text := strings.NewReplacer(`<VirtualSystem ovf`, options+`<VirtualSystem ovf`, `<VirtualHardwareSection><Info/>`, `<VirtualHardwareSection><Info/>`+items).Replace(oneDisk)
	pkg := ovf.ReadDescriptor("x.ovf", []byte(text), ovf.Options{})
	require.True(t, pkg.Valid(), pkg.Findings.String())
	var sizes []int64
	for _, plan := range pkg.Plans() {
		sizes = append(sizes, plan.MemoryBytes>>20)
	}
	require.Equal(t, []int64{256, 512, 1024}, sizes)
}
