package openstack

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// operators is the range of a management network, with the address of the broker.
var operators = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}

// shareManagement gives a cloud a management network and the options that name it.
func shareManagement(t *testing.T, f *fake, cidr string) Options {
	t.Helper()
	n := f.put("networks", thing{"name": "appliances", "project_id": f.list("projects")[0]["id"], "mtu": 1450, "tags": []string{}})
	f.put("subnets", thing{"network_id": n["id"], "cidr": cidr, "ip_version": 4, "gateway_ip": netip.MustParsePrefix(cidr).Masked().Addr().Next().String(), "project_id": n["project_id"]})
	file := filepath.Join(t.TempDir(), "clouds.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
clouds:
  fake:
    region_name: one
    auth: {auth_url: "`+f.URL+`/v3", username: broker, password: secret, project_name: service, user_domain_name: Default, project_domain_name: Default}
`), 0o600))
	return Options{Cloud: "fake", File: file, Management: "appliances", ManagementFrom: operators}
}

var aKit = kit{Flavor: "small", Image: "an-image"}

func TestContractOnASharedManagementNetwork(t *testing.T) {
	t.Parallel()
	cloudtest.RunExcept(t, func(t *testing.T) cloudtest.Bed {
		t.Parallel()
		f := newFake(t)
		return cloudtest.Bed{
			Cloud:       newBed(t, newTestDriver(t, shareManagement(t, f, "192.168.254.0/24"), aKit), drawn{f}, suiteTenants...),
			Server:      func() cloud.Server { return cloud.Server{} },
			BootTimeout: time.Minute,
		}
	}, unable())
}

// managedService is one with a management leg at an address.
func managedService(address string) topology.Service {
	return topology.Service{Instance: topology.InstanceID("fw-" + address[:len(address)-3]), Name: "fw", Zones: topology.Bridged, Management: netip.MustParsePrefix(address), Stitches: []topology.Stitch{{Network: "V", Pair: 1}},
		NICs: []topology.NIC{{Role: topology.Management}, {Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}}}
}

// Each tenant has a security group of its own on the operator's network, which lets in
// its members and the operator, and nobody else.
func TestTenantsShareTheManagementNetworkAndDoNotMeetThere(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := newTestDriver(t, shareManagement(t, f, "192.168.254.0/24"), aKit)
	shared := f.list("networks")[0]
	b := newBed(t, d, drawn{}, "acme", "rival")
	for tenant, address := range map[topology.TenantID]string{"acme": "192.168.254.10/24", "rival": "192.168.254.11/24"} {
		v := topology.Network{ID: "V", Name: "V", Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.0.1.0/24"), Gateway: netip.MustParseAddr("10.0.1.1")}}}
		if tenant == "rival" {
			v.ID, v.Name = "W", "W"
		}
		require.NoError(t, b.CreateNetwork(t.Context(), tenant, v))
		s := managedService(address)
		s.Stitches[0].Network = v.ID
		convergeFor(t, b, tenant, s)
	}

	groups := f.list("security-groups")
	require.Len(t, groups, 2)
	for n, tenant := range []topology.TenantID{"acme", "rival"} {
		for _, g := range groups {
			m, whole := readMark(texts(g["tags"]))
			require.True(t, whole)
			if m.Tenant != b.tenants[tenant] {
				continue
			}
			var from []string
			for _, r := range g["security_group_rules"].([]thing) {
				require.Equal(t, "ingress", r["direction"])
				from = append(from, r.text("remote_group_id")+r.text("remote_ip_prefix"))
			}
			require.ElementsMatch(t, []string{g.text("id"), "198.51.100.7/32"}, from)
			var members []netip.Addr
			for _, p := range f.list("ports") {
				if len(texts(p["security_groups"])) > 0 && texts(p["security_groups"])[0] == g.text("id") {
					require.Equal(t, shared["id"], p["network_id"])
					require.Nil(t, p["port_security_enabled"], "it is kept to its address")
					members = append(members, addresses(p)...)
				}
			}
			require.Equal(t, []netip.Addr{netip.AddrFrom4([4]byte{192, 168, 254, byte(10 + n)})}, members)
		}
	}
	r, taken, err := d.Management(t.Context())
	require.NoError(t, err)
	require.Equal(t, netip.MustParsePrefix("192.168.254.0/24"), r)
	require.Equal(t, map[netip.Addr]bool{netip.MustParseAddr("192.168.254.10"): true, netip.MustParseAddr("192.168.254.11"): true}, taken)

	convergeFor(t, b, "acme")
	require.Len(t, f.list("security-groups"), 1)
	convergeFor(t, b, "rival")
	left, err := d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	require.Empty(t, f.list("security-groups"))
	require.NotNil(t, f.things["networks"][shared.text("id")], "the operator's network stays")
}

// convergeFor carries out a tenant's plan.
func convergeFor(t *testing.T, b *bed, tenant topology.TenantID, services ...topology.Service) {
	t.Helper()
	have, err := b.Observe(t.Context(), tenant)
	require.NoError(t, err)
	want, err := topology.Compose(topology.Base(have), services)
	require.NoError(t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	for _, s := range steps {
		if s.Verb == topology.Boot {
			require.NoError(t, b.Boot(t.Context(), tenant, *s.Appliance, cloud.Server{}))
			continue
		}
		require.NoError(t, b.Do(t.Context(), tenant, s), "%s", s)
	}
}

// Whatever call fails while a part is made or removed, before or after its effect,
// doing the step again completes it, with one group.
func TestAPartOfTheManagementNetworkIsMadeOnce(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"before": http.StatusServiceUnavailable, "after": -1} {
		for nth := 1; nth <= 6; nth++ {
			f := newFake(t)
			d := newTestDriver(t, shareManagement(t, f, "192.168.254.0/24"), aKit)
			b := newBed(t, d, drawn{}, "acme")
			mgmt := topology.Network{ID: "mgmt-acme", Name: "mgmt-acme", Role: topology.RoleManagement}
			for _, verb := range []topology.Verb{topology.CreateNetwork, topology.DeleteNetwork} {
				seen := 0
				f.fault = func(method, path string) int {
					if method == http.MethodGet {
						return 0
					}
					if seen++; seen == nth {
						return status
					}
					return 0
				}
				step := topology.Step{Verb: verb, Network: &mgmt}
				for range 3 {
					if err := b.Do(t.Context(), "acme", step); err == nil {
						break
					}
				}
				require.NoError(t, b.Do(t.Context(), "acme", step), "%s %d %s", name, nth, verb)
				f.fault = nil
				want := 1
				if verb == topology.DeleteNetwork {
					want = 0
				}
				require.Len(t, f.list("security-groups"), want)
			}
		}
	}
}

func TestAManagementNetworkThatCannotServeIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*fake, *Options)
		says   string
	}{
		"nobody may come":     {func(_ *fake, o *Options) { o.ManagementFrom = nil }, "cloud.management_from"},
		"no such network":     {func(_ *fake, o *Options) { o.Management = "elsewhere" }, `0 networks that the account may use are called "elsewhere"`},
		"two of that name":    {func(f *fake, _ *Options) { f.put("networks", thing{"name": "appliances", "tags": []string{}}) }, "2 networks"},
		"no range":            {func(f *fake, _ *Options) { clear(f.things["subnets"]) }, "has 0 IPv4 ranges"},
		"a gateway elsewhere": {func(f *fake, _ *Options) { f.list("subnets")[0]["gateway_ip"] = "192.168.254.254" }, "is 192.168.254.254"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			o := shareManagement(t, f, "192.168.254.0/24")
			c.change(f, &o)
			o.Scope = "refused"
			_, err := newDriver(t.Context(), o)
			require.ErrorIs(t, err, fault.Invalid)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestTheBrokerReachesTheSharedManagementNetworkOnly(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := newTestDriver(t, shareManagement(t, f, "127.0.0.0/8"), aKit)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	conn, err := d.Dial(t.Context(), "acme", netip.MustParseAddrPort(l.Addr().String()))
	require.NoError(t, err)
	conn.Close()
	_, err = d.Dial(t.Context(), "acme", netip.MustParseAddrPort("[::1]:1"))
	require.ErrorIs(t, err, fault.Invalid)
	require.NoError(t, l.Close())
	_, err = d.Dial(t.Context(), "acme", netip.MustParseAddrPort(l.Addr().String()))
	require.ErrorIs(t, err, fault.Unavailable)
	require.NotErrorIs(t, err, cloud.ErrNoWay)

	_, err = onFake(t, newFake(t)).Dial(t.Context(), "acme", netip.MustParseAddrPort("192.168.254.2:80"))
	require.ErrorIs(t, err, cloud.ErrNoWay)
}

// When a server was launched is told of those that run, and to nobody else's tenant.
func TestSinceWhenAnApplianceRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	appliance := topology.ApplianceOf(s.fw.Instance, 0)
	since := func(tenant topology.TenantID) time.Time {
		at, err := s.d.Since(t.Context(), tenant, appliance)
		require.NoError(t, err)
		return at
	}
	require.Zero(t, since(s.tenant), "it is not there")
	s.converge(s.fw)
	require.WithinDuration(t, time.Now(), since(s.tenant), time.Minute)
	require.Zero(t, since(topology.TenantID(s.fake.list("projects")[0].text("id"))))
	s.fake.list("servers")[0]["status"] = "SHUTOFF"
	require.Zero(t, since(s.tenant), "it does not run")
}
