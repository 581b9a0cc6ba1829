package openstack

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// reachable gives the tenant's host a floating IP, another one elsewhere, and one that
// is nobody's.
func (s *site) reachable() (ip thing) {
	s.t.Helper()
	router := s.fake.list("routers")[0]
	ip = s.fake.put("floatingips", thing{"floating_ip_address": "172.24.4.7", "project_id": string(s.tenant),
		"router_id": router["id"], "fixed_ip_address": "10.1.0.9", "port_id": s.host()})
	s.fake.put("floatingips", thing{"router_id": router["id"], "fixed_ip_address": "10.2.0.9", "port_id": "elsewhere", "floating_ip_address": "172.24.4.8", "project_id": string(s.tenant)})
	s.fake.put("floatingips", thing{"router_id": nil, "fixed_ip_address": nil, "port_id": nil, "floating_ip_address": "172.24.4.9", "project_id": string(s.tenant)})
	return ip
}

// host is the port of the tenant's host.
func (s *site) host() string {
	for _, p := range s.fake.list("ports") {
		if p.text("device_owner") == "compute:nova" || fmt.Sprint(addresses(p)) == "[10.1.0.9]" {
			return p.text("id")
		}
	}
	require.FailNow(s.t, "no host")
	return ""
}

// bearer is the leg or host that a floating IP is of, and where that is plugged in.
func (s *site) bearer(ip thing) (name string, network string) {
	p := s.fake.things["ports"][ip.text("port_id")]
	if p == nil {
		return "", ""
	}
	require.Contains(s.t, fmt.Sprint(addresses(p)), "10.1.0.9")
	return p.text("name"), p.text("network_id")
}

func (s *site) gatewaysNetwork() string {
	for _, p := range s.fake.list("ports") {
		if p.text("device_owner") == "network:router_interface" && fmt.Sprint(addresses(p)) != "[]" && addresses(p)[0].String() == "10.1.0.1" {
			return p.text("network_id")
		}
	}
	return ""
}

func TestFloatingIPsGoWhereTheGatewayGoes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ip := s.reachable()
	home, was := s.bearer(ip)
	before := s.all()
	for _, services := range [][]topology.Service{{s.fw}, {s.fw, s.wo}, {s.wo}, {s.wo, s.fw}, {s.fw}} {
		s.converge(services...)
		name, at := s.bearer(ip)
		require.Contains(t, name, "outside", "%d services", len(services))
		require.Equal(t, s.gatewaysNetwork(), at)
		loads := 0
		for _, p := range s.fake.list("ports") {
			if p.text("id") != s.host() && fmt.Sprint(addresses(p)) == "[10.1.0.9]" {
				loads++
			}
		}
		require.Equal(t, 1, loads, "no other leg has the host's address")
	}
	s.converge()
	name, at := s.bearer(ip)
	require.Equal(t, []string{home, was}, []string{name, at})
	require.Equal(t, before, s.all(), "the tenant has what it had, field by field")
}

// Two networks may share an outside leg: the one whose gateway leaves takes the addresses
// of its own hosts along, and no others.
func TestALegKeepsTheAddressesOfOtherNetworks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ip := s.reachable()
	s.converge(s.wo)
	leg := s.fake.things["ports"][ip.text("port_id")]
	other := s.fake.put("subnets", thing{"network_id": leg["network_id"], "cidr": "10.2.0.0/24"})
	leg["fixed_ips"] = append(leg["fixed_ips"].([]any), map[string]any{"subnet_id": other["id"], "ip_address": "10.2.0.9"})
	s.converge(s.fw, s.wo)
	require.Equal(t, "[10.2.0.9]", fmt.Sprint(addresses(leg)))
	require.NotEqual(t, leg["id"], ip["port_id"])
}

func TestAPlanTellsOfFloatingIPs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fake.list("routers")[0]["routes"] = []any{}
	s.reachable()
	before := s.all()
	notes, err := s.d.Foresee(t.Context(), s.tenant, s.plan(s.fw))
	require.NoError(t, err)
	require.Equal(t, []string{"Floating IP 172.24.4.7 of 10.1.0.9 does not answer while the gateway of network V moves; after that it leads to the host again."}, notes)
	require.Equal(t, before, s.all(), "looking changes nothing")
	s.converge(s.fw)
	again, err := s.d.Foresee(t.Context(), s.tenant, s.plan())
	require.NoError(t, err)
	require.Equal(t, notes, again, "on the way back, too")
}

// What the tenant does with a floating IP meanwhile is the tenant's affair.
func TestAFloatingIPThatTheTenantTookStaysWhereItIs(t *testing.T) {
	t.Parallel()
	for name, took := range map[string]func(s *site, ip thing){
		"off":    func(_ *site, ip thing) { ip["port_id"], ip["router_id"], ip["fixed_ip_address"] = nil, nil, nil },
		"away":   func(s *site, ip thing) { delete(s.fake.things["floatingips"], ip.text("id")) },
		"others": func(_ *site, ip thing) { ip["port_id"], ip["fixed_ip_address"] = "another", "10.2.0.7" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			ip := s.reachable()
			s.converge(s.fw)
			took(s, ip)
			left := fmt.Sprint(s.fake.things["floatingips"])
			s.converge()
			require.Equal(t, left, fmt.Sprint(s.fake.things["floatingips"]))
		})
	}
}

func TestForwardedPortsRefuseAMoveBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	router := s.fake.list("routers")[0]
	s.fake.put("floatingips", thing{"router_id": router["id"], "floating_ip_address": "172.24.4.9", "project_id": string(s.tenant),
		"port_forwardings": []any{map[string]any{"internal_ip_address": "10.1.0.9", "internal_port": 22}, map[string]any{"internal_ip_address": "10.1.0.9", "internal_port": 80}}})
	s.refuses("(172.24.4.9 to 10.1.0.9)")
}

func TestMoreFloatingIPsThanCanBeKeptRefuseAMoveBeforeItBegins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	router := s.fake.list("routers")[0]
	for n := range maxLeaning + 1 {
		s.fake.put("floatingips", thing{"router_id": router["id"], "floating_ip_address": fmt.Sprintf("172.24.4.%d", n), "project_id": string(s.tenant),
			"fixed_ip_address": fmt.Sprintf("10.1.0.%d", n+30), "port_id": fmt.Sprint(n)})
	}
	s.refuses("it has 21")
}

// refuses wants a plan, and its move, refused with words, and nothing touched.
func (s *site) refuses(words string) {
	s.t.Helper()
	before := s.all()
	_, err := s.d.Foresee(s.t.Context(), s.tenant, s.plan(s.fw))
	require.ErrorIs(s.t, err, fault.Conflict, "as soon as it is planned")
	require.Contains(s.t, fault.Message(err), words)
	require.Equal(s.t, before, s.all(), "looking changes nothing")
	for _, step := range s.plan(s.fw) {
		if step.Verb != topology.Move {
			require.NoError(s.t, s.do(step))
			continue
		}
		before := s.all()
		err := s.do(step)
		require.ErrorIs(s.t, err, fault.Conflict)
		require.Contains(s.t, fault.Message(err), words)
		require.Equal(s.t, before, s.all(), "nothing was touched")
		return
	}
	require.FailNow(s.t, "no plug moves")
}

// As many as can be kept fit into the plug's record.
func TestAPlugsRecordHasRoom(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for n := range maxLeaning {
		a := fmt.Sprintf("10.1.0.%d", n+100)
		subnet := ""
		for _, o := range s.fake.list("subnets") {
			if o.text("cidr") == "10.1.0.0/24" {
				subnet = o.text("id")
			}
		}
		host := s.fake.put("ports", thing{"network_id": s.fake.things["subnets"][subnet].text("network_id"), "name": "host", "project_id": string(s.tenant),
			"mac_address": fmt.Sprintf("fa:16:3e:00:00:%02x", n), "fixed_ips": []any{map[string]any{"subnet_id": subnet, "ip_address": a}}, "tags": []string{}, "device_id": "", "device_owner": "compute:nova"})
		s.fake.put("floatingips", thing{"router_id": s.fake.list("routers")[0]["id"], "floating_ip_address": fmt.Sprintf("172.24.4.%d", n), "project_id": string(s.tenant),
			"fixed_ip_address": a, "port_id": host["id"]})
	}
	before := s.all()
	s.converge(s.fw)
	s.converge()
	require.Equal(t, before, s.all())
}

// Whatever call fails, before or after its effect, the floating IP ends where it is to be.
func TestFloatingIPsSurviveAnyCallThatFails(t *testing.T) {
	t.Parallel()
	calls := 0
	{
		s := newSite(t)
		s.reachable()
		calls = s.count(func() { s.converge(s.fw); s.converge() })
	}
	require.Greater(t, calls, 20)
	for n := range calls {
		for _, status := range []int{http.StatusServiceUnavailable, -1} {
			t.Run(fmt.Sprint(n, status), func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				ip := s.reachable()
				before := s.all()
				s.fail(n, status)
				s.converge(s.fw)
				name, at := s.bearer(ip)
				require.Contains(t, name, "outside")
				require.Equal(t, s.gatewaysNetwork(), at)
				s.converge()
				require.Equal(t, before, s.all())
			})
		}
	}
}

// A leg that leaves, as when another appliance takes over on the same segment, gives
// floating IPs up to the next one, whatever call fails on the way.
func TestALegThatLeavesHandsFloatingIPsOn(t *testing.T) {
	t.Parallel()
	for n := -1; n < 25; n++ {
		for _, status := range []int{http.StatusServiceUnavailable, -1} {
			t.Run(fmt.Sprint(n, status), func(t *testing.T) {
				t.Parallel()
				s := newSite(t)
				ip := s.reachable()
				before := s.all()
				s.converge(s.fw)
				first, _ := s.bearer(ip)
				have, err := s.d.Observe(t.Context(), s.tenant)
				require.NoError(t, err)
				who := have.Appliances[0]
				leg := who.Legs[slices.IndexFunc(who.Legs, func(l topology.Leg) bool { return l.Role == topology.Outside })]
				bare := topology.Appliance{ID: who.ID, Instance: who.Instance, Name: who.Name}
				if n >= 0 {
					s.fail(n, status)
				}
				s.insist(topology.Step{Verb: topology.Move, Port: leg.Port, From: leg.At, Appliance: &bare})
				name, _ := s.bearer(ip)
				require.Empty(t, name, "it is owed")
				s.insist(topology.Step{Verb: topology.Move, Port: leg.Port, To: leg.At, Appliance: &bare})
				name, at := s.bearer(ip)
				require.Equal(t, first, name)
				require.Equal(t, s.gatewaysNetwork(), at)
				s.converge()
				require.Equal(t, before, s.all())
			})
		}
	}
}

func (s *site) insist(step topology.Step) {
	s.t.Helper()
	if err := s.do(step); err != nil {
		require.Equal(s.t, fault.Unavailable, fault.KindOf(err), "%s: %v", step, err)
		require.NoError(s.t, s.do(step), "%s", step)
	}
}
