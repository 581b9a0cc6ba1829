package broker

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
)

// listZones are those of all tenants for operators, and for others those of theirs.
func (s *Server) listZones(ctx context.Context, c *call) (api.List[api.Zone], error) {
	all, err := s.Meter.Zones(ctx)
	all = slices.DeleteFunc(all, func(z api.Zone) bool { return !c.who.sees(string(z.Tenant)) })
	return api.List[api.Zone]{Items: all}, err
}

// setZone takes of a zone the tenant and the name.
func (s *Server) setZone(ctx context.Context, _ *call, z api.Zone) (api.Zone, error) {
	return s.Meter.SetZone(ctx, z.Tenant, z.Zone)
}
