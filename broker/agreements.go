package broker

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func (s *Server) listAgreements(ctx context.Context, c *call) (api.List[api.Agreement], error) {
	all, err := s.Meter.Agreements(ctx)
	return api.List[api.Agreement]{Items: slices.DeleteFunc(all, func(a api.Agreement) bool { return !c.who.sells(a.Vendor) })}, err
}

// setAgreement takes a service by id or by name.
func (s *Server) setAgreement(ctx context.Context, _ *call, a api.Agreement) (api.Agreement, error) {
	if a.Service != "" {
		names, err := s.names(ctx)
		if err != nil {
			return a, err
		}
		found, ok := names.service(string(a.Service))
		if !ok {
			return a, fault.New(fault.NotFound, "there is no service %q", a.Service)
		}
		a.Service = found.ID
	}
	return s.Meter.SetAgreement(ctx, a)
}

func (s *Server) listSettlements(ctx context.Context, c *call) (api.List[api.Settlement], error) {
	f, err := c.records()
	if err != nil {
		return api.List[api.Settlement]{}, err
	}
	all, err := s.Meter.Settle(ctx, f)
	return api.List[api.Settlement]{Items: all}, err
}
