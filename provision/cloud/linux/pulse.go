//go:build linux

package linux

import (
	"context"
	"fmt"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Probe says how an appliance is. See cloud.Cloud.
func (c *Cloud) Probe(ctx context.Context, tenant topology.TenantID, id topology.ApplianceID) (pulse cloud.Pulse, err error) {
	err = c.withFabric(tenant, func(v *view) error {
		a, err := v.appliance(id)
		if err != nil {
			return err
		}
		pulse.Start, pulse.Running, err = c.machines.running(machine{tenant, a})
		if err != nil || !pulse.Running {
			return err
		}
		pulse.Stuck, err = v.stuck(ctx, a)
		return err
	})
	return pulse, err
}

// appliance is one of the tenant's, with its legs as far as there are any.
func (v *view) appliance(id topology.ApplianceID) (topology.Appliance, error) {
	a := topology.Appliance{ID: id}
	for _, l := range v.all(kindLeg) {
		f, err := facts[legFacts](l.tag)
		if err != nil {
			return a, err
		}
		if f.Appliance == id {
			f.Leg.At = v.at(l)
			a.Instance, a.Side, a.Name, a.Legs = f.Instance, f.Side, f.Name, append(a.Legs, f.Leg)
		}
	}
	return a, nil
}

// stuck says through which pair of legs no probe passes. The probes of a pair always
// come from the same addresses: who looks every second must not fill the tables of
// bridges and appliances with addresses.
func (v *view) stuck(ctx context.Context, a topology.Appliance) (string, error) {
	f := topology.Fabric{Appliances: []topology.Appliance{a}}
	for _, l := range a.Legs {
		if l.Role != topology.Inside || l.At == "" {
			continue
		}
		p, ok := v.pairOf(f, a.ID, l.Pair)
		if !ok || v.at(p.out) == "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		passed, err := v.through(p, func(t *passage) (bool, error) {
			own := func(way string) []string {
				return []string{"pulse", v.cloud.scope, string(v.tenant), string(l.Port), way}
			}
			out, err := t.outwardFrom(macOf(own("out")...))
			if err != nil || !out {
				return false, err
			}
			return t.inwardFrom(macOf(own("in")...))
		})
		if err != nil {
			return "", err
		}
		if !passed {
			return fmt.Sprintf("no probe came through %s between %s and %s", a.Name, l.At, v.at(p.out)), nil
		}
	}
	return "", nil
}
