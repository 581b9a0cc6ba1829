package sim

import (
	"cmp"
	"context"
	"crypto/sha256"
	"net"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// CreateNetwork makes a tenant network with its gateways' plugs. What tenants do by
// themselves takes no time and meets no faults.
func (c *Cloud) CreateNetwork(ctx context.Context, tenant topology.TenantID, n topology.Network, gateways ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkNetwork(tenant, n); err != nil {
		return err
	}
	plugs, err := plugsOf(tenant, n, gateways)
	if err != nil {
		return err
	}
	return c.change(func(w *world) error {
		e := w.Tenants[tenant]
		if e == nil {
			e = newEstate(tenant)
		}
		for _, o := range e.Fabric.Networks {
			switch {
			case o.ID == n.ID && o.Role == topology.RoleTenant && slices.Equal(o.Subnets, n.Subnets) && e.hasPlugs(n.ID, plugs):
				return nil
			case o.ID == n.ID:
				return fault.New(fault.Conflict, "network %q exists already with other content", n.ID)
			case o.Role == topology.RoleTenant && overlap(o, n):
				return fault.New(fault.Conflict, "network %q has addresses of network %q; a tenant's networks reach each other", n.ID, o.ID)
			}
		}
		w.Tenants[tenant] = e
		e.addNetwork(n, plugs)
		return nil
	})
}

func checkNetwork(tenant topology.TenantID, n topology.Network) error {
	switch {
	case tenant == "" || n.ID == "":
		return fault.New(fault.Invalid, "a network needs a tenant and an id")
	case n.Role != "" && n.Role != topology.RoleTenant:
		return fault.New(fault.Invalid, "network %q is no tenant network but a %s network", n.ID, n.Role)
	case len(n.Subnets) == 0:
		return fault.New(fault.Invalid, "network %q has no address range", n.ID)
	}
	for _, s := range n.Subnets {
		if s.CIDR != s.CIDR.Masked() || !s.CIDR.IsValid() {
			return fault.New(fault.Invalid, "network %q: %s is not an address range", n.ID, s.CIDR)
		}
		if s.Gateway.IsValid() && !s.CIDR.Contains(s.Gateway) {
			return fault.New(fault.Invalid, "network %q: the gateway's address %s is not in %s", n.ID, s.Gateway, s.CIDR)
		}
	}
	return nil
}

func overlap(a, b topology.Network) bool {
	return slices.ContainsFunc(a.Subnets, func(s topology.Subnet) bool {
		return slices.ContainsFunc(b.Subnets, func(t topology.Subnet) bool { return s.CIDR.Overlaps(t.CIDR) })
	})
}

// plugsOf are the gateways of a network, each with the plug that it is to have there.
func plugsOf(tenant topology.TenantID, n topology.Network, names []string) (list []topology.Gateway, err error) {
	if names, err = cloud.Gateways(names); err != nil {
		return nil, err
	}
	for place, name := range names {
		g := topology.Gateway{ID: topology.GatewayID("gw-" + string(tenant)), Name: name}
		port := topology.PortID(string(g.ID) + "-" + string(n.ID))
		if name != cloud.DefaultGateway {
			g.ID += topology.GatewayID(":" + name)
			port = topology.PortID("plug-" + name + ":" + string(n.ID))
		}
		addresses, err := cloud.PlugAddresses(n, place)
		if err != nil {
			return nil, err
		}
		g.Plugs = []topology.Plug{{Port: port, Home: n.ID, At: n.ID, MAC: mac(port), Addresses: addresses}}
		list = append(list, g)
	}
	return list, nil
}

// hasPlugs says whether a network has the plugs that a request wants, and no others.
func (e *estate) hasPlugs(id topology.NetworkID, want []topology.Gateway) bool {
	had := 0
	for _, g := range e.Fabric.Gateways {
		for _, p := range g.Plugs {
			if p.Home != id {
				continue
			}
			had++
			if !slices.ContainsFunc(want, func(w topology.Gateway) bool {
				return w.ID == g.ID && slices.Equal(w.Plugs[0].Addresses, p.Addresses)
			}) {
				return false
			}
		}
	}
	return had == len(want)
}

// addNetwork adds a network with its plugs, and the gateways of which it is the first.
func (e *estate) addNetwork(n topology.Network, plugs []topology.Gateway) {
	n.Role, n.Name = topology.RoleTenant, cmp.Or(n.Name, string(n.ID))
	n.Subnets = slices.Clone(n.Subnets)
	f := topology.Settle(e.Fabric)
	f.Networks = append(f.Networks, n)
	for _, g := range plugs {
		at := slices.IndexFunc(f.Gateways, func(o topology.Gateway) bool { return o.ID == g.ID })
		if at < 0 {
			f.Gateways = append(f.Gateways, g)
			continue
		}
		f.Gateways[at].Plugs = append(f.Gateways[at].Plugs, g.Plugs...)
	}
	e.Fabric = topology.Settle(f)
}

// mac derives a locally administered unicast address (IEEE 802-2014, 8.2).
func mac(port topology.PortID) string {
	sum := sha256.Sum256([]byte(port))
	return net.HardwareAddr{0x0a, sum[0], sum[1], sum[2], sum[3], sum[4]}.String()
}

// DeleteNetwork removes a tenant network with its plugs and hosts, and a gateway with
// its last plug.
func (c *Cloud) DeleteNetwork(ctx context.Context, tenant topology.TenantID, id topology.NetworkID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.change(func(w *world) error {
		e := w.Tenants[tenant]
		if e == nil {
			return nil
		}
		if err := e.free(id); err != nil {
			return err
		}
		e.dropNetwork(id)
		w.settle(tenant)
		return nil
	})
}

// free says whether a tenant network can go: it is one, and nothing of a service
// is plugged into it or carries its traffic.
func (e *estate) free(id topology.NetworkID) error {
	stitched := fault.New(fault.Conflict, "services are stitched into network %q", id)
	for _, n := range e.Fabric.Networks {
		if n.ID == id && n.Role != topology.RoleTenant {
			return fault.New(fault.Invalid, "network %q is not the tenant's own", id)
		}
		if slices.Contains(n.Carries, id) {
			return stitched
		}
	}
	if slices.ContainsFunc(e.Fabric.Redirects, func(r topology.Redirect) bool { return r.Network == id }) {
		return stitched
	}
	for _, g := range e.Fabric.Gateways {
		if slices.ContainsFunc(g.Plugs, func(p topology.Plug) bool { return p.Home == id && p.At != id }) {
			return stitched
		}
	}
	for _, a := range e.Fabric.Appliances {
		if slices.ContainsFunc(a.Legs, func(l topology.Leg) bool { return l.At == id || slices.Contains(l.Serves, id) }) {
			return stitched
		}
	}
	return nil
}

func (e *estate) dropNetwork(id topology.NetworkID) {
	f := topology.Settle(e.Fabric)
	f.Networks = slices.DeleteFunc(f.Networks, func(n topology.Network) bool { return n.ID == id })
	for i := range f.Gateways {
		g := &f.Gateways[i]
		g.Plugs = slices.DeleteFunc(g.Plugs, func(p topology.Plug) bool { return p.Home == id })
	}
	f.Gateways = slices.DeleteFunc(f.Gateways, func(g topology.Gateway) bool { return len(g.Plugs) == 0 })
	e.Fabric = f
	e.Hosts = slices.DeleteFunc(slices.Clone(e.Hosts), func(h cloud.Host) bool { return h.Network == id })
}
