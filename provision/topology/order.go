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

// duty is what one network's traffic to one gateway plug must pass.
type duty struct {
	plug *Plug
	want map[ApplianceID]int  // services of the new chain, each with the pair it is to be passed by
	must map[ApplianceID]bool // those of them that it passes already and so may not get past any more
}

// moment is one network's traffic to one gateway plug at one moment.
type moment struct {
	way  []crossing
	live bool // the way is whole and all appliances on it run
}

// effect is what a change does, from good to bad.
type effect int

const (
	harmless effect = iota // traffic goes on, perhaps another way
	cuts                   // traffic of a network stops, or takes a way that is not known to forward or not the one wanted
	unsafe                 // a loop, a joint, a service got past
)

// remember notes what each network's traffic passes now and is to pass, and
// that pairs forward which traffic passes.
func (p *planner) remember(final *graph) {
	for id, plugs := range p.g.homes {
		fl := p.g.flood(id)
		wanted := final.flood(id)
		for _, plug := range plugs {
			d := &duty{plug: plug, want: map[ApplianceID]int{}, must: map[ApplianceID]bool{}}
			p.duties[id] = append(p.duties[id], d)
			if to := final.plugs[plug.Port]; to != nil {
				way, _ := wanted.way(to.At)
				for _, c := range way {
					d.want[c.node.ID] = c.pair().pair
				}
			}
			m := fl.moment(plug)
			p.trust(m)
			d.pass(m)
		}
	}
}

// trust takes pairs as forwarding that a gateway stands behind: an earlier run
// waited for them before it moved the gateway there.
func (p *planner) trust(m moment) {
	for _, c := range m.way {
		if c.node.Booted {
			p.ready[c.pair()] = true
		}
	}
}

func (c crossing) pair() pairKey { return pairKey{c.node.ID, c.node.Legs[c.wire.in].Pair} }

func (c crossing) uses(port PortID) bool {
	return c.node.Legs[c.wire.in].Port == port || c.node.Legs[c.wire.out].Port == port
}

func (d *duty) pass(m moment) {
	for _, c := range m.way {
		if _, wanted := d.want[c.node.ID]; m.live && wanted {
			d.must[c.node.ID] = true
		}
	}
}

func (f *flood) moment(plug *Plug) moment {
	way, ok := f.way(plug.At)
	return moment{way, ok && !slices.ContainsFunc(way, func(c crossing) bool { return !c.node.Booted })}
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
		case p.pass(attach), p.awaitAll(), p.pass(swap), p.pass(detach):
		case p.removeAppliances(p.idle), p.detour(), p.cut(), p.park(), p.removeAppliances(p.any):
		default:
			return fmt.Errorf("cannot find a safe moment to move port %q to %q", p.pending[0].port, p.pending[0].to)
		}
	}
	return nil
}

// pass makes all harmless changes of a kind; false when there was none.
func (p *planner) pass(kind func(*change) bool) bool {
	before := len(p.pending)
	p.pending = slices.DeleteFunc(p.pending, func(c *change) bool {
		return kind(c) && p.try(c, c.to, harmless)
	})
	return len(p.pending) < before
}

// detour plugs a port nearer to the hosts for a while, past services that are to
// go and others that are to come. It takes one swap more, but no cut.
func (p *planner) detour() bool {
	for _, c := range p.pending {
		if c.detoured || c.to == "" || p.at(c.port) == "" || len(c.nets) == 0 {
			continue
		}
		c.detoured = true
		fl := p.g.flood(c.nets[0])
		way, _ := fl.way(p.at(c.port))
		for _, x := range slices.Backward(way) {
			if at := x.node.Legs[x.wire.in].At; p.try(c, at, harmless) {
				return true
			}
		}
	}
	return false
}

// idle says whether no traffic passes an appliance; any is the other choice.
func (p *planner) idle(n *node) bool {
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

func (p *planner) any(*node) bool { return true }

// cut makes the first change that does no worse than stop traffic.
func (p *planner) cut() bool {
	i := slices.IndexFunc(p.pending, func(c *change) bool { return p.try(c, c.to, cuts) })
	if i < 0 {
		return false
	}
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
	for _, id := range p.concerned(c, from) {
		fl := p.g.flood(id)
		for _, d := range p.duties[id] {
			d.pass(fl.moment(d.plug))
		}
	}
	return true
}

// effect plugs a port elsewhere and judges what that does to the networks whose
// traffic passes there. It also answers which of them see a swap.
func (p *planner) effect(c *change, to NetworkID) (worst effect, swapped []NetworkID) {
	type look struct {
		bad     bool
		moments []moment
	}
	see := func(id NetworkID) look {
		fl := p.g.flood(id)
		l := look{bad: fl.looped != nil || p.joins(fl)}
		for _, d := range p.duties[id] {
			l.moments = append(l.moments, fl.moment(d.plug))
		}
		return l
	}
	nets := p.concerned(c, to)
	before := make([]look, len(nets))
	for i, id := range nets {
		before[i] = see(id)
	}
	knotted := p.knotted(c.port, to)
	p.g.plugIn(c.port, to)
	if !knotted && p.knotted(c.port, to) {
		worst = unsafe
	}
	for i, id := range nets {
		after := see(id)
		if after.bad && !before[i].bad {
			worst = unsafe
		}
		for j, d := range p.duties[id] {
			was, is := before[i].moments[j], after.moments[j]
			worst = max(worst, p.compare(d, was, is))
			if was.concerns(c, d) || is.concerns(c, d) {
				swapped = append(swapped, id)
			}
		}
	}
	return worst, sortedUnique(swapped)
}

// concerned are the networks that a change may disturb: those that are to pass
// there and those whose frames are now at either place.
func (p *planner) concerned(c *change, to NetworkID) []NetworkID {
	if c.gateway != "" {
		return c.nets
	}
	nets := some(c.nets)
	for _, at := range append(p.g.behind(c.port), p.at(c.port), to) {
		nets = p.g.carried(nets, at, 0)
	}
	return sortedUnique(nets)
}

// knotted says whether frames on a network, or on one that leads there through
// the appliance of a leg, go round in a loop, though no host's frames get there.
func (p *planner) knotted(port PortID, at NetworkID) bool {
	return slices.ContainsFunc(append(p.g.behind(port), at), func(id NetworkID) bool {
		return id != "" && p.g.roles[id] != RoleTenant && p.g.flood(id).looped != nil
	})
}

func (p *planner) compare(d *duty, was, is moment) effect {
	if !is.live {
		if was.live {
			return cuts
		}
		return harmless
	}
	passed := map[ApplianceID]bool{}
	unproven, astray := false, false
	for _, c := range is.way {
		passed[c.node.ID] = true
		if was.live && slices.Contains(was.way, c) {
			continue
		}
		pair, wanted := d.want[c.node.ID]
		unproven = unproven || !p.ready[c.pair()]
		astray = astray || wanted && pair != c.pair().pair
	}
	for id := range d.must {
		if !passed[id] {
			return unsafe
		}
	}
	switch {
	case unproven && was.live:
		return unsafe
	case unproven, astray:
		return cuts
	}
	return harmless
}

// concerns says whether traffic flows over the port of a change.
func (m moment) concerns(c *change, d *duty) bool {
	if !m.live {
		return false
	}
	return d.plug.Port == c.port || slices.ContainsFunc(m.way, func(x crossing) bool { return x.uses(c.port) })
}
