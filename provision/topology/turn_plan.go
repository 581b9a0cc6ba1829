package topology

import (
	"fmt"
	"slices"
)

// admitTurns trusts the members of rules, as an earlier run waited for them, and
// refuses to move one elsewhere while flows are sent through it.
func (p *planner) admitTurns(have, want Fabric) error {
	for _, r := range want.Redirects {
		for _, m := range r.Members {
			p.members[m.Appliance] = true
			p.need(m)
		}
	}
	for _, r := range have.Redirects {
		for _, m := range r.Members {
			a := p.have.appliances[m.Appliance]
			for _, w := range wires(&a) {
				if a.Booted && have.unfit(m) == "" && a.Legs[w.in].At == m.Inside {
					p.ready[pairKey{a.ID, a.Legs[w.in].Pair}] = true
				}
			}
			if p.leaves(m) && (want.redirect(r.ID) != nil || p.inUse(m)) {
				return fmt.Errorf("%s cannot be plugged in elsewhere while a gateway sends flows through it: make another generation of it", a.label())
			}
		}
	}
	return nil
}

// leaves says whether a member is to be plugged in elsewhere.
func (p *planner) leaves(m Member) bool {
	a, kept := p.want.appliances[m.Appliance]
	return kept && !slices.ContainsFunc(wires(&a), func(w wire) bool {
		return a.Legs[w.in].At == m.Inside && a.Legs[w.out].At == m.Outside
	})
}

// inUse says whether an appliance is to be plugged in anywhere for traffic.
func (p *planner) inUse(m Member) bool {
	return slices.ContainsFunc(p.want.appliances[m.Appliance].Legs, func(l Leg) bool { return l.Role == Inside && l.At != "" })
}

// turns says whether a gateway sends flows through an appliance.
func (p *planner) turns(a ApplianceID) bool {
	f := Fabric{Redirects: p.rules}
	return f.member(a)
}

// dropRedirects takes the rules away that are to go and whose members are to be
// plugged in elsewhere.
func (p *planner) dropRedirects(have, want Fabric) {
	p.rules = slices.DeleteFunc(some(have.Redirects), func(was Redirect) bool {
		gone := want.redirect(was.ID) == nil && slices.ContainsFunc(was.Members, p.leaves)
		if gone {
			p.add(Step{Verb: SetRedirect, Was: &was, Serves: []NetworkID{was.Network}})
		}
		return gone
	})
}

// setRedirects makes and changes the rules whose members are in their places, once
// they are known to forward. It comes before the moves, so that what leaves a path
// has its flows by then, and after them for members that had to be plugged in.
func (p *planner) setRedirects(want Fabric) {
	for i := range want.Redirects {
		will := &want.Redirects[i]
		at := slices.IndexFunc(p.rules, func(r Redirect) bool { return r.ID == will.ID })
		var was *Redirect
		if at >= 0 {
			old := p.rules[at]
			was = &old
		}
		if same(was, will) || slices.ContainsFunc(will.Members, func(m Member) bool { return !p.inPlace(m) }) {
			continue
		}
		p.awaitAll()
		p.add(Step{Verb: SetRedirect, Was: was, Redirect: will, Serves: will.moves(was)})
		if at >= 0 {
			p.rules[at] = *will
		} else {
			p.rules = append(p.rules, *will)
		}
	}
}

// inPlace says whether a member is plugged in between its segments now.
func (p *planner) inPlace(m Member) bool {
	n := p.g.nodes[m.Appliance]
	return n != nil && slices.ContainsFunc(n.wires, func(w wire) bool { return n.Legs[w.in].At == m.Inside && n.Legs[w.out].At == m.Outside })
}

// endRedirects takes the other rules away that are not wanted.
func (p *planner) endRedirects(want Fabric) {
	for _, was := range p.rules {
		if want.redirect(was.ID) == nil {
			p.add(Step{Verb: SetRedirect, Was: &was, Serves: []NetworkID{was.Network}})
		}
	}
	p.rules = want.Redirects
}

// need notes the pair through which a member is to get flows.
func (p *planner) need(m Member) {
	a := p.want.appliances[m.Appliance]
	for _, w := range wires(&a) {
		if a.Legs[w.in].At == m.Inside && a.Legs[w.out].At == m.Outside {
			p.needed[pairKey{a.ID, a.Legs[w.in].Pair}] = true
		}
	}
}

// moves are the networks of which flows go another way than before: none when
// members only join, since a flow stays with its own.
func (r *Redirect) moves(was *Redirect) []NetworkID {
	if was != nil && was.Match.String() == r.Match.String() && !slices.ContainsFunc(was.Members, func(m Member) bool { return !slices.Contains(r.Members, m) }) {
		return nil
	}
	return []NetworkID{r.Network}
}

// stalled are the rules of which no member takes flows. One that has none was made
// so: the service is to have the flows and cannot, and they are to stop.
func stalled(f Fabric) []Violation {
	var found []Violation
	for _, r := range f.Redirects {
		takes := func(m Member) bool { return f.unfit(m) == "" && f.appliance(m.Appliance).Booted }
		if len(r.Members) > 0 && !slices.ContainsFunc(r.Members, takes) {
			found = append(found, Violation{Fault: Stalled, Network: r.Network, Service: r.Members[0].Appliance})
		}
	}
	return found
}

// leaked are the flows that a service has before and after a change and has not now.
func leaked(have, now, want Fabric) []Violation {
	var found []Violation
	for _, r := range want.Redirects {
		was, is := have.redirect(r.ID), now.redirect(r.ID)
		if was != nil && was.Match.String() == r.Match.String() && (is == nil || is.Match.String() != r.Match.String()) {
			found = append(found, Violation{Fault: Bypassed, Network: r.Network, Service: ApplianceOf(r.Instance, 0)})
		}
	}
	return found
}
