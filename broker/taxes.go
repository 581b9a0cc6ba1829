package broker

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
)

// listTaxes are all for operators, and for tenants those that concern them.
func (s *Server) listTaxes(ctx context.Context, c *call) (api.List[api.Tax], error) {
	all, err := s.Meter.Taxes(ctx)
	all = slices.DeleteFunc(all, func(t api.Tax) bool { return t.Tenant != "" && !c.who.sees(string(t.Tenant)) })
	return api.List[api.Tax]{Items: all}, err
}

func (s *Server) setTax(ctx context.Context, _ *call, t api.Tax) (api.Tax, error) {
	return s.Meter.SetTax(ctx, t)
}
