package sim

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Probe says how an appliance is. One that comes up only after so many awaits
// counts this as one.
func (c *Cloud) Probe(ctx context.Context, tenant topology.TenantID, id topology.ApplianceID) (pulse cloud.Pulse, err error) {
	err = c.call(ctx, Call{Verb: Probe, Tenant: tenant}, func() error {
		return c.change(func(w *world) error {
			e, err := w.tenant(tenant)
			if err != nil {
				return err
			}
			a, _ := e.appliance(id)
			m := e.Machines[id]
			if m == nil {
				return nil
			}
			pulse = cloud.Pulse{Running: true, Start: a.Start}
			if between(a) && !m.forwards(c.options) {
				pulse.Stuck = "no probe came through " + a.Name
				m.Awaits++
			}
			return nil
		})
	})
	return pulse, err
}

// between says whether an appliance is plugged in at both ends of a pair.
func between(a topology.Appliance) bool {
	plugged := func(role topology.LegRole) bool {
		return slices.ContainsFunc(a.Legs, func(l topology.Leg) bool { return l.Role == role && l.At != "" })
	}
	return plugged(topology.Inside) && plugged(topology.Outside)
}
