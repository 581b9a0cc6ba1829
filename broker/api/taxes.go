package api

import (
	"context"

	"github.com/bumpwire/bumpwire/metering/rating"
)

// Tax is as it is reckoned.
type Tax = rating.Tax

// Taxes lists all by name, tenant and beginning.
func (c *Client) Taxes(ctx context.Context) ([]Tax, error) {
	return list[Tax](ctx, c, nil, "taxes")
}

// SetTax sets one, or replaces that of the same name, tenant and beginning.
func (c *Client) SetTax(ctx context.Context, n Tax) (t Tax, err error) {
	return t, c.call(ctx, "PUT", nil, n, &t, "taxes")
}
