package openstack

import (
	"context"
	"errors"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Do carries out one step. See cloud.Cloud.
func (d *Driver) Do(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	return d.counted(ctx, d.do(ctx, tenant, s))
}

func (d *Driver) do(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	if s.Verb == topology.Boot {
		return fault.New(fault.Invalid, "an appliance is booted by Boot, which knows its disks")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	v, f, err := d.before(ctx, tenant, s)
	if err != nil {
		if removes(s.Verb) && errors.Is(err, fault.NotFound) {
			return nil // a tenant that is no project has nothing
		}
		return err
	}
	switch s.Verb {
	case topology.CreateNetwork:
		if d.shares(*s.Network) {
			return v.makePart(ctx, *s.Network)
		}
		return v.makeNetwork(ctx, *s.Network)
	case topology.DeleteNetwork:
		return v.removeNetwork(ctx, s.Network.ID)
	case topology.CreatePort:
		return v.makeLeg(ctx, *s.Appliance, *s.Leg)
	case topology.DeletePort:
		if err := v.leave(ctx, s.Leg.Port); err != nil {
			return err
		}
		return v.removeLeg(ctx, s.Leg.Port)
	case topology.Shutdown:
		return v.stop(ctx, s)
	case topology.Await:
		return v.await(f, *s.Appliance, s.Pair)
	case topology.Move:
		if s.Appliance != nil {
			return v.moveLeg(ctx, s)
		}
		return v.movePlug(ctx, f, s)
	}
	return v.setRedirect(ctx, f, s)
}

// before is what there is before a step, which must be possible.
func (d *Driver) before(ctx context.Context, tenant topology.TenantID, s topology.Step) (*view, topology.Fabric, error) {
	v := d.seen.begun(tenant)
	if v == nil {
		var err error
		if v, err = d.look(ctx, tenant); err != nil {
			return nil, topology.Fabric{}, err
		}
	}
	f, err := v.fabric()
	switch {
	case err != nil:
		return nil, f, err
	case isEmpty(f) && !creates(s.Verb) && !removes(s.Verb):
		return nil, f, fault.New(fault.NotFound, "tenant %q has no networks here", tenant)
	}
	return v, f, cloud.Possible(f, s)
}

func creates(v topology.Verb) bool { return v == topology.CreateNetwork || v == topology.CreatePort }

func removes(v topology.Verb) bool {
	return v == topology.DeleteNetwork || v == topology.DeletePort || v == topology.Shutdown
}
