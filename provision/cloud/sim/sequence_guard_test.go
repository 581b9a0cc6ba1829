package sim_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// guard looks at the whole cloud after every step of a request. It follows frames
// by itself: nothing here leans on what package topology thinks is safe.
type guard struct {
	p       *play
	h       *household
	theirs  topology.Fabric // the other tenant's, which does not change
	eyes    []*eye
	rules   []*rule
	broken  bool // something does not run to begin with
	unready bool // something was booted for an undo, and nobody waits for it
}

// eye is on one tenant network's traffic to one port of a gateway.
type eye struct {
	network       topology.NetworkID
	port          topology.PortID
	before, after []topology.InstanceID // whom traffic passes, from the hosts on
	stays         []topology.InstanceID // before and after
	must          map[topology.InstanceID]bool
	excuse        string // why traffic may stop meanwhile; empty: it may not
}

// rule is on flows of one network that a service has before and after.
type rule struct {
	id     topology.RedirectID
	match  string
	excuse bool // its members may all stop meanwhile
}

func newGuard(p *play, h *household, theirs, have, want topology.Fabric) *guard {
	g := &guard{p: p, h: h, theirs: theirs}
	m := g.streets()
	for _, gw := range have.Gateways {
		for _, plug := range gw.Plugs {
			way, _ := m.way(plug.Home, plug.At)
			e := &eye{network: plug.Home, port: plug.Port, must: map[topology.InstanceID]bool{}, after: h.chain(plug.Home)}
			for _, a := range way {
				e.before = append(e.before, a.Instance)
				if slices.Contains(e.after, a.Instance) {
					e.stays = append(e.stays, a.Instance)
				}
			}
			e.reset()
			e.excuse = excuse(g, e, way, want)
			g.eyes = append(g.eyes, e)
		}
	}
	for i := range have.Appliances {
		g.broken = g.broken || !g.forwards(&have.Appliances[i])
	}
	for _, was := range have.Redirects {
		for _, will := range want.Redirects {
			if was.ID == will.ID && was.Match.String() == will.Match.String() {
				g.rules = append(g.rules, &rule{id: was.ID, match: was.Match.String(), excuse: stalls(g, was, will, want)})
			}
		}
	}
	return g
}

// reset forgets whom traffic has come to pass meanwhile.
func (e *eye) reset() {
	clear(e.must)
	for _, id := range e.stays {
		e.must[id] = true
	}
}

// turn expects the way back.
func (g *guard) turn() {
	for _, e := range g.eyes {
		e.reset()
		e.before, e.after = e.after, e.before
	}
}

// streets are those of both tenants now.
func (g *guard) streets() *streets { return streetsOf(g.p.observe(g.h.id), g.theirs) }

// chain is whom a network's traffic is to pass, as the requests say.
func (h *household) chain(n topology.NetworkID) []topology.InstanceID {
	type place struct {
		provider bool // outermost
		rank     int
		id       topology.InstanceID
	}
	var places []place
	for _, s := range h.services {
		for _, st := range s.Stitches {
			if st.Network == n && !st.Bypassed && s.Mode == topology.InPath {
				places = append(places, place{s.Provider, st.Rank, s.Instance})
			}
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		switch {
		case a.provider == b.provider:
			return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.id, b.id))
		case a.provider:
			return 1
		}
		return -1
	})
	var ids []topology.InstanceID
	for _, p := range places {
		ids = append(ids, p.id)
	}
	return ids
}

// excuse says why a network's traffic has to stop: services change places, one is
// restarted or its standby takes over, or it does not run to begin with.
func excuse(g *guard, e *eye, way []*topology.Appliance, want topology.Fabric) string {
	kept := func(list []topology.InstanceID) []topology.InstanceID {
		return slices.DeleteFunc(slices.Clone(list), func(id topology.InstanceID) bool { return !e.must[id] })
	}
	if !slices.Equal(kept(e.before), kept(e.after)) {
		return "services change places"
	}
	for _, a := range way {
		if !g.forwards(a) {
			return "it does not run"
		}
		for _, w := range want.Appliances {
			if w.ID == a.ID && w.Start != a.Start {
				return "it is restarted"
			}
			if w.ID == a.ID && e.must[a.Instance] && !plugged(&w) {
				return "its standby takes over"
			}
		}
	}
	return ""
}

func plugged(a *topology.Appliance) bool {
	return slices.ContainsFunc(a.Legs, func(l topology.Leg) bool { return l.Role == topology.Inside && l.At != "" })
}

// stalls says whether no member that runs now goes on taking flows all the time.
func stalls(g *guard, was, will topology.Redirect, want topology.Fabric) bool {
	have := g.p.observe(g.h.id)
	return !slices.ContainsFunc(was.Members, func(m topology.Member) bool {
		a, b := machineOf(have, m.Appliance), machineOf(want, m.Appliance)
		switch {
		case a == nil || !g.forwards(a):
			return false
		case !slices.Contains(will.Members, m):
			return len(will.Members) > 0 // it hands over to one that is ready
		}
		return b != nil && a.Start == b.Start
	})
}

func machineOf(f topology.Fabric, id topology.ApplianceID) *topology.Appliance {
	for i := range f.Appliances {
		if f.Appliances[i].ID == id {
			return &f.Appliances[i]
		}
	}
	return nil
}

// forwards says whether an appliance's machine has come up.
func (g *guard) forwards(a *topology.Appliance) bool {
	m, ok := g.p.sim.Machine(g.h.id, a.ID)
	return ok && !m.Hung && m.Awaits >= g.p.awaits
}

// excused says whether any traffic may stop.
func (g *guard) excused() bool {
	return g.unready || g.broken || slices.ContainsFunc(g.eyes, func(e *eye) bool { return e.excuse != "" }) ||
		slices.ContainsFunc(g.rules, func(r *rule) bool { return r.excuse })
}

// look says what is wrong after a step.
func (g *guard) look(after topology.Step) error {
	g.p.told.looks++
	m := g.streets()
	err := m.tree(g.h.id)
	for _, e := range g.eyes {
		if err == nil {
			err = g.watch(m, e)
		}
	}
	for _, r := range g.rules {
		if err == nil {
			err = g.enforced(m, r)
		}
	}
	if err != nil {
		return fmt.Errorf("after %q: %w", after.String(), err)
	}
	return nil
}

// watch says whether one network's traffic passes whom it must.
func (g *guard) watch(m *streets, e *eye) error {
	plug := m.plugs[e.port]
	way, open := m.way(e.network, plug.At)
	var passed []topology.InstanceID
	live := open
	for _, a := range way {
		live = live && g.forwards(a)
		passed = append(passed, a.Instance)
	}
	switch {
	case !live && (e.excuse != "" || g.unready):
		return nil
	case !lives(plug, m.networks[plug.At]):
		return fmt.Errorf("port %s cannot have its addresses %v on %s with the ranges %v", plug.Port, plug.Addresses, plug.At, m.networks[plug.At].Subnets)
	case !live:
		return fmt.Errorf("hosts of %s do not reach port %s (%v, %v)", e.network, e.port, passed, open)
	}
	for id := range e.must {
		if !slices.Contains(passed, id) {
			return fmt.Errorf("traffic of %s gets past %s to port %s", e.network, id, e.port)
		}
	}
	if !ordered(passed, e.before) && !ordered(passed, e.after) {
		return fmt.Errorf("traffic of %s passes %v, which is neither the order before, %v, nor after, %v", e.network, passed, e.before, e.after)
	}
	for _, id := range passed {
		if slices.Contains(e.after, id) {
			e.must[id] = true // and never gets past it again
		}
	}
	return nil
}

// ordered says whether the services that both lists have are in the same order.
func ordered(a, b []topology.InstanceID) bool {
	common := func(list, other []topology.InstanceID) []topology.InstanceID {
		return slices.DeleteFunc(slices.Clone(list), func(id topology.InstanceID) bool { return !slices.Contains(other, id) })
	}
	return slices.Equal(common(a, b), common(b, a))
}

// enforced says whether flows that a service has before and after go through it now.
func (g *guard) enforced(m *streets, r *rule) error {
	is := m.rules[r.id]
	if is == nil || is.Match.String() != r.match {
		return fmt.Errorf("flows %s get past the service of rule %s", r.match, r.id)
	}
	takes := func(member topology.Member) bool {
		a := m.appliances[member.Appliance]
		return a != nil && g.forwards(a) && slices.ContainsFunc(wiresOf(a), func(w wire) bool {
			return a.Legs[w.in].At == member.Inside && a.Legs[w.out].At == member.Outside
		})
	}
	if len(is.Members) > 0 && !r.excuse && !g.unready && !slices.ContainsFunc(is.Members, takes) {
		return fmt.Errorf("rule %s sends flows nowhere", r.id)
	}
	return nil
}

// arrived says whether at the end of a request all traffic goes as was asked for,
// by the cloud's own word too.
func (g *guard) arrived() error {
	m := g.streets()
	for _, e := range g.eyes {
		way, open := m.way(e.network, m.plugs[e.port].At)
		var passed []topology.InstanceID
		for _, a := range way {
			passed = append(passed, a.Instance)
			open = open && g.forwards(a)
		}
		if !open || !slices.Equal(passed, e.after) {
			return fmt.Errorf("traffic of %s to port %s passes %v in the end and not %v (%v)", e.network, e.port, passed, e.after, open)
		}
	}
	hosts, err := g.p.sim.Hosts(g.p.ctx, g.h.id)
	for _, h := range hosts {
		_, reached, traced := g.p.sim.Trace(g.p.ctx, g.h.id, h.Name)
		if err == nil && (traced != nil || !reached) {
			err = fmt.Errorf("host %s does not reach its gateway: %w", h.Name, traced)
		}
	}
	return err
}

// lives says whether a gateway's port can have its addresses where it is plugged in.
func lives(p topology.Plug, n topology.Network) bool {
	return !slices.ContainsFunc(p.Addresses, func(a netip.Prefix) bool {
		return !slices.ContainsFunc(n.Subnets, func(s topology.Subnet) bool { return s.CIDR == a.Masked() })
	})
}
