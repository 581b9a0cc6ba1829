package openstack

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plug is the router's port in the tenant's network, and that port's IPv4 range.
func (s *site) plug() (port, subnet string) {
	s.t.Helper()
	for _, p := range s.fake.list("ports") {
		if p.text("device_owner") == "network:router_interface" {
			return p.text("id"), ipsOf(p)[0]["subnet_id"].(string)
		}
	}
	require.FailNow(s.t, "no plug")
	return "", ""
}

// loads says that Neutron has extensions.
func (s *site) loads(aliases ...string) {
	for _, a := range aliases {
		s.fake.put("extensions", thing{"alias": a})
	}
}

func TestAServiceThatHoldsThePlugRefusesAMoveBeforeItBegins(t *testing.T) {
	t.Parallel()
	for says, c := range map[string]struct {
		extension string
		put       func(s *site, router, port, subnet string)
	}{
		"(flow classifier web)": {"flow_classifier", func(s *site, _, port, _ string) {
			s.fake.put("flow_classifiers", thing{"name": "web", "logical_source_port": port, "logical_destination_port": port})
		}},
		"(port pair probe)": {"sfc", func(s *site, _, port, _ string) {
			s.fake.put("port_pairs", thing{"name": "probe", "ingress": "another", "egress": port})
		}},
		"(firewall group 7f)": {"fwaas_v2", func(s *site, _, port, _ string) {
			s.fake.put("firewall_groups", thing{"id": "7f", "name": "", "ports": []string{"another", port}})
		}},
		"(VPN service office)": {"vpnaas", func(s *site, router, _, subnet string) {
			s.fake.put("vpnservices", thing{"name": "office", "router_id": router, "subnet_id": subnet})
		}},
		"(IPsec connection to the office)": {"vpn-endpoint-groups", func(s *site, router, _, subnet string) {
			s.fake.put("vpnservices", thing{"id": "v", "name": "office", "router_id": router})
			s.fake.put("endpoint-groups", thing{"id": "g", "type": "subnet", "endpoints": []string{subnet}})
			s.fake.put("ipsec-site-connections", thing{"name": "to the office", "vpnservice_id": "v", "local_ep_group_id": "g"})
		}},
		"(NDP proxy for h)": {"l3-ndp-proxy", func(s *site, router, _, _ string) {
			s.fake.put("ndp_proxies", thing{"name": "for h", "router_id": router, "ip_address": "fd01::9"})
		}},
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			port, subnet := s.plug()
			s.loads(c.extension)
			c.put(s, s.fake.list("routers")[0].text("id"), port, subnet)
			s.refuses(says)
		})
	}
}

// What others have elsewhere is in nobody's way: at another port, for another range or
// router, behind another plug.
func TestServicesThatHoldOtherPortsAreNoMatter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	router := s.fake.list("routers")[0].text("id")
	_, subnet := s.plug()
	for _, h := range holders {
		s.loads(h.extension)
	}
	s.fake.put("flow_classifiers", thing{"name": "web", "logical_source_port": s.host(), "logical_destination_port": nil})
	s.fake.put("port_pairs", thing{"ingress": s.host(), "egress": s.host()})
	s.fake.put("firewall_groups", thing{"ports": []string{s.host()}})
	s.fake.put("vpnservices", thing{"id": "v", "router_id": router, "subnet_id": "another"})
	s.fake.put("vpnservices", thing{"id": "w", "router_id": "another", "subnet_id": subnet})
	s.fake.put("endpoint-groups", thing{"id": "g", "type": "subnet", "endpoints": []string{"another"}})
	s.fake.put("endpoint-groups", thing{"id": "h", "type": "subnet", "endpoints": []string{subnet}})
	s.fake.put("ipsec-site-connections", thing{"vpnservice_id": "v", "local_ep_group_id": "g"})
	s.fake.put("ipsec-site-connections", thing{"vpnservice_id": "w", "local_ep_group_id": "h"})
	s.fake.put("ndp_proxies", thing{"router_id": router, "ip_address": "fd02::9"})
	s.fake.put("ndp_proxies", thing{"router_id": "another", "ip_address": "fd01::9"})
	before := s.all()
	_, err := s.d.Foresee(t.Context(), s.tenant, s.plan(s.fw))
	require.NoError(t, err)
	s.converge(s.fw)
	s.converge()
	require.Equal(t, before, s.all())
}

// What a cloud does not have, or does not show to the account, is not insisted on.
func TestServicesThatAreNotThereAreNotAskedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.loads("fwaas_v2", "sfc")
	asked := 0
	s.fake.fault = func(_, path string) int {
		switch {
		case strings.Contains(path, "fwaas/"), strings.Contains(path, "sfc/port_pairs"):
			asked++
			return http.StatusForbidden
		case strings.Contains(path, "sfc/"), strings.Contains(path, "vpn/"), strings.Contains(path, "ndp"):
			require.Fail(t, "asked for "+path)
		}
		return 0
	}
	_, err := s.d.Foresee(t.Context(), s.tenant, s.plan(s.fw))
	require.NoError(t, err)
	require.Equal(t, 2, asked)
}
