package openstack

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// transitRange is what routers have of a transit.
var transitRange = netip.MustParsePrefix("172.31.255.0/24")

// A transit joins the routers of a tenant, as a provider's backbone does: a network of
// the account's project on which each has a port, and routes over it to the networks that it
// has none on. It comes with the second router and goes with the last but one.
type transit struct {
	b       *bed
	project string
	network string            // empty: none
	ports   map[string]string // by router
	hops    map[string]netip.Addr
}

func (b *bed) transit(ctx context.Context, t topology.TenantID) (*transit, error) {
	x := &transit{b: b, project: string(b.project(t)), ports: map[string]string{}, hops: map[string]netip.Addr{}}
	found, err := b.d.networks(ctx, query{"name": {x.name()}, "project_id": {b.d.project}})
	if err != nil || len(found) == 0 {
		return x, err
	}
	x.network = found[0].ID
	plugs, err := b.d.ports(ctx, query{"network_id": {x.network}, "device_owner": legsOfRouters})
	for _, p := range plugs {
		x.ports[p.DeviceID], x.hops[p.DeviceID] = p.ID, netip.MustParseAddr(p.FixedIPs[0].IPAddress)
	}
	return x, err
}

func (x *transit) name() string { return "transit of " + x.project }

// connect makes the transit what the tenant's networks need.
func (b *bed) connect(ctx context.Context, t topology.TenantID) error {
	x, err := b.transit(ctx, t)
	if err != nil {
		return err
	}
	f, err := b.d.Observe(ctx, b.project(t))
	if len(f.Gateways) < 2 {
		return x.remove(ctx)
	}
	if err != nil {
		return err
	}
	for _, g := range f.Gateways {
		if err := x.join(ctx, string(g.ID)); err != nil {
			return err
		}
	}
	for _, g := range f.Gateways {
		if err := x.route(ctx, string(g.ID), x.ways(f, g)); err != nil {
			return err
		}
	}
	return nil
}

// join gives a router its port.
func (x *transit) join(ctx context.Context, router string) error {
	if x.ports[router] != "" {
		return nil
	}
	if x.network == "" {
		made, err := networks.Create(ctx, x.b.d.network, networks.CreateOpts{Name: x.name()}).Extract()
		if err != nil {
			return err
		}
		x.network = made.ID
		if _, err := subnets.Create(ctx, x.b.d.network, wanted{"network_id": made.ID, "cidr": transitRange.String(),
			"ip_version": 4, "gateway_ip": nil, "enable_dhcp": false}).Extract(); err != nil {
			return err
		}
	}
	pages, err := subnets.List(x.b.d.network, subnets.ListOpts{NetworkID: x.network}).AllPages(ctx)
	if err != nil {
		return err
	}
	ranges, err := subnets.ExtractSubnets(pages)
	if err != nil {
		return err
	}
	hop := transitRange.Addr().Next()
	for slices.Contains(slices.Collect(maps.Values(x.hops)), hop) {
		hop = hop.Next()
	}
	p, err := ports.Create(ctx, x.b.d.network, wanted{"network_id": x.network, "project_id": x.project, "port_security_enabled": false,
		"fixed_ips": []any{map[string]any{"subnet_id": ranges[0].ID, "ip_address": hop.String()}}}).Extract()
	if err != nil {
		return err
	}
	x.ports[router], x.hops[router] = p.ID, hop
	_, err = routers.AddInterface(ctx, x.b.d.network, router, routers.AddInterfaceOpts{PortID: p.ID}).Extract()
	return err
}

// ways are a gateway's routes to the networks that it has no plug for, by the first
// gateway of each.
func (x *transit) ways(f topology.Fabric, g topology.Gateway) (routes []any) {
	routes = []any{}
	for _, n := range f.Networks {
		names := cloud.Plugged(f, n)
		if n.Role != topology.RoleTenant || len(names) == 0 || slices.Contains(names, g.Name) {
			continue
		}
		at := slices.IndexFunc(f.Gateways, func(o topology.Gateway) bool { return o.Name == names[0] })
		for _, s := range n.Subnets {
			if s.CIDR.Addr().Is4() {
				routes = append(routes, map[string]any{"destination": s.CIDR.String(), "nexthop": x.hops[string(f.Gateways[at].ID)].String()})
			}
		}
	}
	return routes
}

func (x *transit) route(ctx context.Context, router string, routes []any) error {
	return put(ctx, x.b.d, "routers/"+router, map[string]any{"router": map[string]any{"routes": routes}})
}

// leave takes a router's port away, and its routes.
func (x *transit) leave(ctx context.Context, router string) error {
	if x.ports[router] == "" {
		return nil
	}
	if err := x.route(ctx, router, []any{}); err != nil {
		return err
	}
	_, err := routers.RemoveInterface(ctx, x.b.d.network, router, routers.RemoveInterfaceOpts{PortID: x.ports[router]}).Extract()
	delete(x.ports, router)
	return err
}

// remove ends the transit.
func (x *transit) remove(ctx context.Context) error {
	for router := range x.ports {
		if err := x.leave(ctx, router); err != nil {
			return err
		}
	}
	if x.network == "" {
		return nil
	}
	return networks.Delete(ctx, x.b.d.network, x.network).ExtractErr()
}
