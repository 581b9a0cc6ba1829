package api

import (
	"context"

	"github.com/bumpwire/bumpwire/metering/rating"
)

// Promise and its levels are as they are reckoned. Service and plan may be named by id or by name.
type (
	Promise = rating.Promise
	Level   = rating.Level
)

// Promises lists all by service, plan and beginning.
func (c *Client) Promises(ctx context.Context) ([]Promise, error) {
	return list[Promise](ctx, c, nil, "promises")
}

// SetPromise sets one, or replaces that of the same plan and beginning.
func (c *Client) SetPromise(ctx context.Context, n Promise) (p Promise, err error) {
	return p, c.call(ctx, "PUT", nil, n, &p, "promises")
}
