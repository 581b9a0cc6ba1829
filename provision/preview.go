package provision

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"

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
	list, err := s.managementAddresses(ctx, i)
	if err != nil {
		return Preview{}, err
	}
	i.address(list)
	i.InPlace = true
	return s.propose(ctx, nil, i)
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

// Hosts are the names of the hosts on each of a place's networks, where the
// cloud knows them.
func (s *Service) Hosts(ctx context.Context, p Place) (map[topology.NetworkID][]string, error) {
	names := map[topology.NetworkID][]string{}
	bed, err := s.Testbed(p)
	if err != nil {
		return names, nil
	}
	hosts, err := bed.Hosts(ctx, p.Tenant)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	for _, h := range hosts {
		names[h.Network] = append(names[h.Network], h.Name)
	}
	return names, nil
}

// Testbed is the cloud's means to make tenants' networks, where it has them.
func (s *Service) Testbed(p Place) (cloud.Testbed, error) {
	at, err := s.in(p)
	if err != nil {
		return nil, err
	}
	bed, ok := at.(cloud.Testbed)
	if !ok {
		return nil, fault.New(fault.Invalid, "tenants of the %s cloud make their networks there, not here", at.Name())
	}
	return bed, nil
}

// trialChange is the change of a preview: no real one has such an id.
const trialChange = work.ChangeID("preview")

// PreviewRemoval says what removing an instance or a binding would do.
func (s *Service) PreviewRemoval(ctx context.Context, r RemoveRequest) (Preview, error) {
	i, err := s.Instance(ctx, r.Platform, r.Instance)
	if err != nil {
		return Preview{}, err
	}
	was := i
	if r.Binding == "" {
		i.InPlace = false
		return s.propose(ctx, &was, i)
	}
	if b, ok := i.Bindings[r.Binding]; !ok || b.State == Deleted {
		return Preview{}, fault.New(fault.NotFound, "binding %q does not exist", r.Binding)
	}
	i.Bindings = maps.Clone(i.Bindings)
	delete(i.Bindings, r.Binding)
	return s.propose(ctx, &was, i)
}

// PreviewUpdate says what an update would do.
func (s *Service) PreviewUpdate(ctx context.Context, r UpdateRequest) (Preview, error) {
	i, err := s.Instance(ctx, r.Platform, r.Instance)
	if err != nil {
		return Preview{}, err
	}
	u, err := s.draftUpdate(ctx, i, r)
	if err != nil {
		return Preview{}, err
	}
	u.Change = trialChange
	if u.Was.machine() != u.Will.machine() {
		u.Will.Generation, u.Will.Upkeep = i.Generations+1, i.Upkeep.anew()
	}
	if u.Will, err = s.handedOn(ctx, i, u.Will); err != nil {
		return Preview{}, err
	}
	was := i
	i.Update = &u
	return s.propose(ctx, &was, i)
}
