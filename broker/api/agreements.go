package api

import (
	"context"

	"github.com/bumpwire/bumpwire/metering"
)

// Agreements and settlements are as the meter has them. A service may be named by id
// or by name.
type (
	Agreement  = metering.Agreement
	Fraction   = metering.Fraction
	Settlement = metering.Settlement
)

// Agreements lists all by vendor, service and beginning; a vendor's users see the vendor's.
func (c *Client) Agreements(ctx context.Context) ([]Agreement, error) {
	return list[Agreement](ctx, c, nil, "agreements")
}

// SetAgreement sets one, or replaces that of the same vendor, service and beginning.
func (c *Client) SetAgreement(ctx context.Context, n Agreement) (a Agreement, err error) {
	return a, c.call(ctx, "PUT", nil, n, &a, "agreements")
}

// Settlements sums statements by vendor and currency. Of the filter From and To count.
func (c *Client) Settlements(ctx context.Context, f BillFilter) ([]Settlement, error) {
	return list[Settlement](ctx, c, f.query(), "settlements")
}
