package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision"
)

// showDrift compares a tenant's fabric with the records.
func (s *Server) showDrift(ctx context.Context, c *call) (api.Drift, error) {
	p, err := s.place(c)
	if err != nil {
		return api.Drift{}, err
	}
	d, err := s.Provision.Drift(ctx, p)
	return s.driftOf(d), err
}

// repairDrift does the same, and submits a change to repair it.
func (s *Server) repairDrift(ctx context.Context, c *call) (api.Drift, error) {
	p, err := s.place(c)
	if err != nil {
		return api.Drift{}, err
	}
	d, err := s.Provision.Drift(ctx, p)
	if err == nil {
		d, err = s.Provision.Mend(ctx, d, c.who.by())
	}
	return s.driftOf(d), err
}

func (s *Server) listDrift(ctx context.Context, c *call) (api.List[api.Drift], error) {
	return s.drifts(ctx, c, false)
}

func (s *Server) repairAllDrift(ctx context.Context, c *call) (api.List[api.Drift], error) {
	return s.drifts(ctx, c, true)
}

func (s *Server) drifts(ctx context.Context, c *call, repair bool) (api.List[api.Drift], error) {
	l := api.List[api.Drift]{Items: []api.Drift{}}
	found, err := s.Provision.Drifts(ctx)
	if err != nil {
		return l, err
	}
	for _, d := range found {
		if repair {
			if d, err = s.Provision.Mend(ctx, d, c.who.by()); err != nil {
				return l, err
			}
		}
		l.Items = append(l.Items, s.driftOf(d))
	}
	return l, nil
}

func (s *Server) driftOf(d provision.Drift) api.Drift {
	out := api.Drift{
		Tenant: string(d.Tenant), Region: s.Provision.RegionName(d.Region), Busy: d.Busy, Differences: []api.Difference{}, Steps: []string{},
		Obstacle: d.Obstacle, Since: d.Since, Failed: d.Failed, Repair: string(d.Repair),
	}
	for _, x := range d.Differences {
		out.Differences = append(out.Differences, api.Difference{Difference: x, Text: x.String()})
	}
	for _, step := range d.Steps {
		out.Steps = append(out.Steps, step.String())
	}
	return out
}
