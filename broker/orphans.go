package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
)

// listOrphans compares the cloud with the records.
func (s *Server) listOrphans(ctx context.Context, _ *call) (api.List[api.Disagreement], error) {
	return s.orphans(ctx, false)
}

// repairOrphans does the same, and submits a change for each tenant to mend it.
func (s *Server) repairOrphans(ctx context.Context, _ *call) (api.List[api.Disagreement], error) {
	return s.orphans(ctx, true)
}

func (s *Server) orphans(ctx context.Context, repair bool) (api.List[api.Disagreement], error) {
	l := api.List[api.Disagreement]{Items: []api.Disagreement{}}
	found, err := s.Provision.Orphans(ctx, repair)
	for _, d := range found {
		l.Items = append(l.Items, api.Disagreement{
			Tenant: string(d.Tenant), Region: s.Provision.RegionName(d.Region), Busy: d.Busy, Leftover: d.Leftover, Missing: d.Missing, Steps: d.Steps, Repair: string(d.Repair),
		})
	}
	return l, err
}
