package sim

import (
	"cmp"
	"context"
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
		return s.CIDR == h.Address.Masked() && s.Gateway != h.Address.Addr()
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
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	err = c.view(func(w *world) error {
		e, err := w.tenant(tenant)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(e.Hosts, func(h cloud.Host) bool { return h.Name == host })
		if at < 0 {
			return fault.New(fault.NotFound, "there is no host %q", host)
		}
		passed, reached = e.trace(e.Hosts[at].Network, c.options)
		return nil
	})
	return passed, reached, err
}

// echo is what Trace sends.
var echo = topology.Flow{Direction: topology.Outbound, Protocol: topology.ICMP}

func (e *estate) trace(from topology.NetworkID, o Options) ([]topology.ApplianceID, bool) {
	route, reached := topology.RouteOf(e.Fabric, from, echo)
	way := route.Appliances()
	for i, id := range way {
		if !e.Machines[id].forwards(o) {
			return way[:i], false
		}
	}
	return way, reached
}
