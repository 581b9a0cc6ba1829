package topology

import (
	"fmt"
	"slices"
)

// change is a port that has to be plugged elsewhere.
type change struct {
	port      PortID
	to        NetworkID
	appliance ApplianceID // of a leg
	gateway   GatewayID   // of a gateway's plug
	nets      []NetworkID // tenant networks whose traffic passes there before or after
	detoured  bool
	parked    bool
}

func (c *change) first() NetworkID {
	if len(c.nets) == 0 {
		return ""
	}
	return c.nets[0]
}

// moveAll orders the pending changes: plugging in what waits unused, then swaps,
// then unplugging, each as soon as it is harmless. When nothing harmless is left,
// it cuts a network's traffic rather than let it past a service.
func (p *planner) moveAll() error {
	attach := func(c *change) bool { return p.at(c.port) == "" }
	detach := func(c *change) bool { return c.to == "" }
	swap := func(c *change) bool { return !attach(c) && !detach(c) }
	for len(p.pending) > 0 {
		switch {
		case p.pass(attach), p.calm() && p.awaitAll(), p.pass(swap), p.pass(detach):
		case p.calm() && p.removeAppliances(p.idle), p.detour(), p.yields && p.calm() && p.stepAside(), p.cut(), p.awaitAll(), p.park(), p.removeAppliances(p.any):
		default:
			return fmt.Errorf("cannot find a safe moment to move port %q to %q", p.pending[0].port, p.pending[0].to)
		}
	}
	return nil
}

// detour plugs a port nearer to the hosts for a while, past services that are to
// go and others that are to come. It takes one swap more, but no cut.
func (p *planner) detour() bool {
	for _, c := range p.pending {
		if c.detoured || c.to == "" || p.at(c.port) == "" || len(c.nets) == 0 || c.anyOf(p.straight) {
			continue
		}
		c.detoured = true
		fl := p.g.flood(c.nets[0])
		way, _ := fl.way(p.at(c.port))
		for _, x := range slices.Backward(way) {
			if at := x.node.Legs[x.wire.in].At; p.try(c, at, harmless) {
				c.mark(p.detoured)
				return true
			}
		}
	}
	return false
}

// pass makes all harmless changes of a kind; false when there was none.
func (p *planner) pass(kind func(*change) bool) bool {
	before := len(p.pending)
	p.pending = slices.DeleteFunc(p.pending, func(c *change) bool {
		return kind(c) && p.try(c, c.to, harmless)
	})
	return len(p.pending) < before
}

// idle chooses appliances that no traffic passes.
func (p *planner) idle(n *node) bool {
	if p.turns(n.ID) {
		return false
	}
	for id, duties := range p.duties {
		fl := p.g.flood(id)
		for _, d := range duties {
			if m := fl.moment(d.plug); m.live && slices.ContainsFunc(m.way, func(c crossing) bool { return c.node == n }) {
				return false
			}
		}
	}
	return true
}

// any chooses all appliances through which no gateway sends flows.
func (p *planner) any(n *node) bool { return !p.turns(n.ID) }

// cut makes the first change that does no worse than stop traffic.
func (p *planner) cut() bool {
	i := slices.IndexFunc(p.pending, func(c *change) bool { return p.try(c, c.to, cuts) })
	if i < 0 {
		return false
	}
	p.pending[i].mark(p.stopped)
	p.pending = slices.Delete(p.pending, i, i+1)
	return true
}

// park unplugs a port on its way from one network to another, best one whose
// absence lets another change happen.
func (p *planner) park() bool {
	var first *change
	for _, c := range p.pending {
		if c.parked || c.to == "" || p.at(c.port) == "" {
			continue
		}
		if first == nil {
			first = c
		}
		if p.opens(c) {
			first = c
			break
		}
	}
	if first == nil {
		return false
	}
	first.parked = true
	first.mark(p.stopped)
	return p.try(first, "", unsafe)
}

func (p *planner) opens(parked *change) bool {
	from := p.g.plugIn(parked.port, "")
	defer p.g.plugIn(parked.port, from)
	return slices.ContainsFunc(p.pending, func(c *change) bool {
		if c == parked {
			return false
		}
		was := p.at(c.port)
		does, _ := p.effect(c, c.to)
		p.g.plugIn(c.port, was)
		return does < unsafe
	})
}

// try makes a change if its effect is no worse than the worst allowed.
func (p *planner) try(c *change, to NetworkID, worst effect) bool {
	from := p.at(c.port)
	does, serves := p.effect(c, to)
	if does > worst {
		p.g.plugIn(c.port, from)
		return false
	}
	s := Step{Verb: Move, Port: c.port, From: from, To: to, Serves: serves, Gateway: c.gateway}
	if n := p.g.nodes[c.appliance]; n != nil {
		who := bare(n.Appliance)
		s.Appliance = &who
	}
	p.add(s)
	for _, id := range p.disturbed(c, from) {
		fl := p.g.flood(id)
		for _, d := range p.duties[id] {
			m := fl.moment(d.plug)
			d.pass(m)
			if d.live && !m.live {
				p.lost[id] = true
			}
		}
	}
	return true
}
