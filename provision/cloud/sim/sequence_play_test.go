package sim_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// play plays one script on a cloud of its own. The planner and the hands that do
// its steps can be others than the real ones, to see that it is noticed.
type play struct {
	ctx    context.Context
	sim    *sim.Cloud
	hands  hands
	plan   func(have, want topology.Fabric) ([]topology.Step, error)
	awaits int
	houses [2]*household
	told   count
}

// hands do steps.
type hands interface {
	Do(context.Context, topology.TenantID, topology.Step) error
	Boot(context.Context, topology.TenantID, topology.Appliance, cloud.Server) error
}

// count is what was played.
type count struct{ requests, refused, steps, looks, trips int }

func (c *count) add(o count) {
	c.requests, c.refused, c.steps, c.looks, c.trips = c.requests+o.requests, c.refused+o.refused, c.steps+o.steps, c.looks+o.looks, c.trips+o.trips
}

func newPlay(ctx context.Context, s script) *play {
	c := newSim(s.awaits)
	return &play{ctx: ctx, sim: c, hands: c, plan: topology.Plan, awaits: s.awaits}
}

// run plays a script to its end, at which nothing is left of it.
func (p *play) run(s script) error {
	for i, l := range s.lots {
		h := &household{id: names[i]}
		if err := l.build(p, h.id); err != nil {
			return err
		}
		h.first = p.observe(h.id)
		for _, n := range h.first.Networks {
			h.networks = append(h.networks, n.ID)
		}
		p.houses[i] = h
	}
	for i, a := range s.asks {
		if err := p.request(p.houses[a.tenant], a); err != nil {
			return fmt.Errorf("request %d, tenant %s: %s: %w", i+1, names[a.tenant], a.what, err)
		}
	}
	for _, h := range p.houses {
		h.services = nil
		if _, err := p.converge(h, ask{what: "remove all"}); err != nil {
			return fmt.Errorf("tenant %s: remove all: %w", h.id, err)
		}
		if got := p.observe(h.id); !reflect.DeepEqual(h.first, got) {
			return fmt.Errorf("tenant %s has not got back what it had:\n%+v\n%+v", h.id, h.first, got)
		}
	}
	return nil
}

// observe is a tenant's fabric; a cloud without faults says it.
func (p *play) observe(t topology.TenantID) topology.Fabric {
	f, _ := p.sim.Observe(p.ctx, t)
	return f
}

func (p *play) request(h *household, a ask) error {
	was := h.services
	services, ok := h.asked(a)
	if !ok {
		return nil
	}
	p.told.requests++
	h.services = services
	if a.what == "die" {
		p.kill(h, a)
	}
	done, err := p.converge(h, a)
	if !done {
		h.services = was
	}
	return err
}

// kill ends the machine of one of a household's appliances, if any runs.
func (p *play) kill(h *household, a ask) {
	if all := p.observe(h.id).Appliances; len(all) > 0 {
		_ = p.sim.KillAppliance(h.id, all[a.pick[1]%len(all)].ID)
	}
}

// converge makes the cloud what the household's services need; false when that was
// refused or undone.
func (p *play) converge(h *household, a ask) (bool, error) {
	have := p.observe(h.id)
	want, err := topology.Compose(topology.Base(have), h.services)
	if err != nil {
		p.told.refused++
		return false, nil
	}
	other := p.houses[1]
	if other == h {
		other = p.houses[0]
	}
	theirs := p.observe(other.id)
	g, complaints := newGuard(p, h, theirs, have, want), len(p.sim.Violations())
	done, err := p.carry(h, a, g, have, want)
	if err != nil {
		return false, err
	}
	aim := have
	if done {
		aim = want
		err = g.arrived()
	}
	switch now := p.observe(h.id); {
	case err != nil:
	case !reflect.DeepEqual(aim, now):
		err = fmt.Errorf("what there is, is not what should be:\n%+v\n%+v", aim, now)
	case !reflect.DeepEqual(theirs, p.observe(other.id)):
		err = fmt.Errorf("it changed what tenant %s has", other.id)
	case len(p.sim.Violations()) > complaints && !g.excused():
		err = fmt.Errorf("the cloud complains: %s", p.sim.Violations()[complaints])
	}
	return done, err
}

// carry does the steps from have to want, with a failure on the way if that is what
// was asked for; false when they were undone.
func (p *play) carry(h *household, a ask, g *guard, have, want topology.Fabric) (bool, error) {
	steps, err := p.plan(have, want)
	if err != nil {
		return false, fmt.Errorf("cannot plan: %w", err)
	}
	for i, s := range steps {
		if a.trip == smooth || i != a.at%len(steps) {
			if err := p.step(h, g, s); err != nil {
				return false, err
			}
			continue
		}
		p.told.trips++
		if err := p.stumble(h, g, s, a.trip.after()); err != nil {
			return false, err
		}
		switch {
		case a.trip.undone():
			return false, p.undo(h, g, steps[:i+1])
		case a.trip.anew():
			a.trip = smooth
			if done, err := p.carry(h, a, g, p.observe(h.id), want); err != nil {
				return done, err
			}
			p.settleDown(h) // a machine in its place that runs again is not waited for
			return true, nil
		}
		if err := p.step(h, g, s); err != nil {
			return false, err
		}
	}
	return true, nil
}

// step does one, for as long as it takes, and looks around.
func (p *play) step(h *household, g *guard, s topology.Step) error {
	p.told.steps++
	for range 10 {
		err := p.do(h.id, s)
		var notYet *cloud.NotYet
		if errors.As(err, &notYet) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		return g.look(s)
	}
	return fmt.Errorf("%s: it never comes up", s)
}

func (p *play) do(tenant topology.TenantID, s topology.Step) error {
	if s.Verb == topology.Boot {
		return p.hands.Boot(p.ctx, tenant, *s.Appliance, server())
	}
	return p.hands.Do(p.ctx, tenant, s)
}

// stumble has a step fail, before or after its effect.
func (p *play) stumble(h *household, g *guard, s topology.Step, after bool) error {
	when := sim.BeforeEffect
	if after {
		when = sim.AfterEffect
	}
	p.sim.Inject(sim.Fault{When: when})
	err := p.do(h.id, s)
	p.sim.Heal()
	if err == nil {
		return fmt.Errorf("%s: it was to fail and did not", s)
	}
	return g.look(s)
}

// undo takes steps back, the last first. What is booted anew for it comes up later.
func (p *play) undo(h *household, g *guard, done []topology.Step) error {
	g.turn()
	for _, s := range slices.Backward(done) {
		back, ok := s.Inverse()
		if !ok {
			continue
		}
		g.unready = g.unready || back.Verb == topology.Boot
		if err := p.step(h, g, back); err != nil {
			return fmt.Errorf("undo of %s: %w", s, err)
		}
	}
	p.settleDown(h)
	return nil
}

// settleDown waits until all that runs forwards.
func (p *play) settleDown(h *household) {
	for _, a := range p.observe(h.id).Appliances {
		for range p.awaits {
			for _, l := range a.Legs {
				_ = p.sim.Do(p.ctx, h.id, topology.Step{Verb: topology.Await, Appliance: &a, Pair: l.Pair}) // one that is not plugged in cannot be asked
			}
		}
	}
}
