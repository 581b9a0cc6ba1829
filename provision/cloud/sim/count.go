package sim

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

var _ cloud.Counting = (*Cloud)(nil)

// echo is a packet of ping with its headers.
var echo = topology.Traffic{Bytes: 98, Packets: 1}

// Counters are what has passed an appliance's legs: echoes of Trace, and what Carry says.
func (c *Cloud) Counters(ctx context.Context, tenant topology.TenantID, id topology.ApplianceID) (counters []topology.Counter, err error) {
	err = c.call(ctx, Call{Verb: Counters, Tenant: tenant}, func() error {
		return c.change(func(w *world) error {
			e, err := w.tenant(tenant)
			if err != nil {
				return err
			}
			a, _ := e.appliance(id)
			for _, l := range a.Legs {
				counters = append(counters, *e.counter(l))
			}
			return nil
		})
	})
	return counters, err
}

// Carry has a leg receive and send, beside what it has. NotFound when there is no such leg.
func (c *Cloud) Carry(tenant topology.TenantID, port topology.PortID, received, sent topology.Traffic) error {
	return c.onCounter(tenant, port, func(n *topology.Counter) {
		n.Received, n.Sent = n.Received.And(received), n.Sent.And(sent)
	})
}

// ForgetCount has the count of a leg begin anew, as the machine that counts does when it is
// started. NotFound when there is no such leg.
func (c *Cloud) ForgetCount(tenant topology.TenantID, port topology.PortID) error {
	return c.onCounter(tenant, port, func(n *topology.Counter) {
		n.Series, n.Received, n.Sent = rand.Text(), topology.Traffic{}, topology.Traffic{}
	})
}

func (c *Cloud) onCounter(tenant topology.TenantID, port topology.PortID, do func(*topology.Counter)) error {
	return c.change(func(w *world) error {
		if e := w.Tenants[tenant]; e != nil {
			for _, a := range e.Fabric.Appliances {
				if n := slices.IndexFunc(a.Legs, func(l topology.Leg) bool { return l.Port == port }); n >= 0 {
					do(e.counter(a.Legs[n]))
					return nil
				}
			}
		}
		return fault.New(fault.NotFound, "tenant %q has no leg %q", tenant, port)
	})
}

// counter is that of a leg.
func (e *estate) counter(l topology.Leg) *topology.Counter {
	if e.Counters == nil {
		e.Counters = map[topology.PortID]*topology.Counter{}
	}
	if e.Counters[l.Port] == nil {
		e.Counters[l.Port] = &topology.Counter{Port: l.Port, Role: l.Role, Series: rand.Text()}
	}
	return e.Counters[l.Port]
}

// count counts an echo that passed appliances on its way, and its answer.
func (e *estate) count(way topology.Route, passed []topology.ApplianceID, answered bool) {
	for n, hop := range way {
		a, ok := e.appliance(hop.Appliance)
		if !ok || hop.Appliance == "" || !slices.Contains(passed, hop.Appliance) {
			continue
		}
		near, far := e.end(a, topology.Inside, way, n-1), e.end(a, topology.Outside, way, n+1)
		if near == nil || far == nil {
			continue
		}
		near.Received, far.Sent = near.Received.And(echo), far.Sent.And(echo)
		if answered {
			far.Received, near.Sent = far.Received.And(echo), near.Sent.And(echo)
		}
	}
}

// end is the counter of the leg by which a packet enters or leaves an appliance: the one in the
// network that it comes from or goes to, else the first of its role.
func (e *estate) end(a topology.Appliance, role topology.LegRole, way topology.Route, hop int) *topology.Counter {
	at := -1
	if hop >= 0 && hop < len(way) {
		at = slices.IndexFunc(a.Legs, func(l topology.Leg) bool { return l.At != "" && l.At == way[hop].Network })
	}
	if at < 0 {
		at = slices.IndexFunc(a.Legs, func(l topology.Leg) bool { return l.Role == role })
	}
	if at < 0 {
		return nil
	}
	return e.counter(a.Legs[at])
}

// dropCounters forgets those of legs that are no more.
func (e *estate) dropCounters() {
	if len(e.Counters) == 0 {
		return
	}
	there := map[topology.PortID]bool{}
	for _, a := range e.Fabric.Appliances {
		for _, l := range a.Legs {
			there[l.Port] = true
		}
	}
	maps.DeleteFunc(e.Counters, func(port topology.PortID, _ *topology.Counter) bool { return !there[port] })
}
