package openstack

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestAClassifierInWordsOfOVN(t *testing.T) {
	t.Parallel()
	four := netip.MustParsePrefix("10.1.0.0/24")
	six := netip.MustParsePrefix("fd01::/64")
	ports := func(list ...uint16) (out []topology.Ports) {
		for i := 0; i < len(list); i += 2 {
			out = append(out, topology.Ports{First: list[i], Last: list[i+1]})
		}
		return out
	}
	const from4, to4, from6, to6 = "ip4.src == {10.1.0.0/24}", "ip4.dst == {10.1.0.0/24}", "ip6.src == {fd01::/64}", "ip6.dst == {fd01::/64}"
	for _, c := range []struct {
		match string
		c     topology.Classifier
		want  []ovn.Flow
	}{
		{"everything", topology.Classifier{}, []ovn.Flow{{From: from4, To: to4}, {Six: true, From: from6, To: to6}}},
		{"protocols, of which each version of IP has its own",
			topology.Classifier{Protocols: []topology.Protocol{topology.ICMP, topology.ICMPv6, topology.ESP}},
			[]ovn.Flow{{From: from4 + " && (icmp4 || ip.proto == 50)", To: to4 + " && (icmp4 || ip.proto == 50)"},
				{Six: true, From: from6 + " && (icmp6 || ip.proto == 50)", To: to6 + " && (icmp6 || ip.proto == 50)"}}},
		{"a version of IP alone", topology.Classifier{Protocols: []topology.Protocol{topology.ICMP}}, []ovn.Flow{{From: from4 + " && (icmp4)", To: to4 + " && (icmp4)"}}},
		{"whoever opened it, the port is at the one end or the other",
			topology.Classifier{Protocols: []topology.Protocol{topology.TCP}, Ports: ports(80, 80), Local: []netip.Prefix{four}},
			[]ovn.Flow{{From: from4 + " && (tcp.dst == 80 || tcp.src == 80)", To: to4 + " && (tcp.src == 80 || tcp.dst == 80)"}}},
		{"of those that local hosts open, at the other end",
			topology.Classifier{Direction: topology.Outbound, Protocols: []topology.Protocol{topology.UDP}, Ports: ports(53, 53, 8000, 8010), Local: []netip.Prefix{four}},
			[]ovn.Flow{{From: from4 + " && (udp.dst == 53 || 8000 <= udp.dst <= 8010)", To: to4 + " && (udp.src == 53 || 8000 <= udp.src <= 8010)"}}},
		{"of those that others open, at this end",
			topology.Classifier{Direction: topology.Inbound, Protocols: []topology.Protocol{topology.SCTP}, Ports: ports(9, 9), Local: []netip.Prefix{four}},
			[]ovn.Flow{{From: from4 + " && (sctp.src == 9)", To: to4 + " && (sctp.dst == 9)"}}},
		{"ports without a protocol are those of any that has ports",
			topology.Classifier{Direction: topology.Outbound, Ports: ports(7, 7), Local: []netip.Prefix{six}},
			[]ovn.Flow{{Six: true, From: from6 + " && (tcp.dst == 7 || udp.dst == 7 || sctp.dst == 7)", To: to6 + " && (tcp.src == 7 || udp.src == 7 || sctp.src == 7)"}}},
		{"who they talk to says which version of IP", topology.Classifier{Remote: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.7/32")}},
			[]ovn.Flow{{From: from4 + " && ip4.dst == {192.0.2.0/24, 198.51.100.7/32}", To: to4 + " && ip4.src == {192.0.2.0/24, 198.51.100.7/32}"}}},
		{"nothing can match", topology.Classifier{Protocols: []topology.Protocol{topology.ICMPv6}, Local: []netip.Prefix{four}}, nil},
	} {
		got, err := flowsOf(c.c, []netip.Prefix{four, six})
		require.NoError(t, err, c.match)
		require.Equal(t, c.want, got, c.match)
	}
}

// A floating IP that is translated where its host is would lose its answers' address; one
// that is translated at the gateway, or of a host that no rule is about, is fine.
func TestDistributedFloatingIPsOfRedirectedHostsAreRefused(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	router := s.fake.list("routers")[0].text("id")
	s.fake.north.Float(router, "10.1.0.9", "172.24.4.20", "")
	s.fake.north.Float(router, "10.77.0.9", "172.24.4.21", "fa:16:3e:00:00:21")
	lb := s.redirected("lb", topology.Classifier{}, 1)
	_, err := s.d.Foresee(t.Context(), s.tenant, s.plan(lb))
	require.NoError(t, err)
	s.fake.north.Float(router, "10.1.0.7", "172.24.4.22", "fa:16:3e:00:00:22")
	_, err = s.d.Foresee(t.Context(), s.tenant, s.plan(lb))
	require.ErrorIs(t, err, fault.Conflict)
	require.Contains(t, fault.Message(err), "(172.24.4.22)")
	others := s.redirected("lb", topology.Classifier{Local: []netip.Prefix{netip.MustParsePrefix("10.1.0.9/32")}}, 1)
	_, err = s.d.Foresee(t.Context(), s.tenant, s.plan(others))
	require.NoError(t, err)
}

// redirected is a service of the site's that its network's router sends flows to.
func (s *site) redirected(name string, match topology.Classifier, replicas int) topology.Service {
	r := s.wo
	r.Instance, r.Name, r.Mode = topology.InstanceID(name), name, topology.Redirected
	r.Stitches = []topology.Stitch{{Network: s.wo.Stitches[0].Network, Pair: 1, Match: &match}}
	for n := range replicas {
		r.Replicas = append(r.Replicas, topology.Replica{Number: n})
	}
	return r
}

// What routers cannot do is refused as soon as it is planned, and when it is asked of
// one all the same, with what would help.
func TestARuleThatARouterCannotHaveIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		match topology.Classifier
		spoil func(*site)
		kind  fault.Kind
		says  []string
	}{
		"without the northbound database": {topology.Classifier{}, func(s *site) { s.d.north = nil }, fault.Invalid, []string{"in path", "cutover: ovn", "northbound database"}},
		"by DSCP":                         {topology.Classifier{DSCP: []uint8{46}}, func(*site) {}, fault.Invalid, []string{"DSCP"}},
		"by direction alone":              {topology.Classifier{Direction: topology.Outbound}, func(*site) {}, fault.Invalid, []string{"name ports together with outbound"}},
		"at a router that is not OVN's": {topology.Classifier{}, func(s *site) { s.fake.north.RemoveRouter(s.fake.list("routers")[0].text("id")) },
			fault.Conflict, []string{"is not in OVN's northbound database", "in path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newOVNSite(t)
			lb := s.redirected("lb", c.match, 1)
			steps := s.plan(lb)
			c.spoil(s)
			before := s.all()
			_, err := s.d.Foresee(t.Context(), s.tenant, steps)
			require.ErrorIs(t, err, c.kind)
			for _, word := range c.says {
				require.Contains(t, fault.Message(err), word)
			}
			require.Equal(t, before, s.all())
			refused := false
			for _, step := range steps {
				err := s.do(step)
				if step.Verb != topology.SetRedirect {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, c.kind)
				refused = true
				back, _ := step.Inverse()
				require.NoError(t, s.do(back), "what never happened is undone")
			}
			require.True(t, refused)
		})
	}
}

func TestEveryCallMayFailOnceWhileFlowsAreRedirected(t *testing.T) {
	t.Parallel()
	seasons := func(s *site) {
		lb := s.redirected("lb", topology.Classifier{}, 2)
		s.converge(lb)
		lb.Replicas = lb.Replicas[1:]
		s.converge(lb)
		s.converge()
	}
	list := newOVNSite(t).failures(seasons)
	t.Logf("%d failures", len(list))
	for _, f := range list {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newOVNSite(t)
			before, north := s.all(), s.north()
			f.at(s)
			seasons(s)
			require.Equal(t, before, s.all())
			require.Equal(t, north, s.north())
		})
	}
}

func TestEveryCallMayFailAndRedirectionIsUndone(t *testing.T) {
	t.Parallel()
	requireUndoneOverOVN(t, func(s *site) topology.Service { return s.redirected("lb", topology.Classifier{}, 1) })
}

// rerouting is how many policies send flows to members.
func (s *site) rerouting() (n int) {
	for _, row := range s.north() {
		if strings.HasPrefix(row, "Logical_Router_Policy ") && strings.Contains(row, "action:reroute") {
			n++
		}
	}
	return n
}

// While the router's port moves, and Neutron takes one away and adds another, the rule
// is there at every call: it asks for hosts' addresses, not for the port they come by.
func TestARuleStaysWhileAPlugMoves(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	lb := s.redirected("lb", topology.Classifier{}, 1)
	s.converge(lb)
	require.Equal(t, 4, s.rerouting())
	calls := 0
	s.fake.fault = func(method, path string) int {
		if method != http.MethodGet {
			require.Equal(t, 4, s.rerouting(), path)
			calls++
		}
		return 0
	}
	s.converge(s.fw, lb)
	s.converge(lb)
	require.Positive(t, calls)
}

// A router that has lost its ports at a member gets them again, as for a member that is
// new.
func TestALostMemberIsTakenInAgain(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	lb := s.redirected("lb", topology.Classifier{}, 2)
	s.converge(lb)
	whole := s.north()
	turns, err := s.d.north.Turns(t.Context())
	require.NoError(t, err)
	require.Len(t, turns, 4)
	s.fake.north.DropLeg(s.fake.list("routers")[0].text("id"), turns[0].Name)
	steps := s.plan(lb)
	require.Len(t, steps, 2, "it is waited for, and taken in")
	require.Equal(t, topology.SetRedirect, steps[1].Verb)
	s.converge(lb)
	require.Equal(t, whole, s.north())
}

// A range that the tenant's network gets later is redirected too, once that is noticed.
func TestARuleFollowsTheRangesOfItsNetwork(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	lb := s.redirected("lb", topology.Classifier{}, 1)
	s.converge(lb)
	_, err := subnets.Create(t.Context(), s.d.network, wanted{"network_id": string(lb.Stitches[0].Network), "project_id": string(s.tenant), "cidr": "10.3.0.0/24",
		"ip_version": 4, "gateway_ip": "10.3.0.1", "enable_dhcp": false}).Extract()
	require.NoError(t, err)
	steps := s.plan(lb)
	require.Len(t, steps, 1)
	require.Equal(t, "everything", steps[0].Redirect.Match.String())
	require.Equal(t, "of 10.1.0.0/24, fd01::/64", steps[0].Was.Match.String())
	s.converge(lb)
	require.Contains(t, strings.Join(s.north(), "\n"), "ip4.src == {10.1.0.0/24, 10.3.0.0/24}")
	s.converge()
	require.Zero(t, s.rerouting())
}

// Without the database nothing is done to a tenant's fabric, of which the broker would see
// a part; how appliances are is seen as ever.
func TestWithoutTheDatabaseAppliancesAreProbed(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	lb := s.redirected("lb", topology.Classifier{}, 1)
	s.converge(lb)
	var err error
	s.d.north, err = ovn.New(ovn.Options{Address: "unix:" + t.TempDir() + "/nobody"}, s.d.scope)
	require.NoError(t, err)
	_, err = s.d.Observe(t.Context(), s.tenant)
	require.ErrorIs(t, err, fault.Unavailable)
	pulse, err := s.d.Probe(t.Context(), s.tenant, topology.ReplicaOf(lb.Instance, 0, 0))
	require.NoError(t, err)
	require.True(t, pulse.Running)
}

// The rule and the router's ports at members are listed with the cloud's resources.
func TestWhatRedirectsIsListed(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	s.converge(s.redirected("lb", topology.Classifier{}, 1))
	kinds := map[string]int{}
	list, err := s.d.Resources(t.Context())
	require.NoError(t, err)
	for _, r := range list {
		require.Equal(t, s.tenant, r.Tenant)
		kinds[r.Kind]++
	}
	require.Equal(t, 1, kinds["redirect"])
	require.Equal(t, 2, kinds["router port"])
	s.converge()
	list, err = s.d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}

// A tenant may take its network off the router while flows are redirected there; the
// rule stays until the service goes, and then nothing is left.
func TestARuleOutlivesTheRoutersPort(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	s.converge(s.redirected("lb", topology.Classifier{}, 1))
	router := s.fake.list("routers")[0].text("id")
	delete(s.fake.list("routers")[0], "routes")
	for _, p := range s.fake.list("ports") {
		if p.text("device_owner") == "network:router_interface" {
			require.NoError(t, put(t.Context(), s.d, "routers/"+router+"/remove_router_interface", map[string]any{"port_id": p.text("id")}))
		}
	}
	require.Equal(t, 4, s.rerouting())
	have, err := s.d.Observe(t.Context(), s.tenant)
	require.NoError(t, err)
	require.Len(t, have.Redirects, 1)
	want, err := topology.Compose(topology.Base(have), nil)
	require.NoError(t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	for _, step := range steps {
		require.NoError(t, s.do(step), "%s", step)
	}
	list, err := s.d.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
	require.Zero(t, s.rerouting())
}
