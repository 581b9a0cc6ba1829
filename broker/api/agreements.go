package api

import (
	"context"
	"time"

	"github.com/bumpwire/bumpwire/metering"
)

// Agreement is how the lines of a vendor's services are shared, from the first billing
// period on that does not begin before it.
type Agreement struct {
	Vendor  string    `json:"vendor"`
	Service string    `json:"service,omitempty"` // id or name; none: all of the vendor's that have no agreement of their own
	From    time.Time `json:"from,omitzero"`     // none: the billing period in hand
	Share   Fraction  `json:"share"`             // the vendor's; the rest is the operator's
}

// Fraction is a part of a whole, from 0 to 1.
type Fraction struct {
	Numerator   int `json:"numerator"`   // 0 to the denominator
	Denominator int `json:"denominator"` // 1 to 1,000,000
}

// Settlement is what a vendor's services brought, as the meter has it.
type Settlement = metering.Settlement

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
