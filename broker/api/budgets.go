package api

import (
	"context"

	"github.com/bumpwire/bumpwire/metering"
)

// Budgets and their alerts are as the meter has them.
type (
	Budget = metering.Budget
	Alert  = metering.Alert
)

// Budgets lists a tenant's, or those of all, by tenant and currency.
func (c *Client) Budgets(ctx context.Context, tenant string) ([]Budget, error) {
	return list[Budget](ctx, c, BillFilter{Tenant: tenant}.query(), "budgets")
}

// SetBudget sets one in place of that of the same tenant and currency; of amount 0 it ends that.
func (c *Client) SetBudget(ctx context.Context, n Budget) (b Budget, err error) {
	return b, c.call(ctx, "PUT", nil, n, &b, "budgets")
}

// Alerts lists a tenant's, or those of all, by period.
func (c *Client) Alerts(ctx context.Context, tenant string) ([]Alert, error) {
	return list[Alert](ctx, c, BillFilter{Tenant: tenant}.query(), "budget-alerts")
}
