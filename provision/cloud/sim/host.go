package sim

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// CreateHost attaches a host to a tenant network. Same again: no effect. Same
// name or address, other host: Conflict.
func (c *Cloud) CreateHost(ctx context.Context, tenant topology.TenantID, h cloud.Host) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.change(func(w *world) error {
		e, err := w.tenant(tenant)
		if err != nil {
			return err
		}
		if slices.Contains(e.Hosts, h) {
			return nil
		}
		if err := e.admit(h); err != nil {
			return err
		}
		e.Hosts = append(slices.Clone(e.Hosts), h)
		slices.SortFunc(e.Hosts, func(a, b cloud.Host) int { return cmp.Compare(a.Name, b.Name) })
		return nil
	})
}

func (e *estate) admit(h cloud.Host) error {
	at := slices.IndexFunc(e.Fabric.Networks, func(n topology.Network) bool {
		return n.ID == h.Network && n.Role == topology.RoleTenant
	})
	if at < 0 {
		return fault.New(fault.NotFound, "there is no network %q", h.Network)
	}
	inRange := func(s topology.Subnet) bool {
		return s.CIDR == h.Address.Masked() && !e.gatewayHas(h.Address)
	}
	if h.Name == "" || !slices.ContainsFunc(e.Fabric.Networks[at].Subnets, inRange) {
		return fault.New(fault.Invalid, "host %q cannot have the address %s on network %q", h.Name, h.Address, h.Network)
	}
	for _, o := range e.Hosts {
		if o.Name == h.Name || o.Address.Addr() == h.Address.Addr() {
			return fault.New(fault.Conflict, "host %q with the address %s exists already", o.Name, o.Address)
		}
	}
	return nil
}

// gatewayHas says whether an address is a gateway's.
func (e *estate) gatewayHas(a netip.Prefix) bool {
	return slices.ContainsFunc(e.Fabric.Gateways, func(g topology.Gateway) bool {
		return slices.ContainsFunc(g.Plugs, func(p topology.Plug) bool { return slices.Contains(p.Addresses, a) })
	})
}

// Hosts lists a tenant's hosts by name. NotFound when the tenant has nothing.
func (c *Cloud) Hosts(ctx context.Context, tenant topology.TenantID) (hosts []cloud.Host, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = c.view(func(w *world) error {
		e, err := w.tenant(tenant)
		if err == nil {
			hosts = slices.Clone(e.Hosts)
		}
		return err
	})
	return hosts, err
}

// Trace says which appliances a packet from a host passes on its way to the
// gateway, as far as it gets: an appliance that hangs or is not up yet swallows it.
func (c *Cloud) Trace(ctx context.Context, tenant topology.TenantID, host string) (passed []topology.ApplianceID, reached bool, err error) {
	return c.TraceTo(ctx, tenant, host, cloud.Target{})
}

// TraceTo is Trace to another host or to a certain gateway. NotFound when there is no
// such target.
func (c *Cloud) TraceTo(ctx context.Context, tenant topology.TenantID, host string, to cloud.Target) (passed []topology.ApplianceID, reached bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	err = c.change(func(w *world) error {
		e, err := w.tenant(tenant)
		if err != nil {
			return err
		}
		from, err := e.host(host)
		if err != nil {
			return err
		}
		way, whole, err := e.route(from, to)
		if passed, reached = e.follow(way, whole, c.options); err == nil {
			e.count(way, passed, reached)
		}
		return err
	})
	return passed, reached, err
}

func (e *estate) host(name string) (cloud.Host, error) {
	at := slices.IndexFunc(e.Hosts, func(h cloud.Host) bool { return h.Name == name })
	if at < 0 {
		return cloud.Host{}, fault.New(fault.NotFound, "there is no host %q", name)
	}
	return e.Hosts[at], nil
}

// route is the way of an echo request.
func (e *estate) route(from cloud.Host, to cloud.Target) (topology.Route, bool, error) {
	echo := topology.Flow{Direction: topology.Outbound, Protocol: topology.ICMP, Local: from.Address.Addr()}
	if echo.Local.Is6() {
		echo.Protocol = topology.ICMPv6
	}
	switch {
	case to.Host != "":
		h, err := e.host(to.Host)
		if err != nil {
			return nil, false, err
		}
		if echo.Remote = h.Address.Addr(); echo.Remote.Is4() != echo.Local.Is4() || h.Network == from.Network {
			return nil, false, fault.New(fault.Invalid, "no gateway is between hosts %q and %q", from.Name, h.Name)
		}
		way, whole := topology.Across(e.Fabric, from.Network, h.Network, echo)
		return way, whole, nil
	case to.Gateway != "":
		if !slices.ContainsFunc(e.Fabric.Gateways, func(g topology.Gateway) bool {
			return g.ID == to.Gateway && slices.ContainsFunc(g.Plugs, func(p topology.Plug) bool { return p.Home == from.Network })
		}) {
			return nil, false, fault.New(fault.NotFound, "network %q has no gateway %q", from.Network, to.Gateway)
		}
		way, whole := topology.RouteTo(e.Fabric, from.Network, to.Gateway, echo)
		return way, whole, nil
	}
	way, whole := topology.RouteOf(e.Fabric, from.Network, echo)
	return way, whole, nil
}

// follow is how far a packet gets on a way.
func (e *estate) follow(way topology.Route, whole bool, o Options) ([]topology.ApplianceID, bool) {
	passed := way.Appliances()
	for i, id := range passed {
		if !e.Machines[id].forwards(o) {
			return passed[:i], false
		}
	}
	return passed, whole
}
