package topology

import (
	"cmp"
	"fmt"
	"slices"
)

// Plan lists the steps from have to want, in an order that is safe after each
// single step: everything slow first, with traffic on its old path; then the
// moves that swap traffic, one plug each; then what is no longer needed. It finds
// what an earlier, interrupted run has done, and is empty when nothing is left to
// do. Rules of gateways change between the two, each in one step. Annotations that
// follow from the plugs (Serves, Carries) do not count.
//
// No step makes a loop, joins two networks or lets traffic past a service that
// it passes before and after. A network's traffic is interrupted only in its own
// swaps. Where that is impossible, as when services change places, it is cut
// rather than let past a service.
//
// It is an error when want has other tenant networks or gateway plugs than have,
// is unsafe in itself, or changes what a NIC is for.
func Plan(have, want Fabric) ([]Step, error) {
	c := concerned(have, want)
	return plan(c.cut(c.have), c.cut(c.want))
}

func plan(have, want Fabric) ([]Step, error) {
	have, want = Settle(have), Settle(want)
	p, err := planned(have, want, manner{})
	if err != nil {
		return nil, err
	}
	for _, m := range p.otherManners() {
		if o, err := planned(have, want, m); err == nil && o.betters(p) {
			p = o
		}
	}
	return p.steps, nil
}

// planned makes a plan in one manner.
func planned(have, want Fabric, m manner) (*planner, error) {
	p := &planner{have: newParts(have), want: newParts(want), g: newGraph(have),
		ready: map[pairKey]bool{}, needed: map[pairKey]bool{}, duties: map[NetworkID][]*duty{},
		rules: have.Redirects, members: map[ApplianceID]bool{},
		manner: m, detoured: map[NetworkID]bool{}, stopped: map[NetworkID]bool{}, lost: map[NetworkID]bool{}, aside: map[PortID]bool{}}
	final := newGraph(want)
	if err := p.admit(have, want); err != nil {
		return nil, err
	}
	if bad := final.check(want); len(bad) > 0 {
		return nil, fmt.Errorf("cannot plan towards an unsafe fabric: %s", bad[0])
	}
	p.remember(final)
	p.createNetworks(want)
	p.createAppliances(want)
	p.dropRedirects(have, want)
	p.setRedirects(want)
	p.findMoves(want)
	if err := p.moveAll(); err != nil {
		return nil, err
	}
	p.awaitAll()
	p.setRedirects(want)
	p.endRedirects(want)
	p.restartRest(want)
	p.removeAppliances(p.any)
	p.deleteNetworks(have)
	return p, nil
}

// planner simulates a plan on a graph while writing it down.
type planner struct {
	have, want parts
	g          *graph
	steps      []Step
	pending    []*change
	ready      map[pairKey]bool // pairs known to forward
	needed     map[pairKey]bool // pairs that traffic is to pass
	duties     map[NetworkID][]*duty
	rules      []Redirect           // as they are
	members    map[ApplianceID]bool // of rules as they are wanted

	manner
	detoured map[NetworkID]bool // whose ports took one
	stopped  map[NetworkID]bool // whose ports were moved though it cuts
	lost     map[NetworkID]bool // whose traffic flowed at first, and not all the time
	aside    map[PortID]bool    // legs that were unplugged to let others by
}

func (p *planner) add(s Step) { p.steps = append(p.steps, s) }

func (p *planner) createNetworks(want Fabric) {
	for _, n := range want.Networks {
		if _, ok := p.have.networks[n.ID]; !ok {
			p.g.roles[n.ID] = n.Role
			n := cloneNetwork(n)
			p.add(Step{Verb: CreateNetwork, Network: &n})
		}
	}
}

// createAppliances makes missing ports, then boots what does not run. A running
// appliance that lost a port is booted anew, since it takes a NIC only then.
func (p *planner) createAppliances(want Fabric) {
	var boots []ApplianceID
	for _, a := range inTurn(want.Appliances, p.backwards) {
		n := p.g.nodes[a.ID]
		if n == nil {
			n = p.g.addNode(bare(a))
		}
		missing := slices.DeleteFunc(slices.Clone(a.Legs), func(l Leg) bool { _, ok := p.have.legs[l.Port]; return ok })
		if n.Booted && (len(missing) > 0 || p.restartsFirst(n)) {
			p.shutdown(n)
		}
		p.createPorts(n, missing)
		if !n.Booted {
			boots = append(boots, a.ID)
		}
	}
	for _, id := range boots {
		p.boot(id)
	}
}

// createPorts makes legs, those that cannot be plugged in yet so that they wait unused.
func (p *planner) createPorts(n *node, missing []Leg) {
	missing = slices.Clone(inTurn(missing, p.backwards))
	wanted := p.want.appliances[n.ID]
	legs, steps := len(n.Legs), len(p.steps)
	for {
		if keepsApart(&wanted) { // which shows in how many legs there are
			waits := func(l *Leg) bool { return l.Role == Inside && l.At == "" }
			missing = append(keep(missing, waits), keep(missing, func(l *Leg) bool { return !waits(l) })...)
		}
		unsafe := p.createInTurn(n, missing)
		if unsafe < 0 {
			return
		}
		missing[unsafe].At, missing[unsafe].Serves = "", nil
		for len(n.Legs) > legs {
			p.g.dropLastLeg(n)
		}
		p.steps = p.steps[:steps]
	}
}

// createInTurn makes legs in their order, but last those that cannot be plugged in
// yet: with all the others there, an appliance's ways through are clear. It answers
// which one cannot be even then, or -1.
func (p *planner) createInTurn(n *node, missing []Leg) (unsafe int) {
	var last []int
	for i, l := range missing {
		if !p.createPort(n, l) {
			last = append(last, i)
		}
	}
	for _, i := range last {
		if !p.createPort(n, missing[i]) {
			return i
		}
	}
	return -1
}

// createPort makes a new leg where it is wanted; false when it would be plugged in
// there and that is not safe yet.
func (p *planner) createPort(n *node, l Leg) bool {
	p.g.addLeg(n, l)
	if l.At != "" && p.spoils(n, l) {
		p.g.dropLastLeg(n)
		return false
	}
	who := bare(n.Appliance)
	l.Serves = some(l.Serves)
	p.add(Step{Verb: CreatePort, Appliance: &who, Leg: &l})
	return true
}

// spoils says whether a new leg of an appliance makes a loop, joins networks or
// takes an address that is in use.
func (p *planner) spoils(n *node, l Leg) bool {
	var places []NetworkID
	for _, leg := range n.Legs { // any may lead elsewhere with the new one beside it
		places = append(places, leg.At)
	}
	nets := some(l.Serves)
	for _, at := range places {
		nets = p.g.carried(nets, at)
	}
	return p.knotted(places) || slices.ContainsFunc(sortedUnique(nets), p.bad) || p.addressed(l.Port, l.At)
}

// bad says whether a tenant network's frames go round in a loop or reach a
// network that is not for them.
func (p *planner) bad(id NetworkID) bool {
	fl := p.g.flood(id)
	return fl.looped != nil || p.joins(fl)
}

func (p *planner) joins(fl flood) bool {
	return slices.ContainsFunc(fl.order[1:], func(id NetworkID) bool { return p.g.roles[id] != RoleSegment })
}

func (p *planner) boot(id ApplianceID) {
	n := p.g.nodes[id]
	n.Booted, n.Start = true, p.want.appliances[id].Start
	p.add(Step{Verb: Boot, Appliance: n.now()})
}

func (p *planner) shutdown(n *node) {
	p.add(Step{Verb: Shutdown, Appliance: n.now()})
	n.Booted, n.Start = false, 0
	for _, l := range n.Legs {
		delete(p.ready, pairKey{n.ID, l.Pair})
	}
}

// awaitAll waits for every pair that traffic is to pass, is plugged in as wanted
// and is not known to forward. It says whether there was any.
func (p *planner) awaitAll() bool {
	waited := false
	for _, id := range p.want.order {
		a := p.want.appliances[id]
		n := p.g.nodes[id]
		for _, w := range wires(&a) {
			in, out := a.Legs[w.in], a.Legs[w.out]
			if in.At == "" || out.At == "" || !p.needed[pairKey{id, in.Pair}] || p.ready[pairKey{id, in.Pair}] ||
				p.at(in.Port) != in.At || p.at(out.Port) != out.At {
				continue
			}
			p.ready[pairKey{id, in.Pair}] = true
			p.add(Step{Verb: Await, Appliance: n.now(), Pair: in.Pair})
			waited = true
		}
	}
	return waited
}

func (p *planner) at(port PortID) NetworkID {
	if plug := p.g.plugs[port]; plug != nil {
		return plug.At
	}
	return p.g.legs[port].at()
}

// removeAppliances takes away the appliances that are not wanted, those which
// may go; false when there was none. One that does not run is shut down all the
// same: its remains go with that.
func (p *planner) removeAppliances(may func(*node) bool) bool {
	var gone []*node
	for _, id := range p.have.order {
		_, kept := p.want.appliances[id]
		if n := p.g.nodes[id]; !kept && n != nil && may(n) {
			gone = append(gone, n)
		}
	}
	for _, n := range gone {
		p.shutdown(n)
	}
	for _, n := range gone {
		who := bare(n.Appliance)
		for _, l := range n.Legs {
			l.Serves = some(l.Serves)
			p.add(Step{Verb: DeletePort, Appliance: &who, Leg: &l})
		}
		p.g.dropNode(n)
	}
	return len(gone) > 0
}

func (p *planner) deleteNetworks(have Fabric) {
	for _, n := range have.Networks {
		if _, kept := p.want.networks[n.ID]; !kept && n.Role != RoleTenant {
			n := cloneNetwork(n)
			p.add(Step{Verb: DeleteNetwork, Network: &n})
		}
	}
}

// findMoves lists the ports that are plugged elsewhere than wanted, each
// network's legs before its gateway's plug.
func (p *planner) findMoves(want Fabric) {
	for _, a := range want.Appliances {
		for _, l := range a.Legs {
			if p.at(l.Port) != l.At {
				nets := sortedUnique(append(some(p.have.legs[l.Port].Serves), l.Serves...))
				p.pending = append(p.pending, &change{port: l.Port, to: l.At, appliance: a.ID, nets: nets})
			}
		}
	}
	p.findHandovers()
	for _, g := range want.Gateways {
		for _, plug := range g.Plugs {
			if p.at(plug.Port) != plug.At {
				p.pending = append(p.pending, &change{port: plug.Port, to: plug.At, gateway: g.ID, nets: []NetworkID{plug.Home}})
			}
		}
	}
	slices.SortStableFunc(p.pending, func(a, b *change) int { return cmp.Compare(a.first(), b.first()) })
	p.pending = inTurn(p.pending, p.backwards)
}

func bare(a Appliance) Appliance {
	return Appliance{ID: a.ID, Instance: a.Instance, Side: a.Side, Name: a.Name, Provider: a.Provider}
}

// now is the appliance as it is at this point of the plan.
func (n *node) now() *Appliance {
	a := cloneAppliance(n.Appliance)
	slices.SortFunc(a.Legs, byNIC)
	return &a
}
