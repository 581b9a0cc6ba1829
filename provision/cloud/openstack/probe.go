package openstack

import (
	"context"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// askAgain is how soon an await is worth repeating.
const askAgain = 2 * time.Second

// await answers nil once Nova has the appliance running and Neutron both ends of the
// pair wired. See Probe for what that does not tell.
func (v *view) await(f topology.Fabric, want topology.Appliance, pair int) error {
	for _, a := range f.Appliances {
		if a.ID != want.ID {
			continue
		}
		for _, l := range a.Legs {
			for _, w := range want.Legs {
				if w.Port == l.Port && w.Pair == pair && w.At != l.At {
					return &cloud.NotYet{Reason: fmt.Sprintf("port %s of %s is plugged in elsewhere", l.Port, a.Name), After: askAgain}
				}
			}
			if down := v.down(l); l.Pair == pair && down {
				return &cloud.NotYet{Reason: fmt.Sprintf("the cloud has not wired port %s of %s yet", l.Port, a.Name), After: askAgain}
			}
		}
	}
	return nil
}

// down says whether the cloud has a plugged leg that carries nothing.
func (v *view) down(l topology.Leg) bool {
	if l.At == "" {
		return false
	}
	for _, p := range v.ports {
		if p.mark.Kind == kindLeg && p.mark.ID == string(l.Port) && v.isLeg(p) {
			return p.Status != "ACTIVE"
		}
	}
	return true
}

// Probe says how an appliance is, as far as Nova and Neutron know: the broker has no
// way into the tenants' networks, so an appliance that runs and does not forward is
// found out by its management address or not at all. That OVN's northbound database is
// away says nothing of an appliance. See cloud.Cloud.
func (d *Driver) Probe(ctx context.Context, tenant topology.TenantID, id topology.ApplianceID) (cloud.Pulse, error) {
	v, err := d.glance(ctx, tenant)
	if err != nil {
		return cloud.Pulse{}, err
	}
	f, err := v.fabric()
	if err != nil {
		return cloud.Pulse{}, err
	}
	if isEmpty(f) {
		return cloud.Pulse{}, fault.New(fault.NotFound, "tenant %q has no networks here", tenant)
	}
	for _, a := range f.Appliances {
		if a.ID != id || !a.Booted {
			continue
		}
		pulse := cloud.Pulse{Running: true, Start: a.Start}
		for _, l := range a.Legs {
			if l.Role != topology.Management && v.down(l) {
				pulse.Stuck = fmt.Sprintf("the cloud has port %s of %s down", l.Port, a.Name)
			}
		}
		return pulse, nil
	}
	return cloud.Pulse{}, nil
}
