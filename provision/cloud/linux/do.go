//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Do carries out one step. See cloud.Cloud.
//
// What a step may do is decided by topology.Apply on the fabric as it is, so that
// this cloud, the simulated one and the planner agree on what is impossible.
func (c *Cloud) Do(ctx context.Context, tenant topology.TenantID, step topology.Step) error {
	if step.Verb == topology.Boot {
		return fault.New(fault.Invalid, "an appliance is booted by Boot, which knows its disks")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	switch {
	case creates(step.Verb):
		return c.make(ctx, tenant, step)
	case removes(step.Verb):
		return c.remove(ctx, tenant, step)
	}
	return c.step(ctx, tenant, step)
}

// errNothing says that a tenant has nothing.
var errNothing = errors.New("the tenant has nothing here")

// step carries out a step in a tenant's place.
func (c *Cloud) step(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	return c.withFabric(tenant, func(v *view) error {
		f, err := v.fabric()
		if err != nil {
			return err
		}
		if len(f.Networks)+len(f.Appliances) == 0 {
			return nothingOf(tenant, errNothing)
		}
		if err := cloud.Possible(f, s); err != nil {
			return err
		}
		return v.do(ctx, f, s)
	})
}

func creates(v topology.Verb) bool { return v == topology.CreateNetwork || v == topology.CreatePort }

func removes(v topology.Verb) bool {
	return v == topology.DeleteNetwork || v == topology.DeletePort || v == topology.Shutdown
}

func (v *view) do(ctx context.Context, f topology.Fabric, s topology.Step) error {
	switch s.Verb {
	case topology.CreateNetwork:
		return v.makeNetwork(*s.Network)
	case topology.DeleteNetwork:
		return v.removeNetwork(s.Network.ID)
	case topology.CreatePort:
		return v.makeLeg(*s.Appliance, *s.Leg)
	case topology.DeletePort:
		return v.remove(kindLeg, string(s.Leg.Port))
	case topology.Shutdown:
		return v.stop(ctx, s)
	case topology.Await:
		return v.await(ctx, f, *s.Appliance, s.Pair)
	case topology.Move:
		return v.move(ctx, f, s)
	case topology.SetRedirect:
		return v.setRedirect(ctx, f, s)
	}
	return fault.New(fault.Invalid, "there is no step %q", s.Verb)
}

// stop stops the machine that a step is about, or clears away what is left of it.
func (v *view) stop(ctx context.Context, s topology.Step) error {
	m := machine{v.tenant, *s.Appliance}
	now := m.Appliance
	var err error
	if now.Start, now.Booted, err = v.cloud.machines.running(m); err != nil || s.Outlived(now) {
		return err
	}
	return v.cloud.machines.stop(ctx, m)
}

// Boot starts an appliance on its ports. See cloud.Cloud.
func (c *Cloud) Boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance, s cloud.Server) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.withFabric(tenant, func(v *view) error {
		f, err := v.fabric()
		if err != nil {
			return err
		}
		if err := cloud.Possible(f, topology.Step{Verb: topology.Boot, Appliance: &a}); err != nil {
			return err
		}
		i := slices.IndexFunc(f.Appliances, func(o topology.Appliance) bool { return o.ID == a.ID })
		m := machine{tenant, f.Appliances[i]} // with the legs as they are
		if m.Booted {
			return nil
		}
		m.Start = a.Start
		return c.machines.start(ctx, m, s)
	})
}

// Dial connects from the management network's own bridge. See cloud.Cloud.
func (c *Cloud) Dial(ctx context.Context, tenant topology.TenantID, to netip.AddrPort) (conn net.Conn, err error) {
	err = c.withFabric(tenant, func(*view) error {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "tcp", to.String())
		return err
	})
	if err != nil && fault.KindOf(err) == fault.Internal {
		err = &fault.Error{Kind: fault.Unavailable, Message: fmt.Sprintf("nothing answers at %s on the management network", to), Err: err}
	}
	return conn, err
}
