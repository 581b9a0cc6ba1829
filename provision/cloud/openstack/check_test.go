package openstack

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn/ovntest"
)

// A patient is a cloud that is examined.
type patient struct {
	t       *testing.T
	f       *fake
	auth    thing // of clouds.yaml
	entry   thing // beside it
	options Options
}

// newPatient is a cloud with ML2/OVN, over TLS, that lacks nothing.
func newPatient(t *testing.T) *patient {
	f := newFake(t)
	f.Server = httptest.NewTLSServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	f.north = ovntest.New(t)
	f.catalog["object-store"] = "/swift"
	f.account = thing{"methods": []string{"password"}, "user": thing{"name": "broker"}, "roles": []thing{{"name": "member"}, {"name": "admin"}}}
	for _, x := range extended {
		f.put("extensions", thing{"alias": x.alias})
	}
	f.put("agents", thing{"agent_type": "OVN Controller agent"})
	f.put("networks", thing{"id": "lan", "project_id": "acme", "mtu": 1442, "provider:network_type": "geneve"})
	f.written("routers", f.put("routers", thing{"id": "r1", "project_id": "acme"}))
	f.put("ports", thing{"id": "plug", "device_owner": "network:router_interface"})
	f.put("networks", thing{"id": "ops", "name": "ops", "mtu": 1442, "project_id": f.list("projects")[0]["id"]})
	f.put("subnets", thing{"network_id": "ops", "cidr": "198.51.100.0/24", "ip_version": 4, "gateway_ip": "198.51.100.1"})
	f.put("flavors", thing{"id": "1", "name": "small", "vcpus": 2, "ram": 4096, "disk": 20, "os-flavor-access:is_public": true})
	zone := thing{"availabilityZoneInfo": []thing{{"zoneName": "nova", "zoneState": thing{"available": true}}}}
	quota := func(most, used int) thing { return thing{"limit": most, "used": used, "reserved": 0} }
	f.fixed = map[string]any{
		"compute/v2.1":                      thing{"version": thing{"id": "v2.1", "status": "CURRENT", "version": "2.90", "min_version": "2.1"}},
		"compute/v2.1/os-availability-zone": zone,
		"compute/v2.1/os-services":          thing{"services": []thing{}},
		"volume/v3/os-availability-zone":    zone,
		"volume/v3/types":                   thing{"volume_types": []thing{{"name": "ssd"}}},
		"image/v2/schemas/image":            thing{"properties": thing{"disk_format": thing{"enum": []any{nil, "vmdk", "qcow2", "raw", "vhd", "vhdx", "vdi"}}}},
	}
	f.limits = map[string]thing{
		"network": {"network": quota(100, 0), "subnet": quota(-1, 500), "port": quota(50, 10)},
		"compute": {"maxTotalInstances": 10, "totalInstancesUsed": 9, "maxTotalCores": 20, "totalCoresUsed": 0, "maxTotalRAMSize": -1, "maxServerGroups": 10},
		"volume":  {"maxTotalVolumes": 10, "totalVolumesUsed": 0, "maxTotalVolumeGigabytes": 1000, "totalGigabytesUsed": 0},
	}
	p := &patient{t: t, f: f, entry: thing{"region_name": "one"}, auth: thing{"auth_url": f.URL + "/v3", "username": "broker", "password": "secret", "project_name": "service",
		"user_domain_name": "Default", "project_domain_name": "Default"}}
	p.options = Options{Scope: "exam", Cloud: "it", CA: certificateOf(t, f.Server), Management: "ops", ManagementFrom: []netip.Prefix{netip.MustParsePrefix("203.0.113.5/32")}, Cutover: CutoverOVN, Northbound: ovn.Options{Address: f.north.Address}}
	return p
}

// certificateOf is a file with a server's certificate.
func certificateOf(t *testing.T, s *httptest.Server) string {
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	return file
}

func (p *patient) examine() []cloud.Finding {
	p.t.Helper()
	p.entry["auth"] = p.auth
	text, err := json.Marshal(thing{"clouds": thing{"it": p.entry}})
	require.NoError(p.t, err)
	p.options.File = filepath.Join(p.t.TempDir(), "clouds.yaml")
	require.NoError(p.t, os.WriteFile(p.options.File, text, 0o600))
	found := Examine(p.t.Context(), p.options, true)
	require.Empty(p.t, p.f.calls, "nothing but reading")
	return found
}

func TestACloudThatLacksNothing(t *testing.T) {
	t.Parallel()
	found := newPatient(t).examine()
	require.Greater(t, len(found), 30)
	for _, f := range found {
		require.Equal(t, cloud.Met, f.Verdict, "%+v", f)
		require.NotEmpty(t, f.Found)
		require.Empty(t, f.Remedy+string(f.Kind))
	}
}

func drop(collection, key, value string) func(*patient) {
	return func(p *patient) {
		for id, o := range p.f.things[collection] {
			if o.text(key) == value {
				delete(p.f.things[collection], id)
			}
		}
	}
}

func without(kind string) func(*patient) { return func(p *patient) { delete(p.f.catalog, kind) } }

func fixed(path string, reply any) func(*patient) {
	return func(p *patient) { p.f.fixed[path] = reply }
}

func used(service, key string, n int) func(*patient) {
	return func(p *patient) {
		if service == "network" {
			p.f.limits[service][key] = thing{"limit": n, "used": n, "reserved": 0}
		} else {
			p.f.limits[service][key] = n
		}
	}
}

// diagnosed has an appliance of the broker's run, of which Nova says so.
func diagnosed(reply any) func(*patient) {
	return func(p *patient) {
		p.f.put("servers", thing{"id": "one", "status": "ACTIVE", "tags": []string{"bumpwire:scope:exam"}})
		p.f.fixed["compute/v2.1/servers/one/diagnostics"] = reply
	}
}

// sick is a cloud with one thing wrong, and what an examination says to it.
type sick struct {
	need    string // the row, or the beginning of it
	harm    func(*patient)
	verdict cloud.Verdict
	kind    fault.Kind
	says    string
	remedy  string
}

var sicknesses = []sick{
	{"read what passes", diagnosed(403), cloud.Limited, "", "the account may not: prices by the byte", "os-server-diagnostics"},
	{"read what passes", diagnosed(thing{"nic_details": []thing{}}), cloud.Limited, "", "the hypervisor counts nothing", "nic_details"},
	{"read what passes", diagnosed(503), cloud.Unknown, "", "status 503", "log"},
	{"read what passes", diagnosed(thing{"nic_details": []thing{{"mac_address": "fa:16:3e:00:00:01", "rx_octets": 1, "rx_packets": 1, "tx_octets": 1, "tx_packets": 1}}}), cloud.Met, "", "Nova's diagnostics", ""},
	{"a scope", func(p *patient) { p.options.Scope = "No" }, cloud.Missing, fault.Invalid, "scope", "cloud.scope"},
	{"sign in", fixed("v3/auth/tokens", 401), cloud.Missing, fault.Unauthorized, "does not know the broker's account", "correct user, password"},
	{"sign in", fixed("v3/auth/tokens", 503), cloud.Missing, fault.Unavailable, "status 503", "auth_url"},
	{"sign in", func(p *patient) { p.options.CA = "" }, cloud.Missing, fault.Unavailable, "signed by nobody who is trusted", "cacert"},
	{"sign in", func(p *patient) { p.options.Cloud = "other" }, cloud.Missing, fault.Invalid, `"other" not found`, "clouds.yaml"},
	{"sign in", func(p *patient) {
		delete(p.auth, "project_name")
		delete(p.auth, "project_domain_name")
		p.f.account["project"] = nil
	}, cloud.Missing, fault.Invalid, "without a project", "clouds.yaml"},
	{"a new token when one expires", func(p *patient) {
		p.f.token = 1
		p.auth = thing{"auth_url": p.f.URL + "/v3", "token": "token-1"}
	}, cloud.Limited, "", "which ends", "application credential"},
	{"encrypted connections", func(p *patient) { p.entry["verify"] = false; p.options.CA = "" }, cloud.Limited, "", "verify: false", "cacert"},
	{"make networks, ports and servers", func(p *patient) { p.f.account["roles"] = []thing{{"name": "reader"}} }, cloud.Missing, fault.Forbidden, "only role is reader", "member"},
	{"a region", func(p *patient) { delete(p.entry, "region_name"); p.f.regions = []string{"south", "north"} }, cloud.Missing, fault.Invalid, "regions north, south", "cloud.region"},
	{"identity service", without("identity"), cloud.Missing, fault.Unavailable, "no identity service", "Keystone"},
	{"network service", without("network"), cloud.Missing, fault.Unavailable, "no network service", "Neutron"},
	{"compute service", without("compute"), cloud.Missing, fault.Unavailable, "no compute service", "Nova"},
	{"image service", without("image"), cloud.Missing, fault.Unavailable, "no image service", "Glance"},
	{"image service", fixed("image", 503), cloud.Missing, fault.Unavailable, "status 503", "Glance runs"},
	{"block storage service", without("block-storage"), cloud.Missing, fault.Unavailable, "no block storage service", "Cinder"},
	{"object store service", without("object-store"), cloud.Missing, fault.Unavailable, "no object store service", "Swift"},
	{"look tenants' projects up", fixed("v3/projects", 403), cloud.Limited, "", "its own project alone", "role admin"},
	{"look tenants' projects up", fixed("v3/projects", 500), cloud.Unknown, "", "status 500", "log"},
	{"act in tenants' networks", func(p *patient) {
		drop("agents", "agent_type", "OVN Controller agent")(p)
		p.f.things["networks"]["lan"]["project_id"] = p.f.list("projects")[0]["id"]
	}, cloud.Limited, "", "no other project's networks", "role admin"},
	{"segments with the MTU", func(p *patient) {
		p.f.put("networks", thing{"id": "big", "mtu": 9000, "provider:network_type": "vlan"})
	}, cloud.Limited, "", "big (9000)", "lower the MTU"},
	{"segments with the MTU", func(p *patient) { delete(p.f.things["networks"]["lan"], "provider:network_type") }, cloud.Unknown, "", "no overlay network", "administrator"},
	{"a way to appliances' management addresses", func(p *patient) { p.options.Management = "" }, cloud.Limited, "", "of its own", "cloud.management"},
	{"a way to appliances' management addresses", func(p *patient) { p.options.Management = "opz" }, cloud.Missing, fault.Invalid, `0 networks that the account may use are called "opz"`, "cloud.management"},
	{"API 2.52", fixed("compute/v2.1", thing{"version": thing{"id": "v2.1", "status": "CURRENT", "version": "2.42", "min_version": "2.1"}}), cloud.Missing, fault.Unavailable, "2.1 to 2.42 only", "Pike"},
	{"a zone with hosts", fixed("compute/v2.1/os-availability-zone", thing{"availabilityZoneInfo": []thing{{"zoneName": "nova", "zoneState": thing{"available": false}}}}), cloud.Missing, fault.Unavailable, "no zone", "nova-compute"},
	{"a flavor for each plan", fixed("compute/v2.1/os-services", 403), cloud.Limited, "", "such as small", "role admin"},
	{"a flavor for each plan", func(p *patient) {
		p.f.fixed["compute/v2.1/os-services"] = 403
		p.f.things["flavors"]["1"]["ram"] = 512
	}, cloud.Missing, fault.Full, "none of 1 public ones", "flavors"},
	{"images of packages' disk formats", fixed("image/v2/schemas/image", thing{"properties": thing{"disk_format": thing{"enum": []any{"qcow2", "raw"}}}}), cloud.Limited, "", "vmdk, vhd", "disk_formats"},
	{"a zone with storage", fixed("volume/v3/os-availability-zone", thing{"availabilityZoneInfo": []thing{}}), cloud.Missing, fault.Unavailable, "no zone", "cinder-volume"},
	{"a volume type", fixed("volume/v3/types", thing{"volume_types": []thing{}}), cloud.Missing, fault.Unavailable, "none", "volume type create"},
	{"a volume type", fixed("volume/v3/types", 403), cloud.Unknown, "", "may not", "account that may"},
	{"networks, of which", used("network", "network", 1), cloud.Missing, fault.Full, "the quota is 1, and 1 are used", "quota set"},
	{"subnets, of which", used("network", "subnet", 1), cloud.Missing, fault.Full, "1 are used", "quota set"},
	{"ports, of which", used("network", "port", 48), cloud.Missing, fault.Full, "the quota is 48, and 48 are used", "quota set"},
	{"servers, of which", used("compute", "totalInstancesUsed", 10), cloud.Missing, fault.Full, "the quota is 10, and 10 are used", "quota set"},
	{"vCPUs, of which", used("compute", "totalCoresUsed", 19), cloud.Missing, fault.Full, "the quota is 20, and 19 are used", "quota set"},
	{"MiB of memory, of which", used("compute", "maxTotalRAMSize", 4095), cloud.Missing, fault.Full, "the quota is 4095", "quota set"},
	{"volumes, of which", used("volume", "totalVolumesUsed", 9), cloud.Missing, fault.Full, "the quota is 10, and 9 are used", "quota set"},
	{"GiB of volumes, of which", used("volume", "totalGigabytesUsed", 995), cloud.Missing, fault.Full, "995 are used", "quota set"},
	{"a way to move a gateway's port", func(p *patient) { p.options.Cutover = "magic" }, cloud.Missing, fault.Invalid, "neither api nor ovn", "cloud.cutover"},
	{"a way to move a gateway's port", func(p *patient) { p.options.Northbound.Address = "unix:" + p.t.TempDir() + "/nobody" }, cloud.Missing, fault.Unavailable, "is not reached", "cloud.ovn_address"},
	{"a way to move a gateway's port", func(p *patient) {
		for _, a := range p.f.things["agents"] {
			a["agent_type"] = "Open vSwitch agent"
		}
	}, cloud.Missing, fault.Invalid, "no agents of OVN", "cutover: api"},
	{"a way to redirect flows", func(p *patient) { p.options.Cutover = CutoverAPI }, cloud.Limited, "", "are refused", "choose cutover: ovn"},
	{"a way to redirect flows", func(p *patient) {
		p.options.Cutover = CutoverAPI
		for _, a := range p.f.things["agents"] {
			a["agent_type"] = "Open vSwitch agent"
		}
	}, cloud.Limited, "", "those of OVN can redirect", "ML2/OVN"},
	{"the northbound database of this cloud", func(p *patient) { p.f.north.RemoveRouter("r1") }, cloud.Missing, fault.Conflict, "none of 1 routers", "this region"},
}

func TestEachThingThatACloudMayLackIsToldWithItsRemedy(t *testing.T) {
	t.Parallel()
	all := slices.Clone(sicknesses)
	for _, x := range extended {
		s := sick{"extension " + x.alias, drop("extensions", "alias", x.alias), cloud.Missing, fault.Unavailable, "not loaded", x.remedy}
		if x.without != "" {
			s.verdict, s.kind, s.says = cloud.Limited, "", x.without
		}
		all = append(all, s)
	}
	healthy := map[string]cloud.Finding{}
	for _, f := range newPatient(t).examine() {
		healthy[f.Need] = f
	}
	told := map[string]bool{"no stand-ins left": true} // TestStandInsThatAreLeftAreTold
	for _, s := range all {
		p := newPatient(t)
		s.harm(p)
		hit := false
		for _, f := range p.examine() {
			if !strings.HasPrefix(f.Need, s.need) {
				if f.Verdict != cloud.Met { // another row may not be able to say any more
					require.Equal(t, cloud.Unknown, f.Verdict, "%s: %+v", s.need, f)
				}
				continue
			}
			hit, told[f.Need] = true, true
			require.Equal(t, s.verdict, f.Verdict, "%+v", f)
			require.Equal(t, s.kind, f.Kind, "%+v", f)
			require.Contains(t, f.Found, s.says)
			require.Contains(t, f.Remedy, s.remedy)
			require.NotContains(t, f.Found+f.Remedy, "secret")
		}
		require.True(t, hit, s.need)
	}
	for need := range healthy {
		require.True(t, told[need], "nothing harms %q", need)
	}
}

func TestARegionThatTheCatalogDoesNotHave(t *testing.T) {
	t.Parallel()
	p := newPatient(t)
	p.f.regions = []string{"south"}
	lacking := 0
	for _, f := range p.examine() {
		if f.Area == "catalog" {
			lacking++
			require.Equal(t, cloud.Missing, f.Verdict)
			require.Contains(t, f.Found, "service for this region")
			require.Contains(t, f.Remedy, "another region; there are south")
		}
	}
	require.Equal(t, 6, lacking)
}

func TestStandInsThatAreLeftAreTold(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	for _, step := range s.plan(s.fw) {
		s.fake.fault = func(method, path string) int { // a swap is cut off
			if strings.HasSuffix(path, "remove_router_interface") {
				return http.StatusServiceUnavailable
			}
			return 0
		}
		if s.do(step) != nil {
			break
		}
	}
	e := &examination{d: s.d}
	e.reached(t.Context())
	i := slices.IndexFunc(e.found, func(f cloud.Finding) bool { return f.Need == "no stand-ins left" })
	require.Equal(t, cloud.Limited, e.found[i].Verdict)
	require.Contains(t, e.found[i].Remedy, "lrp-del")
}

func TestATypicalServiceTakesSomeOfAll(t *testing.T) {
	t.Parallel()
	n, err := typical()
	require.NoError(t, err)
	require.Equal(t, need{ofNetworks: 2, ofSubnets: 2, ofPorts: 4, ofServers: 1, ofVCPUs: 2, ofMemory: 4096, ofVolumes: 2, ofGiB: 11}, n)
}
