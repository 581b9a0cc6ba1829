package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// Hop is one thing that a packet passes: exactly one of the ids is set.
type Hop struct {
	Network   NetworkID   `json:"network,omitempty"`
	Appliance ApplianceID `json:"appliance,omitempty"`
	Gateway   GatewayID   `json:"gateway,omitempty"`
	Name      string      `json:"name"`
	Segment   bool        `json:"segment,omitempty"` // a network made here
}

// Route is the way of a packet: the tenant network, then appliances and the
// segments behind them, then the gateway.
type Route []Hop

// Path is the way of a packet from a tenant network's hosts to their gateway. It
// is false, with as much of the way as holds, when the gateway's plug cannot be
// reached or an appliance on the way does not run. With several gateways it is
// the way to the one that the hosts use.
func Path(f Fabric, from NetworkID) (Route, bool) {
	return PathTo(f, from, f.gatewayOf(from))
}

// PathTo is Path to a certain one of the network's gateways.
func PathTo(f Fabric, from NetworkID, to GatewayID) (Route, bool) {
	g := newGraph(f)
	names := namesOf(f)
	if g.roles[from] != RoleTenant {
		return nil, false
	}
	fl := g.flood(from)
	for _, gw := range f.Gateways {
		for _, p := range gw.Plugs {
			if p.Home == from && gw.ID == to {
				return fl.route(names, p, gw)
			}
		}
	}
	return Route{names.hop(from)}, false
}

// gatewayOf is the gateway that a network's hosts use: the one that has a subnet's
// gateway address, else the first one; empty when there is none.
func (f *Fabric) gatewayOf(id NetworkID) (first GatewayID) {
	n := f.network(id)
	for _, gw := range f.Gateways {
		for _, p := range gw.Plugs {
			if p.Home != id || n == nil {
				continue
			}
			for _, s := range n.Subnets {
				if slices.ContainsFunc(p.Addresses, func(a netip.Prefix) bool { return a.Addr() == s.Gateway }) {
					return gw.ID
				}
			}
			if first == "" {
				first = gw.ID
			}
		}
	}
	return first
}

func (f *flood) route(names names, p Plug, gw Gateway) (Route, bool) {
	r := Route{names.hop(f.from)}
	way, ok := f.way(p.At)
	for _, c := range way {
		if !c.node.Booted {
			return r, false
		}
		seg := far(r[len(r)-1].Network, c)
		r = append(r, Hop{Appliance: c.node.ID, Name: label(c.node.Name, c.node.ID)}, names.hop(seg))
	}
	if !ok {
		return r, false
	}
	return append(r, Hop{Gateway: gw.ID, Name: label(gw.Name, gw.ID)}), true
}

// far is the network at the other end of a crossing.
func far(at NetworkID, c crossing) NetworkID {
	if in := c.node.Legs[c.wire.in].At; in != at {
		return in
	}
	return c.node.Legs[c.wire.out].At
}

// String is the route as people say it: V → fw → gateway.
func (r Route) String() string {
	return r.join(func(h Hop) bool { return !h.Segment })
}

// Detail is the route with its segments: V → fw → seg-fw-V → gateway.
func (r Route) Detail() string {
	return r.join(func(Hop) bool { return true })
}

// Appliances are those that the packet passes, from the hosts on.
func (r Route) Appliances() []ApplianceID {
	var ids []ApplianceID
	for _, h := range r {
		if h.Appliance != "" {
			ids = append(ids, h.Appliance)
		}
	}
	return ids
}

func (r Route) join(keep func(Hop) bool) string {
	var parts []string
	for _, h := range r {
		if keep(h) {
			parts = append(parts, h.Name)
		}
	}
	return strings.Join(parts, " → ")
}

// names knows what people call the networks of a fabric.
type names map[NetworkID]Hop

func namesOf(f Fabric) names {
	ns := make(names, len(f.Networks))
	for _, n := range f.Networks {
		ns[n.ID] = Hop{Network: n.ID, Name: label(n.Name, n.ID), Segment: n.Role != RoleTenant}
	}
	return ns
}

func (ns names) hop(id NetworkID) Hop {
	if h, ok := ns[id]; ok {
		return h
	}
	return Hop{Network: id, Name: string(id)}
}
