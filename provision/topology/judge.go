package topology

import "slices"

// duty is what one network's traffic to one gateway plug must pass.
type duty struct {
	plug   *Plug
	want   map[ApplianceID]int // appliances of the new chain, each with the pair it is to be passed by
	wanted map[InstanceID]bool // whose they are
	live   bool                // it flowed when the plan began
	must   map[InstanceID]bool // those of them that it passes already, by whichever generation, and so may not get past any more
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
			d := &duty{plug: plug, want: map[ApplianceID]int{}, wanted: map[InstanceID]bool{}, must: map[InstanceID]bool{}}
			p.duties[id] = append(p.duties[id], d)
			if to := final.plugs[plug.Port]; to != nil {
				way, _ := wanted.way(to.At)
				for _, c := range way {
					d.want[c.node.ID], d.wanted[c.node.Instance] = c.pair().pair, true
					p.needed[c.pair()] = true
				}
			}
			m := fl.moment(plug)
			d.live = m.live
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

// calm says whether all traffic flows that did when the plan began. What takes long
// is done only then.
func (p *planner) calm() bool {
	for id, duties := range p.duties {
		fl := p.g.flood(id)
		if slices.ContainsFunc(duties, func(d *duty) bool { return d.live && !fl.moment(d.plug).live }) {
			return false
		}
	}
	return true
}

func (d *duty) pass(m moment) {
	for _, c := range m.way {
		if m.live && d.wanted[c.node.Instance] {
			d.must[c.node.Instance] = true
		}
	}
}

func (f *flood) moment(plug *Plug) moment {
	way, ok := f.way(plug.At)
	return moment{way, ok && !slices.ContainsFunc(way, func(c crossing) bool { return !c.node.Booted })}
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
	nets := p.disturbed(c, to)
	before := make([]look, len(nets))
	for i, id := range nets {
		before[i] = see(id)
	}
	if p.addressed(c.port, to) {
		worst = unsafe
	}
	places := p.around(c.port, to)
	knotted := p.knotted(places)
	p.g.plugIn(c.port, to)
	if !knotted && p.knotted(places) {
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

// disturbed are the networks that a change may disturb: those that are to pass
// there and those whose frames are now at either place.
func (p *planner) disturbed(c *change, to NetworkID) []NetworkID {
	if c.gateway != "" {
		return c.nets
	}
	nets := some(c.nets)
	for _, at := range p.around(c.port, to) {
		nets = p.g.carried(nets, at)
	}
	return sortedUnique(nets)
}

// around are the networks on both sides of a port, before and after it is plugged in
// elsewhere: where zones are kept apart, other inside legs may lead there then, or not
// any more.
func (p *planner) around(port PortID, to NetworkID) []NetworkID {
	places := append(p.g.beyond(port), p.at(port), to)
	from := p.g.plugIn(port, to)
	places = append(places, p.g.beyond(port)...)
	p.g.plugIn(port, from)
	return places
}

// knotted says whether frames on networks, or on those that lead there, go round in
// a loop, though no host's frames get there.
func (p *planner) knotted(places []NetworkID) bool {
	var all []NetworkID
	for _, id := range places {
		all = p.g.leading(all, id)
	}
	return slices.ContainsFunc(all, func(id NetworkID) bool {
		return p.g.roles[id] != RoleTenant && p.g.flood(id).looped != nil
	})
}

func (p *planner) compare(d *duty, was, is moment) effect {
	if !is.live {
		if was.live {
			return cuts
		}
		return harmless
	}
	passed := map[InstanceID]bool{}
	unproven, astray := false, false
	for _, c := range is.way {
		passed[c.node.Instance] = true
		if was.live && slices.ContainsFunc(was.way, func(x crossing) bool { return x.pair() == c.pair() }) {
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
