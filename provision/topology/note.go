package topology

import (
	"fmt"
	"strings"
)

// note says in words what the lines do not show.
func (p *picture) note(s Scene, g *graph, ns names, used map[crossing]bool) {
	for _, l := range p.rows {
		if l.gateway == "" {
			p.notes = append(p.notes, l.network+" does not reach a gateway")
		}
	}
	for i := range s.Appliances {
		a := &s.Appliances[i]
		if s.member(a.ID) {
			continue
		}
		p.beside(s, a, g.nodes[a.ID], ns, used)
	}
	for _, n := range s.Networks {
		if n.Role == RoleManagement {
			p.manage = append(p.manage, s.managed(n))
		}
	}
}

// beside enters an appliance that no traffic passes, or not through every pair that
// is plugged in.
func (p *picture) beside(s Scene, a *Appliance, n *node, ns names, used map[crossing]bool) {
	state, idle := "stands by", true
	switch {
	case !a.Booted:
		state = "does not run"
	case s.States[a.ID].Past:
		state = "is bypassed"
	}
	var places []string
	for _, w := range n.wires {
		in, out := a.Legs[w.in].At, a.Legs[w.out].At
		if used[crossing{n, w}] {
			idle = false
		} else if in != "" && out != "" {
			places = append(places, fmt.Sprintf("between %s and %s", short(ns.hop(in).Name), short(ns.hop(out).Name)))
		}
	}
	switch {
	case len(places) > 0:
		p.aside = append(p.aside, outside{s.face(a), state + " " + and(places)})
	case idle:
		p.aside = append(p.aside, outside{s.face(a), state + " outside every path"})
	}
}

func (s Scene) managed(n Network) managed {
	var members []string
	for i := range s.Appliances {
		a := &s.Appliances[i]
		for _, l := range a.Legs {
			if l.At == n.ID && l.Address.IsValid() {
				members = append(members, fmt.Sprintf("%s at %s", short(a.label()), l.Address.Addr()))
			}
		}
	}
	return managed{short(label(n.Name, n.ID)), strings.Join(members, ", ")}
}

// sentences are all that is no line of the picture, for those that are in text.
func (p picture) sentences() []string {
	list := append([]string{}, p.notes...)
	for _, t := range p.turns {
		var names []string
		for _, m := range t.members {
			names = append(names, m.caption())
		}
		through := "nothing, which stops them"
		if len(names) > 0 {
			through = and(names)
		}
		list = append(list, fmt.Sprintf("gateway %s sends flows of %s (%s) through %s", t.gateway, t.networks, t.match, through))
	}
	for _, a := range p.aside {
		list = append(list, a.name+" "+a.where)
	}
	for _, m := range p.manage {
		list = append(list, fmt.Sprintf("management network %s: %s", m.name, m.members))
	}
	return list
}
