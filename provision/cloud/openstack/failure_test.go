package openstack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A site is a tenant with a network V, a router with a route through it, and a
// service to be put in path.
type site struct {
	t      *testing.T
	fake   *fake
	d      *Driver
	tenant topology.TenantID
	fw, wo topology.Service
}

func newSite(t *testing.T) *site {
	t.Helper()
	f := newFake(t)
	return siteOn(t, f, onFake(t, f))
}

func siteOn(t *testing.T, f *fake, d *Driver) *site {
	t.Helper()
	b := newBed(t, d, drawn{}, "acme")
	v := topology.Network{ID: "V", Name: "V", Subnets: []topology.Subnet{
		{CIDR: netip.MustParsePrefix("10.1.0.0/24"), Gateway: netip.MustParseAddr("10.1.0.1")},
		{CIDR: netip.MustParsePrefix("fd01::/64"), Gateway: netip.MustParseAddr("fd01::1")},
	}}
	require.NoError(t, b.CreateNetwork(t.Context(), "acme", v))
	require.NoError(t, b.CreateHost(t.Context(), "acme", cloud.Host{Name: "h", Network: "V", Address: netip.MustParsePrefix("10.1.0.9/24")}))
	r := f.list("routers")[0]
	r["routes"] = []any{map[string]any{"destination": "10.9.0.0/16", "nexthop": "10.1.0.9"}, map[string]any{"destination": "10.8.0.0/16", "nexthop": "172.24.4.9"}}
	for _, p := range f.list("ports") {
		if p.text("device_id") == r.text("id") {
			p["name"], p["description"], p["tags"], p["qos_policy_id"] = "to V", "the tenant's", []any{"mine"}, "gold"
		}
	}
	s := &site{t: t, fake: f, d: d, tenant: b.tenants["acme"]}
	home := b.networks["V"]
	nics := []topology.NIC{{Role: topology.Management}, {Role: topology.Inside, Pair: 1}, {Role: topology.Outside, Pair: 1}}
	service := func(name string, rank int) topology.Service {
		return topology.Service{Instance: topology.InstanceID(name), Name: name, Zones: topology.Bridged, NICs: nics,
			Stitches: []topology.Stitch{{Network: home, Pair: 1, Rank: rank}}}
	}
	s.fw, s.wo = service("fw", 20), service("wo", 10)
	s.fw.Management = netip.MustParsePrefix("192.168.254.2/24")
	return s
}

func (s *site) plan(services ...topology.Service) []topology.Step {
	s.t.Helper()
	have, err := s.d.Observe(s.t.Context(), s.tenant)
	require.NoError(s.t, err)
	require.Empty(s.t, topology.Check(have))
	want, err := topology.Compose(topology.Base(have), services)
	require.NoError(s.t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(s.t, err)
	return steps
}

func (s *site) do(step topology.Step) error {
	if step.Verb == topology.Boot {
		return s.d.Boot(s.t.Context(), s.tenant, *step.Appliance, cloud.Server{})
	}
	return s.d.Do(s.t.Context(), s.tenant, step)
}

// converge does the steps to a state, each again when it fails, as often as may be.
func (s *site) converge(services ...topology.Service) {
	s.t.Helper()
	for _, step := range s.plan(services...) {
		err := s.do(step)
		if err != nil {
			require.Equal(s.t, fault.Unavailable, fault.KindOf(err), "%s: %v", step, err)
			err = s.do(step)
		}
		require.NoError(s.t, err, "%s", step)
	}
	require.Empty(s.t, s.plan(services...), "nothing is left to do")
}

// all is everything in the cloud, in no order, but for the ids of ports of the router,
// which Neutron makes anew.
func (s *site) all() []string {
	s.t.Helper()
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	var list []string
	for _, c := range []string{"networks", "subnets", "routers", "ports", "floatingips", "servers"} {
		for _, o := range s.fake.list(c) {
			copied := maps.Clone(o)
			if o.text("device_owner") == "network:router_interface" {
				delete(copied, "id")
			}
			if routes, ok := o["routes"].([]any); ok {
				copied["routes"] = slices.SortedFunc(slices.Values(routes), func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
			text, err := json.MarshalIndent(copied, "", " ")
			require.NoError(s.t, err)
			list = append(list, string(text))
		}
	}
	slices.Sort(list)
	return list
}

// count is how many calls that change something a run makes.
func (s *site) count(run func()) int {
	before := len(s.fake.calls)
	run()
	return len(s.fake.calls) - before
}

// fail has the nth call from now that changes something fail: before its effect with
// a status, or after it, when the status is negative, with no answer.
func (s *site) fail(n, status int) {
	s.fake.mu.Lock()
	defer s.fake.mu.Unlock()
	s.fake.fault = func(method, _ string) int {
		if method == http.MethodGet {
			return 0
		}
		if n--; n == -1 {
			return status
		}
		return 0
	}
}

// A plan tells of the routes that have to go for a moment, and of those alone.
func TestAPlanTellsOfTheRoutesThatItTakesOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fake.list("routers")[0]["routes"] = []any{
		map[string]any{"destination": "10.9.0.0/16", "nexthop": "10.1.0.9"}, map[string]any{"destination": "10.8.0.0/16", "nexthop": "10.2.0.9"}}
	notes, err := s.d.Foresee(t.Context(), s.tenant, s.plan(s.fw))
	require.NoError(t, err)
	require.Equal(t, []string{"The router's route to 10.9.0.0/16 by way of 10.1.0.9 is taken off while the gateway of network V moves, and put back after that."}, notes)
	s.converge(s.fw)
	notes, err = s.d.Foresee(t.Context(), s.tenant, s.plan())
	require.NoError(t, err)
	require.Len(t, notes, 1, "on the way back, too")
	notes, err = s.d.Foresee(t.Context(), s.tenant, nil)
	require.NoError(t, err)
	require.Empty(t, notes)
}

// Between the call that takes the router's port and the one that gives it another
// there is none, on the way out; on the way back there is the one that makes it.
func TestASwapIsTwoCalls(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fake.list("routers")[0]["routes"] = []any{}
	swap := func(services ...topology.Service) (calls []string) {
		from := len(s.fake.calls)
		s.converge(services...)
		for _, c := range s.fake.calls[from:] {
			if len(calls) == 0 && !isCall(c, "remove_router_interface") {
				continue
			}
			calls = append(calls, c)
			if isCall(c, "add_router_interface") {
				return calls
			}
		}
		return calls
	}
	require.Len(t, swap(s.fw), 2)
	require.Len(t, swap(), 3)
}

func isCall(call, name string) bool {
	return len(call) >= len(name) && call[len(call)-len(name):] == name
}

func TestATokenThatExpiredIsRenewed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fake.mu.Lock()
	s.fake.token += 7 // the cloud forgets it
	s.fake.mu.Unlock()
	s.converge(s.fw)
}

func TestTenantsAreProjects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	name := s.fake.things["projects"][string(s.tenant)].text("name")
	byID, err := s.d.Observe(t.Context(), s.tenant)
	require.NoError(t, err)
	byName, err := s.d.Observe(t.Context(), topology.TenantID(name))
	require.NoError(t, err)
	require.Equal(t, byID.Networks, byName.Networks)
	for _, nobody := range []topology.TenantID{"", "x", topology.TenantID(fmt.Sprintf("%032x", 7)), "../projects"} {
		_, err := s.d.Observe(t.Context(), nobody)
		require.ErrorIs(t, err, fault.NotFound)
	}
}

// What another project has tagged as if it were ours is not seen, and not touched.
func TestMarksOfOthersDoNotCount(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.converge(s.fw)
	before, err := s.d.Observe(t.Context(), s.tenant)
	require.NoError(t, err)
	listed, err := s.d.Resources(t.Context())
	require.NoError(t, err)
	for _, collection := range []string{"networks", "ports"} {
		for _, o := range s.fake.list(collection) {
			forged := maps.Clone(o)
			delete(forged, "id")
			forged["project_id"], forged["name"], forged["device_id"], forged["device_owner"] = "a-stranger", "forged", "", ""
			s.fake.put(collection, forged)
		}
	}
	after, err := s.d.Observe(t.Context(), s.tenant)
	require.NoError(t, err)
	require.Equal(t, before, after)
	same, err := s.d.Resources(t.Context())
	require.NoError(t, err)
	require.Equal(t, listed, same)
	for _, n := range after.Networks {
		if n.Role != topology.RoleTenant {
			require.ErrorIs(t, s.do(topology.Step{Verb: topology.DeleteNetwork, Network: &n}), fault.Invalid, "it is in use")
		}
	}
}
