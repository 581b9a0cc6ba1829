package api

import (
	"context"

	"github.com/bumpwire/bumpwire/metering"
)

// Erasure is as the meter has it.
type Erasure = metering.Erasure

// Erasures lists when people's names were erased, from how much.
func (c *Client) Erasures(ctx context.Context) ([]Erasure, error) {
	return list[Erasure](ctx, c, nil, "erasures")
}
