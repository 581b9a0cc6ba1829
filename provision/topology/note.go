package topology

import (
	"fmt"
	"strings"
)

// note says in words what the lines do not show.
func (p *picture) note(f Fabric, g *graph, ns names, used map[crossing]bool) {
	for _, l := range p.rows {
		if l.gateway == "" {
			p.notes = append(p.notes, l.network+" does not reach a gateway")
		}
	}
	p.noteOtherGateways(f, ns)
	for _, r := range f.Redirects {
		p.notes = append(p.notes, fmt.Sprintf("gateway %s sends flows of %s (%s) through %s", r.Gateway, ns.hop(r.Network).Name, r.Match, r.through()))
	}
	for _, a := range f.Appliances {
		if f.member(a.ID) && a.Booted {
			continue
		}
		n := g.nodes[a.ID]
		state, idle := "stands by", true
		if !a.Booted {
			state = "does not run"
		}
		for _, w := range n.wires {
			in, out := a.Legs[w.in].At, a.Legs[w.out].At
			if used[crossing{n, w}] {
				idle = false
			} else if in != "" && out != "" {
				p.notes = append(p.notes, fmt.Sprintf("%s %s between %s and %s", label(a.Name, a.ID), state, ns.hop(in).Name, ns.hop(out).Name))
				idle = false
			}
		}
		if idle {
			p.notes = append(p.notes, fmt.Sprintf("%s %s outside every path", label(a.Name, a.ID), state))
		}
	}
	p.noteManagement(f)
}

// noteOtherGateways tells of the gateways that a network has beside the one that its
// line ends at.
func (p *picture) noteOtherGateways(f Fabric, ns names) {
	for _, gw := range f.Gateways {
		for _, plug := range gw.Plugs {
			if first := f.gatewayOf(plug.Home); first == gw.ID {
				continue
			}
			way, whole := PathTo(f, plug.Home, gw.ID)
			if whole {
				p.notes = append(p.notes, "also "+way.String())
			} else {
				p.notes = append(p.notes, fmt.Sprintf("%s does not reach gateway %s", ns.hop(plug.Home).Name, label(gw.Name, gw.ID)))
			}
		}
	}
}

func (p *picture) noteManagement(f Fabric) {
	for _, n := range f.Networks {
		if n.Role != RoleManagement {
			continue
		}
		var members []string
		for _, a := range f.Appliances {
			for _, l := range a.Legs {
				if l.At == n.ID && l.Address.IsValid() {
					members = append(members, fmt.Sprintf("%s at %s", label(a.Name, a.ID), l.Address.Addr()))
				}
			}
		}
		p.notes = append(p.notes, fmt.Sprintf("management network %s: %s", label(n.Name, n.ID), strings.Join(members, ", ")))
	}
}
