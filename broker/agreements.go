package broker

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
)

func (s *Server) listAgreements(ctx context.Context, c *call) (api.List[api.Agreement], error) {
	all, err := s.Meter.Agreements(ctx)
	own := []api.Agreement{}
	for _, a := range all {
		if c.who.sells(a.Vendor) {
			own = append(own, agreementOf(a))
		}
	}
	return api.List[api.Agreement]{Items: own}, err
}

func (s *Server) setAgreement(ctx context.Context, _ *call, n api.Agreement) (api.Agreement, error) {
	var service catalog.ServiceID
	if n.Service != "" {
		names, err := s.names(ctx)
		if err != nil {
			return n, err
		}
		found, ok := names.service(n.Service)
		if !ok {
			return n, fault.New(fault.NotFound, "there is no service %q", n.Service)
		}
		service = found.ID
	}
	vendor, whole := decimal.New(int64(n.Share.Numerator), 0), decimal.New(int64(n.Share.Denominator), 0)
	a, err := s.Meter.SetAgreement(ctx, rating.Agreement{
		Vendor: n.Vendor, Service: service, From: n.From,
		Shares: []rating.Share{{Party: n.Vendor, Weight: vendor}, {Party: rating.Operator, Weight: whole.Sub(vendor)}},
	})
	return agreementOf(a), err
}

func agreementOf(a rating.Agreement) api.Agreement {
	n := api.Agreement{Vendor: a.Vendor, Service: string(a.Service), From: a.From}
	if len(a.Shares) == 2 {
		n.Share = api.Fraction{Numerator: int(a.Shares[0].Weight.IntPart()), Denominator: int(a.Shares[0].Weight.Add(a.Shares[1].Weight).IntPart())}
	}
	return n
}

func (s *Server) listSettlements(ctx context.Context, c *call) (api.List[api.Settlement], error) {
	f, err := c.records()
	if err != nil {
		return api.List[api.Settlement]{}, err
	}
	all, err := s.Meter.Settle(ctx, f)
	return api.List[api.Settlement]{Items: all}, err
}
