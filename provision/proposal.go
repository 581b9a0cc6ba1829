package provision

import (
	"context"
	"maps"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// course is what leads from what is to what should be.
type course struct {
	before, after topology.Fabric
	Steps         []topology.Step
}

// propose says what would become of a tenant's fabric if one instance, nil where it
// is new, were as the trial is, and what that takes.
func (s *Service) propose(ctx context.Context, was *Instance, trial Instance) (Preview, error) {
	at, err := s.in(trial.place())
	if err != nil {
		return Preview{}, err
	}
	c, err := s.steps(ctx, trial.place(), trialChange, trial)
	if err != nil {
		return Preview{}, err
	}
	if err := s.room(ctx, trial.place(), c.Steps, trial); err != nil {
		return Preview{}, err
	}
	scene, err := s.sceneOf(ctx, trial.place(), c.before)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Proposal: topology.Proposal{Before: scene, After: scene, Steps: append([]topology.Step{}, c.Steps...)}}
	p.After.Fabric = c.after
	if p.Notes, err = s.foresee(ctx, trial.place(), c.Steps); err != nil {
		return Preview{}, err
	}
	sizes, err := s.sizes(ctx, trial)
	if err != nil {
		return Preview{}, err
	}
	p.Cost = topology.Estimate(c.before, c.Steps, sizes, at.Interruption())
	if was != nil {
		if p.PriceBefore, err = s.price(ctx, *was); err != nil {
			return Preview{}, err
		}
	}
	if trial.wanted(trialChange) {
		p.PriceAfter, err = s.price(ctx, trial.as(trialChange))
	}
	return p, err
}

// sizes are those of the tenant's appliances, the trial's before and after.
func (s *Service) sizes(ctx context.Context, trial Instance) (map[topology.ApplianceID]topology.Size, error) {
	sizes := map[topology.ApplianceID]topology.Size{}
	for i, err := range s.living(ctx, trial.place()) {
		if err != nil {
			return nil, err
		}
		if err := s.enterSizes(ctx, sizes, i, i.form()); err != nil {
			return nil, err
		}
	}
	forms := []Form{trial.form()}
	if trial.Update != nil {
		forms = append(forms, trial.Update.Will)
	}
	for _, f := range forms {
		if err := s.enterSizes(ctx, sizes, trial, f); err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

// enterSizes leaves out appliances of a package that was removed.
func (s *Service) enterSizes(ctx context.Context, to map[topology.ApplianceID]topology.Size, i Instance, f Form) error {
	pkg, err := s.catalog.Descriptor(ctx, f.Package)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	own := map[topology.ApplianceID]topology.Size{}
	for n := range f.members() {
		vcpus, memory := f.Insertion.SizeOn(pkg, f.Configuration, i.having(f).sideOf(n))
		own[i.having(f).appliance(n)] = topology.Size{VCPUs: vcpus, MemoryBytes: memory}
	}
	maps.Copy(to, own)
	return nil
}

// price is that of the instance's plan that is in force now; nil: there is none.
func (s *Service) price(ctx context.Context, i Instance) (*catalog.Price, error) {
	if i.provided() && i.Provider.Bill == NobodyPays {
		return nil, nil
	}
	service, err := s.catalog.Service(ctx, i.Service)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, p := range service.Plans {
		if p.ID == i.Plan {
			if price, ok := catalog.PriceAt(p.Prices, catalog.DimensionInstance, time.Now()); ok && price.Hourly() {
				return &price, nil
			}
		}
	}
	return nil, nil
}
