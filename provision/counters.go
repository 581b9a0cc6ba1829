package provision

import (
	"context"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Counts says whether the cloud counts what passes the legs of appliances.
func (s *Service) Counts() bool {
	_, ok := cloud.CountingOf(s.regions.All()[0].Cloud)
	return ok
}

// Counters are what has passed the legs of all of an instance's appliances that are there, while
// it is being updated those of both forms. fault.Invalid when the cloud does not count.
func (s *Service) Counters(ctx context.Context, i Instance) (all []topology.Counter, err error) {
	at, err := s.in(i.place())
	if err != nil {
		return nil, err
	}
	counts, ok := cloud.CountingOf(at)
	if !ok {
		return nil, fault.New(fault.Invalid, "the cloud %q does not count what passes appliances", at.Name())
	}
	seen := map[topology.ApplianceID]bool{}
	for _, form := range i.forms() {
		for n := range form.members() {
			id := i.having(form).appliance(n)
			if seen[id] {
				continue
			}
			seen[id] = true
			list, err := counts.Counters(ctx, i.Tenant, id)
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return nil, fmt.Errorf("cannot read the counters of appliance %q: %w", id, err)
			}
			all = append(all, list...)
		}
	}
	return all, nil
}

// forms are what the instance is, and while an update lasts what it was and will be.
func (i Instance) forms() []Form {
	forms := []Form{i.form()}
	if i.Update != nil {
		forms = append(forms, i.Update.Will, i.Update.Was)
	}
	return forms
}
