package broker

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func (s *Server) listPromises(ctx context.Context, _ *call) (api.List[api.Promise], error) {
	all, err := s.Meter.Promises(ctx)
	return api.List[api.Promise]{Items: all}, err
}

// setPromise takes a service and its plan by id or by name.
func (s *Server) setPromise(ctx context.Context, _ *call, p api.Promise) (api.Promise, error) {
	names, err := s.names(ctx)
	if err != nil {
		return p, err
	}
	found, ok := names.service(string(p.Service))
	if !ok {
		return p, fault.New(fault.NotFound, "there is no service %q", p.Service)
	}
	p.Service = found.ID
	n := slices.IndexFunc(found.Plans, func(k catalog.Plan) bool { return string(k.ID) == string(p.Plan) || k.Name == string(p.Plan) })
	if n < 0 {
		return p, fault.New(fault.NotFound, "service %q has no plan %q", found.Name, p.Plan)
	}
	p.Plan = found.Plans[n].ID
	return s.Meter.SetPromise(ctx, p)
}
