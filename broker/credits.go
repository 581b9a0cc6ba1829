package broker

import (
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
)

func (s *Server) listCredits(ctx context.Context, c *call) (api.List[api.Credit], error) {
	f, err := c.records()
	if err != nil {
		return api.List[api.Credit]{}, err
	}
	all, err := s.Meter.Credits(ctx, f.Tenant)
	return api.List[api.Credit]{Items: all}, err
}

// grantCredit grants an amount, or refunds a line when the body names one.
func (s *Server) grantCredit(ctx context.Context, _ *call, n api.NewCredit) (api.Credit, error) {
	c := metering.Credit{ID: n.ID, Tenant: n.Tenant, Currency: n.Currency, Amount: n.Amount, Reason: n.Reason}
	if n.Statement == 0 && n.Line == "" {
		return s.Meter.Grant(ctx, c)
	}
	if n.Tenant != "" || n.Currency != "" {
		return c, fault.New(fault.Invalid, "a refund is of a statement's line, which says the tenant and the currency")
	}
	return s.Meter.Refund(ctx, n.Statement, n.Line, c)
}
