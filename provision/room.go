package provision

import (
	"context"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// room refuses, with Full, steps that the cloud says it has no room for, where it can
// say so. Steps that boot nothing are not asked about: giving up is always allowed.
func (s *Service) room(ctx context.Context, p Place, steps []topology.Step, trials ...Instance) error {
	at, err := s.in(p)
	if err != nil {
		return err
	}
	wary, ok := at.(cloud.Affording)
	if !ok {
		return nil
	}
	machines := map[topology.ApplianceID]cloud.Server{}
	for _, step := range steps {
		if step.Verb != topology.Boot {
			continue
		}
		m, err := s.machine(ctx, *step.Appliance, trials...)
		if err != nil {
			return err
		}
		machines[step.Appliance.ID] = m
	}
	if len(machines) == 0 {
		return nil
	}
	return wary.Afford(ctx, steps, machines)
}

// foresee is what the cloud says of steps before anything of them is done, where it can.
func (s *Service) foresee(ctx context.Context, p Place, steps []topology.Step) (notes []string, err error) {
	at, err := s.in(p)
	if err != nil {
		return nil, err
	}
	c, ok := at.(cloud.Foreseeing)
	if !ok || len(steps) == 0 {
		return nil, nil
	}
	return c.Foresee(ctx, p.Tenant, steps)
}

// machine is what an appliance boots from and with.
func (s *Service) machine(ctx context.Context, a topology.Appliance, trials ...Instance) (cloud.Server, error) {
	var i Instance
	var err error
	if n := slices.IndexFunc(trials, func(t Instance) bool { return t.ID == a.Instance }); n >= 0 {
		i = trials[n]
	} else if i, err = s.instances.Get(ctx, string(a.Instance)); err != nil {
		return cloud.Server{}, fmt.Errorf("cannot boot %q: %w", a.Name, err)
	}
	i, member, err := i.owner(a.ID)
	if err != nil {
		return cloud.Server{}, fmt.Errorf("cannot boot %q: %w", a.Name, err)
	}
	return s.server(ctx, i, member)
}

// group says how the appliances of one instance are to be placed: as the package
// says of their virtual system, and else apart where that can be, so that one failure
// does not take all. One appliance alone is placed anywhere.
func group(i Instance, pkg *ovf.Package, system string) cloud.Group {
	if i.members() < 2 {
		return cloud.Group{}
	}
	g := cloud.Group{ID: string(i.ID), Policy: cloud.PreferApart}
	n := slices.IndexFunc(pkg.Systems(), func(c *ovf.Content) bool { return c.ID == system })
	if n < 0 {
		return g
	}
	for _, stated := range pkg.PlacementGroups {
		if !slices.Contains(pkg.Systems()[n].Placement, stated.ID) {
			continue
		}
		if g.ID = string(i.ID) + " " + stated.ID; stated.Policy == ovf.PlaceTogether {
			g.Policy = cloud.Together
		} else {
			g.Policy = cloud.Apart
		}
		return g
	}
	return g
}
