package sim

import (
	"context"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// askAgain is how soon an await may be repeated when nothing says otherwise.
const askAgain = 5 * time.Millisecond

// Observe is the tenant's fabric.
func (c *Cloud) Observe(ctx context.Context, tenant topology.TenantID) (f topology.Fabric, err error) {
	err = c.call(ctx, Call{Verb: Observe, Tenant: tenant}, func() error {
		return c.view(func(w *world) error {
			e, err := w.tenant(tenant)
			if err != nil {
				return err
			}
			f = topology.Settle(e.Fabric) // a copy: the caller may do with it what he likes
			return nil
		})
	})
	if err != nil {
		return topology.Fabric{}, err
	}
	return c.lag.behind(f), nil
}

// Do carries out one step other than boot.
func (c *Cloud) Do(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	return c.call(ctx, stepCall(tenant, s), func() error {
		switch s.Verb {
		case topology.Boot:
			return fault.New(fault.Invalid, "a boot needs a server: call Boot")
		case topology.Await:
			return c.await(tenant, s)
		default:
			return c.change(func(w *world) error { return c.apply(w, tenant, s) })
		}
	})
}

// apply changes a tenant's fabric by a step. What is made for a tenant that has
// nothing is its first; with its last all of it goes.
func (c *Cloud) apply(w *world, tenant topology.TenantID, s topology.Step) error {
	e, err := w.tenant(tenant)
	switch {
	case err != nil && removes(s.Verb):
		return nil
	case err != nil && creates(s.Verb):
		e = newEstate(tenant)
	case err != nil:
		return err
	}
	after, err := e.after(s)
	if err != nil {
		return err
	}
	c.watch.look(s, e.Fabric, after)
	c.lag.effect(e.Fabric, c.options.Lag)
	e.Fabric, w.Tenants[tenant] = after, e
	e.stopStrays()
	e.dropCounters()
	w.settle(tenant)
	return nil
}

// after is the tenant's fabric after a step; the estate stays as it is. NotFound
// when the step leans on something that is not there, Invalid when it is
// impossible otherwise.
func (e *estate) after(s topology.Step) (topology.Fabric, error) {
	if err := e.missing(s); err != nil {
		return topology.Fabric{}, err
	}
	f, err := topology.Apply(e.Fabric, s)
	if err != nil {
		return topology.Fabric{}, fault.New(fault.Invalid, "%s", err)
	}
	return f, nil
}

// missing is the thing that a step leans on and that the tenant has not got.
// Apply refuses such a step too, without telling it from one that is nonsense.
func (e *estate) missing(s topology.Step) error {
	switch {
	case s.Verb == topology.CreatePort && s.Leg != nil && !e.plugs(s.Leg.At):
		return fault.New(fault.NotFound, "there is no network %q", s.Leg.At)
	case s.Verb == topology.Move && !e.plugs(s.To):
		return fault.New(fault.NotFound, "there is no network %q", s.To)
	case s.Verb == topology.Move && !e.port(s):
		return fault.New(fault.NotFound, "there is no port %q", s.Port)
	case s.Verb == topology.Boot || s.Verb == topology.Await:
		return e.unported(s.Appliance)
	}
	return nil
}

// plugs says whether a port can be plugged into a network, or be unplugged.
func (e *estate) plugs(at topology.NetworkID) bool {
	return at == "" || slices.ContainsFunc(e.Fabric.Networks, func(n topology.Network) bool { return n.ID == at })
}

func (e *estate) port(s topology.Step) bool {
	if s.Appliance != nil {
		a, ok := e.appliance(s.Appliance.ID)
		return ok && slices.ContainsFunc(a.Legs, func(l topology.Leg) bool { return l.Port == s.Port })
	}
	return slices.ContainsFunc(e.Fabric.Gateways, func(g topology.Gateway) bool {
		return g.ID == s.Gateway && slices.ContainsFunc(g.Plugs, func(p topology.Plug) bool { return p.Port == s.Port })
	})
}

// unported names the first port of a wanted appliance that does not exist.
func (e *estate) unported(want *topology.Appliance) error {
	if want == nil {
		return nil // Apply says so
	}
	have, ok := e.appliance(want.ID)
	if !ok {
		return fault.New(fault.NotFound, "appliance %q has no ports", want.ID)
	}
	for _, l := range want.Legs {
		if !slices.ContainsFunc(have.Legs, func(h topology.Leg) bool { return h.Port == l.Port }) {
			return fault.New(fault.NotFound, "appliance %q has no port %q", want.ID, l.Port)
		}
	}
	return nil
}

func (e *estate) appliance(id topology.ApplianceID) (topology.Appliance, bool) {
	for _, a := range e.Fabric.Appliances {
		if a.ID == id {
			return a, true
		}
	}
	return topology.Appliance{}, false
}

func creates(v topology.Verb) bool { return v == topology.CreateNetwork || v == topology.CreatePort }

func removes(v topology.Verb) bool {
	return v == topology.Shutdown || v == topology.DeletePort || v == topology.DeleteNetwork
}

// await answers nil once a probe passes through a pair of legs that are plugged
// where the step has them.
func (c *Cloud) await(tenant topology.TenantID, s topology.Step) error {
	var notYet *cloud.NotYet
	err := c.change(func(w *world) error {
		e, err := w.tenant(tenant)
		if err != nil {
			return err
		}
		if _, err := e.after(s); err != nil {
			return err
		}
		notYet = e.probe(s, c.options)
		return nil
	})
	if err == nil && notYet != nil {
		return notYet
	}
	return err
}

func (e *estate) probe(s topology.Step, o Options) *cloud.NotYet {
	have, _ := e.appliance(s.Appliance.ID)
	for _, l := range s.Appliance.Legs {
		misplaced := func(h topology.Leg) bool { return h.Port == l.Port && h.At != l.At }
		if l.Pair == s.Pair && slices.ContainsFunc(have.Legs, misplaced) {
			return &cloud.NotYet{Reason: "port " + string(l.Port) + " of " + have.Name + " is plugged in elsewhere", After: askAgain}
		}
	}
	m := e.Machines[have.ID]
	if m.forwards(o) {
		return nil
	}
	m.Awaits++
	return &cloud.NotYet{Reason: "no probe came through " + have.Name + " yet", After: max(askAgain, m.remaining(o))}
}
