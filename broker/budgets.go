package broker

import (
	"cmp"
	"context"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func (s *Server) listBudgets(ctx context.Context, c *call) (api.List[api.Budget], error) {
	f, err := c.records()
	if err != nil {
		return api.List[api.Budget]{}, err
	}
	all, err := s.Meter.Budgets(ctx, f.Tenant)
	return api.List[api.Budget]{Items: all}, err
}

// setBudget sets a tenant's user's own, whatever the body names.
func (s *Server) setBudget(ctx context.Context, c *call, b api.Budget) (api.Budget, error) {
	b.Tenant = topology.TenantID(cmp.Or(c.who.tenantOnly(), string(b.Tenant)))
	return s.Meter.SetBudget(ctx, b)
}

func (s *Server) listAlerts(ctx context.Context, c *call) (api.List[api.Alert], error) {
	f, err := c.records()
	if err != nil {
		return api.List[api.Alert]{}, err
	}
	all, err := s.Meter.Alerts(ctx, f.Tenant)
	return api.List[api.Alert]{Items: all}, err
}
