package topology

import "slices"

// graph is a fabric as frames see it: networks joined by wires. Plan moves its
// plugs about; Check and Path only look.
type graph struct {
	roles map[NetworkID]NetworkRole
	legs  map[PortID]place
	ends  map[NetworkID][]place // inside and outside legs by the network they are plugged into
	homes map[NetworkID][]*Plug // gateway plugs by the network they serve
	plugs map[PortID]*Plug
	nodes map[ApplianceID]*node
}

// node is an appliance in a graph.
type node struct {
	Appliance
	wires []wire // as Legs are plugged now
}

// place is one leg of a node.
type place struct {
	node *node
	leg  int
}

func (p place) at() NetworkID { return p.node.Legs[p.leg].At }

func newGraph(f Fabric) *graph {
	g := &graph{roles: make(map[NetworkID]NetworkRole, len(f.Networks)), legs: map[PortID]place{}, ends: map[NetworkID][]place{},
		homes: map[NetworkID][]*Plug{}, plugs: map[PortID]*Plug{}, nodes: map[ApplianceID]*node{}}
	for _, n := range f.Networks {
		g.roles[n.ID] = n.Role
	}
	for _, gw := range f.Gateways {
		for _, p := range gw.Plugs {
			g.homes[p.Home] = append(g.homes[p.Home], &p)
			g.plugs[p.Port] = &p
		}
	}
	for _, a := range f.Appliances {
		legs := a.Legs
		a.Legs = nil
		n := g.addNode(a)
		for i, l := range legs {
			n.Legs = append(n.Legs, l)
			g.legs[l.Port] = place{n, i}
			g.connect(place{n, i})
		}
		n.wires = wires(&n.Appliance)
	}
	return g
}

func (g *graph) addNode(a Appliance) *node {
	n := &node{Appliance: a}
	g.nodes[a.ID] = n
	return n
}

func (g *graph) addLeg(n *node, l Leg) {
	n.Legs = append(n.Legs, l)
	p := place{n, len(n.Legs) - 1}
	g.legs[l.Port] = p
	g.connect(p)
	n.wires = wires(&n.Appliance)
}

func (g *graph) dropLastLeg(n *node) {
	p := place{n, len(n.Legs) - 1}
	g.disconnect(p)
	delete(g.legs, n.Legs[p.leg].Port)
	n.Legs = n.Legs[:p.leg]
	n.wires = wires(&n.Appliance)
}

func (g *graph) dropNode(n *node) {
	for len(n.Legs) > 0 {
		g.dropLastLeg(n)
	}
	delete(g.nodes, n.ID)
}

// plugIn moves a port, a gateway's or a leg, and answers where it was.
func (g *graph) plugIn(port PortID, to NetworkID) (from NetworkID) {
	if p := g.plugs[port]; p != nil {
		from, p.At = p.At, to
		return from
	}
	p := g.legs[port]
	g.disconnect(p)
	from, p.node.Legs[p.leg].At = p.at(), to
	g.connect(p)
	if ws := p.node.wires; len(ws) > 0 && ws[0].apart { // else they do not depend on the plugs
		p.node.wires = wires(&p.node.Appliance)
	}
	return from
}

func (g *graph) connect(p place) {
	if role := p.node.Legs[p.leg].Role; p.at() != "" && (role == Inside || role == Outside) {
		g.ends[p.at()] = append(g.ends[p.at()], p)
	}
}

func (g *graph) disconnect(p place) {
	g.ends[p.at()] = slices.DeleteFunc(g.ends[p.at()], func(o place) bool { return o == p })
}

// carried adds the tenant networks whose frames come to a network, through whatever
// appliances.
func (g *graph) carried(to []NetworkID, at NetworkID) []NetworkID {
	for _, id := range g.leading(nil, at) {
		if g.roles[id] == RoleTenant {
			to = append(to, id)
		}
	}
	return to
}

// leading adds a network and all from which frames come to it.
func (g *graph) leading(to []NetworkID, at NetworkID) []NetworkID {
	if at == "" || slices.Contains(to, at) {
		return to
	}
	to = append(to, at)
	for _, end := range g.ends[at] {
		for _, w := range end.node.wires {
			if w.out == end.leg || w.in == end.leg && !w.apart {
				to = g.leading(to, end.node.Legs[w.in+w.out-end.leg].At)
			}
		}
	}
	return to
}

// beyond are the networks at the other ends of an appliance's wires from a leg.
func (g *graph) beyond(port PortID) []NetworkID {
	var ids []NetworkID
	if p, ok := g.legs[port]; ok {
		for _, w := range p.node.wires {
			if w.in == p.leg || w.out == p.leg {
				ids = append(ids, p.node.Legs[w.in+w.out-p.leg].At)
			}
		}
	}
	return ids
}
