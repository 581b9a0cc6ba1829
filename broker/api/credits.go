package api

import (
	"context"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Credit is as the meter has it.
type Credit = metering.Credit

// NewCredit grants a tenant an amount; with Statement and Line it refunds that line, whose tenant and
// currency it has.
type NewCredit struct {
	ID        string            `json:"id"` // unique for the tenant: the same again changes nothing
	Tenant    topology.TenantID `json:"tenant,omitempty"`
	Currency  string            `json:"currency,omitempty"` // ISO 4217
	Amount    decimal.Decimal   `json:"amount,omitzero"`    // of a refund: zero for all that is left of the line
	Reason    string            `json:"reason"`
	Statement int               `json:"statement,omitempty"`
	Line      string            `json:"line,omitempty"`
}

// Credits lists a tenant's in the order in which they were granted, or those of all.
func (c *Client) Credits(ctx context.Context, tenant string) ([]Credit, error) {
	return list[Credit](ctx, c, BillFilter{Tenant: tenant}.query(), "credits")
}

// Grant grants a credit or refunds a line.
func (c *Client) Grant(ctx context.Context, n NewCredit) (g Credit, err error) {
	return g, c.call(ctx, "POST", nil, n, &g, "credits")
}
