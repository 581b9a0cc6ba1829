package metering

import (
	"context"
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
)

// Load stores what would be counted of an instance that reports a quantity in each window of a month in
// which it is active.
func Load(ctx context.Context, s *store.Store, i provision.Instance, dimension string, quantity decimal.Decimal, length time.Duration, month [2]time.Time) error {
	tallies := map[string]*tally{}
	for at := month[0]; at.Before(month[1]); at = at.Add(length) {
		plan, active := planAt(i, at)
		if !active {
			continue
		}
		t := newTally(reported{Event: Event{Dimension: dimension, Time: at}, Instance: i.ID, Life: 1, Plan: plan, Length: length})
		if tallies[t.ID] == nil {
			t.attribute(i)
			tallies[t.ID] = &t
		}
		tallies[t.ID].Counts = tallies[t.ID].Counts.with(t.number(at), quantity)
	}
	var failed error
	for id, t := range tallies {
		failed = errors.Join(failed, store.In(s, "tallies", tally.keys).Create(ctx, id, *t))
	}
	return failed
}
