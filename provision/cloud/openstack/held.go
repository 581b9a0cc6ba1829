package openstack

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/fwaas_v2/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/vpnaas/endpointgroups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/vpnaas/services"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/vpnaas/siteconnections"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Other services of Neutron's hold on to a router's port or to its ranges. While they do,
// Neutron refuses to take the port from the router, some of them with status 500; a
// firewall group lets it go and is not asked about the port that takes its place. They
// are looked for before a plug moves.

// holder is a service that holds on to routers' ports.
type holder struct {
	extension string
	// holding names what it has that holds a swap's old port.
	holding func(ctx context.Context, d *Driver, s swap) ([]string, error)
}

var holders = []holder{
	{"flow_classifier", func(ctx context.Context, d *Driver, s swap) ([]string, error) {
		return d.naming(ctx, "flow classifier", "sfc/flow_classifiers", s.old, "logical_source_port", "logical_destination_port")
	}},
	{"sfc", func(ctx context.Context, d *Driver, s swap) ([]string, error) {
		return d.naming(ctx, "port pair", "sfc/port_pairs", s.old, "ingress", "egress")
	}},
	{"fwaas_v2", firewalls},
	{"vpnaas", vpns},
	{"vpn-endpoint-groups", connections},
	{"l3-ndp-proxy", proxies},
}

// unheld refuses a swap while others hold on to the router's port, and names them.
func (d *Driver) unheld(ctx context.Context, s swap) error {
	if s.old == "" {
		return nil
	}
	has, err := d.loaded(ctx)
	if err != nil {
		return err
	}
	var named []string
	for _, h := range holders {
		if !slices.Contains(has, h.extension) {
			continue
		}
		found, err := h.holding(ctx, d, s)
		if errors.Is(err, fault.Forbidden) {
			continue // whether Neutron lets the port go, it says itself
		}
		if err != nil {
			return err
		}
		for _, name := range found {
			if !slices.Contains(named, name) {
				named = append(named, name)
			}
		}
	}
	if len(named) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "the gateway of network %s cannot move while other services of the cloud hold its port (%s): take them off, and put them back after", s.Home, some(named))
}

// called is what a user knows a thing by.
func called(what, name, id string) string {
	if name == "" {
		name = id
	}
	return what + " " + clean(name)
}

// naming are the things of a collection that name a port in one of their attributes.
func (d *Driver) naming(ctx context.Context, what, collection, port string, attributes ...string) (list []string, err error) {
	_, key, _ := strings.Cut(collection, "/")
	for _, a := range attributes {
		found, err := read[map[string][]struct{ ID, Name string }](ctx, d.network, what+"s", collection+"?"+url.Values{a: {port}}.Encode())
		if err != nil {
			return nil, err
		}
		for _, x := range found[key] {
			list = append(list, called(what, x.Name, x.ID))
		}
	}
	return list, nil
}

func firewalls(ctx context.Context, d *Driver, s swap) (list []string, err error) {
	pages, err := groups.List(d.network, groups.ListOpts{}).AllPages(ctx)
	if err != nil {
		return nil, listing("firewall groups", err)
	}
	found, err := groups.ExtractGroups(pages)
	for _, g := range found {
		if slices.Contains(g.Ports, s.old) {
			list = append(list, called("firewall group", g.Name, g.ID))
		}
	}
	return list, listing("firewall groups", err)
}

// vpns are the router's VPN services for a range of the port's.
func vpns(ctx context.Context, d *Driver, s swap) (list []string, err error) {
	found, err := d.vpnsOf(ctx, s.Router)
	for _, v := range found {
		if slices.Contains(s.ranges, v.SubnetID) {
			list = append(list, called("VPN service", v.Name, v.ID))
		}
	}
	return list, err
}

func (d *Driver) vpnsOf(ctx context.Context, router string) ([]services.Service, error) {
	pages, err := services.List(d.network, services.ListOpts{RouterID: router}).AllPages(ctx)
	if err != nil {
		return nil, listing("VPN services", err)
	}
	found, err := services.ExtractServices(pages)
	return found, listing("VPN services", err)
}

// connections are those of the router's VPN services that have a range of the port's
// among their local endpoints.
func connections(ctx context.Context, d *Driver, s swap) (list []string, err error) {
	pages, err := endpointgroups.List(d.network, endpointgroups.ListOpts{Type: string(endpointgroups.TypeSubnet)}).AllPages(ctx)
	if err != nil {
		return nil, listing("VPN endpoint groups", err)
	}
	ends, err := endpointgroups.ExtractEndpointGroups(pages)
	if err != nil {
		return nil, listing("VPN endpoint groups", err)
	}
	ends = slices.DeleteFunc(ends, func(g endpointgroups.EndpointGroup) bool {
		return !slices.ContainsFunc(g.Endpoints, func(subnet string) bool { return slices.Contains(s.ranges, subnet) })
	})
	if len(ends) == 0 {
		return nil, nil
	}
	router, err := d.vpnsOf(ctx, s.Router)
	if err != nil {
		return nil, err
	}
	if pages, err = siteconnections.List(d.network, nil).AllPages(ctx); err != nil {
		return nil, listing("IPsec connections", err)
	}
	found, err := siteconnections.ExtractConnections(pages)
	for _, c := range found {
		near := slices.ContainsFunc(ends, func(g endpointgroups.EndpointGroup) bool { return g.ID == c.LocalEPGroupID })
		if near && slices.ContainsFunc(router, func(v services.Service) bool { return v.ID == c.VPNServiceID }) {
			list = append(list, called("IPsec connection", c.Name, c.ID))
		}
	}
	return list, listing("IPsec connections", err)
}

// proxies are the router's NDP proxies for hosts behind the plug.
func proxies(ctx context.Context, d *Driver, s swap) (list []string, err error) {
	found, err := read[struct {
		Proxies []struct {
			ID, Name string
			Address  string `json:"ip_address"`
		} `json:"ndp_proxies"`
	}](ctx, d.network, "NDP proxies", "ndp_proxies?"+url.Values{"router_id": {s.Router}}.Encode())
	for _, p := range found.Proxies {
		if s.behind(p.Address) {
			list = append(list, called("NDP proxy", p.Name, p.ID))
		}
	}
	return list, err
}
