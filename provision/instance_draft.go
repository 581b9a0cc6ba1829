package provision

import (
	"context"
	"encoding/json"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// draft is the instance that a valid request asks for, nothing stored yet.
func (s *Service) draft(ctx context.Context, r ProvisionRequest) (Instance, error) {
	offer, err := s.offer(ctx, r.Service, r.Plan)
	if err == nil {
		err = r.Provider.check()
	}
	if err != nil {
		return Instance{}, err
	}
	if now := offer.Package.ID.MaintenanceVersion(); r.Version != "" && r.Version != now {
		return Instance{}, &StaleVersion{Asked: r.Version, Offered: now}
	}
	if err := fitting(offer.Service.Insertion, offer.Service.Name, r.Parameters); err != nil {
		return Instance{}, err
	}
	schema, ours := catalog.WithRegions(offer.Plan.Schema, s.regions.Names())
	checked, err := validate(schema, r.Parameters)
	if err != nil {
		return Instance{}, err
	}
	region, _ := s.regionOf(checked, ours)
	i := Instance{
		ID: r.ID, Name: nameIn(r.Context, string(r.ID)), Platform: r.Platform, Tenant: r.Tenant, Region: region,
		Service: r.Service, Plan: r.Plan,
		Package: offer.Package.ID, Configuration: offer.Plan.Configuration, Insertion: offer.Service.Insertion,
		Organization: r.Organization, Space: r.Space, Context: r.Context,
		Digest: requestDigest(r), State: Provisioning,
		Operation: begin(KindProvision, "waiting for its turn"),
		Health:    Health{Status: HealthUnknown},
		Provider:  r.Provider,
	}
	if err := i.managedBy(i.Insertion, offer.Service.Name); err != nil {
		return Instance{}, err
	}
	if i.EULAs, err = s.acceptances(ctx, i, offer.Package.EULAs, r.Platform, r.Origin, r.Parameters); err != nil {
		return Instance{}, err
	}
	if i.Steering, err = i.Steering.asked(i.Insertion, r.Parameters); err != nil {
		return Instance{}, err
	}
	if err := i.unmatched(i.Match); err != nil {
		return Instance{}, err
	}
	i.Resilience = i.Resilience.fixed(i.Mode, i.Insertion)
	i.Size = Size{offer.Plan.VCPUs * i.Steering.members(), offer.Plan.MemoryBytes * int64(i.Steering.members())}
	if i.Stitches, err = s.firstStitches(ctx, i, r.Parameters); err != nil {
		return Instance{}, err
	}
	if err := s.setValues(ctx, &i, checked); err != nil {
		return Instance{}, err
	}
	return i, s.tryRedirect(ctx, i, trialChange)
}

// offer looks up what new instances may be made of.
func (s *Service) offer(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) (catalog.Offer, error) {
	offer, err := s.catalog.Offer(ctx, service, plan)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return offer, fault.New(fault.Invalid, "%s", fault.Message(err))
	}
	if err != nil {
		return offer, err
	}
	switch {
	case offer.Service.State != catalog.Published && offer.Service.State != catalog.Deprecated:
		return offer, fault.New(fault.Invalid, "service %q takes no new instances: it is %s", offer.Service.Name, offer.Service.State)
	case !insertable(offer.Service.Insertion):
		return offer, fault.New(fault.Invalid, "service %q cannot be inserted: its package says neither how it stands in path nor how it is redirected to", offer.Service.Name)
	}
	return offer, nil
}

// insertable says whether this broker can insert a service.
func insertable(in catalog.Insertion) bool {
	return in.InPath() || in.Redirects()
}

// nameIn is what a platform's context calls the instance.
func nameIn(context json.RawMessage, otherwise string) string {
	var c struct {
		Name string `json:"instance_name"`
	}
	if json.Unmarshal(context, &c) == nil && c.Name != "" && len(c.Name) <= 255 {
		return c.Name
	}
	return otherwise
}

func (s *Service) firstStitches(ctx context.Context, i Instance, parameters json.RawMessage) ([]topology.Stitch, error) {
	in, err := place(parameters)
	if err == nil {
		err = in.whole(i.Insertion)
	}
	if err != nil {
		return nil, err
	}
	if len(in.Networks)+len(in.Sides) == 0 && !i.everywhere() {
		return nil, in.nowhere()
	}
	chooser, err := s.chooser(ctx, i)
	if err != nil {
		return nil, err
	}
	if in, err = chooser.everywhere(i, in); err != nil {
		return nil, err
	}
	var list []topology.Stitch
	for _, p := range in.each(i.Insertion) {
		for _, name := range p.Networks {
			stitch, err := chooser.stitch(name, p.side, p.Position)
			if err != nil {
				return nil, err
			}
			list = append(list, stitch)
		}
		if list, err = p.matched(list, i.Mode == topology.Redirected); err != nil {
			return nil, err
		}
	}
	return list, nil
}
