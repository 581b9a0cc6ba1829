package provision

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Preview says what a provision request would do, and changes nothing.
func (s *Service) Preview(ctx context.Context, r ProvisionRequest) (Preview, error) {
	if err := s.trialID(ctx, &r); err != nil {
		return Preview{}, err
	}
	i, err := s.draft(ctx, r)
	if err != nil {
		return Preview{}, err
	}
	if i.Management, err = s.managementAddress(ctx, i); err != nil {
		return Preview{}, err
	}
	return s.steps(ctx, r.Tenant, work.ChangeID("preview"), i)
}

// trialID gives the request an id that no instance has. One that the caller chose
// and that is in use would be refused later just the same.
func (s *Service) trialID(ctx context.Context, r *ProvisionRequest) error {
	chosen := r.ID != ""
	if !chosen {
		r.ID = "preview"
	}
	old, err := s.instances.Get(ctx, string(r.ID))
	switch {
	case errors.Is(err, fault.NotFound) || err == nil && old.State == Deleted:
		return nil
	case err == nil && chosen:
		return fault.New(fault.Conflict, "instance %q exists already", r.ID)
	case err == nil:
		r.ID = topology.InstanceID("preview-" + rand.Text())
	}
	return err
}

// Hosts are the names of the hosts on each of a tenant's networks, where the
// cloud knows them.
func (s *Service) Hosts(ctx context.Context, tenant topology.TenantID) (map[topology.NetworkID][]string, error) {
	names := map[topology.NetworkID][]string{}
	bed, err := s.Testbed()
	if err != nil {
		return names, nil
	}
	hosts, err := bed.Hosts(ctx, tenant)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	for _, h := range hosts {
		names[h.Network] = append(names[h.Network], h.Name)
	}
	return names, nil
}

// Testbed is the cloud's means to make tenants' networks, where it has them.
func (s *Service) Testbed() (cloud.Testbed, error) {
	bed, ok := s.cloud.(cloud.Testbed)
	if !ok {
		return nil, fault.New(fault.Invalid, "tenants of the %s cloud make their networks there, not here", s.cloud.Name())
	}
	return bed, nil
}

// PreviewRemoval says what removing an instance or a binding would do.
func (s *Service) PreviewRemoval(ctx context.Context, r RemoveRequest) (Preview, error) {
	i, err := s.Instance(ctx, r.Platform, r.Instance)
	if err != nil {
		return Preview{}, err
	}
	const trial = work.ChangeID("preview")
	services, err := s.services(ctx, i.Tenant, trial)
	if err != nil {
		return Preview{}, err
	}
	have, err := s.Fabric(ctx, i.Tenant)
	if err != nil {
		return Preview{}, err
	}
	return previewWithout(have, services, i, r.Binding)
}

func previewWithout(have topology.Fabric, services []topology.Service, i Instance, b BindingID) (Preview, error) {
	var left []topology.Service
	for _, t := range services {
		if t.Instance == i.ID {
			if b == "" {
				continue
			}
			if t, ok := i.without(b); ok {
				left = append(left, t)
				continue
			}
			return Preview{}, fault.New(fault.NotFound, "binding %q does not exist", b)
		}
		left = append(left, t)
	}
	want, err := topology.Compose(topology.Base(have), left)
	if err != nil {
		return Preview{}, fault.New(fault.Invalid, "%s", err)
	}
	steps, err := topology.Plan(have, want)
	return Preview{Before: have, After: want, Steps: steps}, err
}

// without is the instance's place in the fabric after a binding is removed.
func (i Instance) without(id BindingID) (topology.Service, bool) {
	b, ok := i.Bindings[id]
	if !ok || b.State == Deleted {
		return topology.Service{}, false
	}
	bindings := map[BindingID]*Binding{}
	for k, v := range i.Bindings {
		if k != id {
			bindings[k] = v
		}
	}
	i.Bindings = bindings
	return i.service("preview"), true
}
