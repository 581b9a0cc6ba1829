package topology

import "slices"

// Of two legs that cannot both be plugged in yet, the one that was first may be the
// wrong one, and a leg of an appliance that is to go may be in the way of one that
// comes. Such a leg steps aside: it is unplugged while no traffic passes it. That
// takes a step or two more, but no cut.

// stepAside unplugs a leg that nobody misses and makes at once what that lets
// happen. A leg comes back when there is room again; it steps aside once.
func (p *planner) stepAside() bool {
	for _, c := range p.unplugs() {
		if p.aside[c.port] {
			continue
		}
		if i := p.lets(c); i >= 0 {
			opened := p.pending[i]
			p.try(c, "", harmless)
			p.try(opened, opened.to, harmless)
			p.pending = slices.Delete(p.pending, i, i+1)
			p.comeBack(c)
			p.aside[c.port] = true
			return true
		}
	}
	return false
}

// unplugs lists the data legs that are plugged in, as changes of where they are to
// be at last: those first that need not come back, and of the others inside legs, as
// an outside leg serves several of them.
func (p *planner) unplugs() []*change {
	var turns [3][]*change
	ids := append(slices.Clone(p.have.order), p.want.order...)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		n := p.g.nodes[id]
		if n == nil {
			continue
		}
		for _, l := range n.Legs {
			will := p.want.legs[l.Port]
			c := &change{port: l.Port, to: will.At, appliance: id, nets: sortedUnique(append(some(p.have.legs[l.Port].Serves), will.Serves...))}
			switch {
			case l.At == "" || l.Role != Inside && l.Role != Outside:
			case c.to == "":
				turns[0] = append(turns[0], c)
			case l.Role == Inside:
				turns[1] = append(turns[1], c)
			default:
				turns[2] = append(turns[2], c)
			}
		}
	}
	return slices.Concat(turns[:]...)
}

// lets answers which pending change is harmless while a leg is unplugged; -1 where
// there is none or the leg is missed.
func (p *planner) lets(c *change) int {
	from := p.at(c.port)
	defer p.g.plugIn(c.port, from)
	if does, _ := p.effect(c, ""); does > harmless {
		return -1
	}
	return slices.IndexFunc(p.pending, func(o *change) bool {
		if o.port == c.port {
			return false
		}
		was := p.at(o.port)
		does, _ := p.effect(o, o.to)
		p.g.plugIn(o.port, was)
		return does == harmless
	})
}

// comeBack makes a leg pending that is to be plugged in again.
func (p *planner) comeBack(c *change) {
	if c.to != "" && !slices.ContainsFunc(p.pending, func(o *change) bool { return o.port == c.port }) {
		p.pending = append(p.pending, c)
	}
}
