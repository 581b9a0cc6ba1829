package metering

import (
	"context"

	"github.com/shopspring/decimal"
)

// reported compares what appliances reported with what was counted of it: each event is
// to have a tally, and each tally that is not to be counted anew as much as its events, in
// usage records that are there.
func (a *audit) reported(ctx context.Context) error {
	sums := map[string]decimal.Decimal{}
	err := a.events.Audit(ctx, a.Findings, func(id string, e reported) error {
		if id != eventID(e.Instance, e.Life, e.ID) {
			a.Add("events", id, "it is stored as event %q of instance %q", e.ID, e.Instance)
		}
		t := e.tally().ID
		sums[t] = sums[t].Add(e.Quantity)
		return nil
	})
	if err != nil {
		return err
	}
	return a.tallies.Audit(ctx, a.Findings, func(id string, t tally) error {
		sum := sums[id]
		delete(sums, id)
		if t.open() {
			return nil // what it lacks is counted when windows are closed the next time
		}
		if !sum.Equal(t.Counted) {
			a.Add("tallies", id, "instance %q reported %s of %q and %s are counted", t.Instance, sum, t.Dimension, t.Counted)
		}
		return a.parts(ctx, t)
	})
}

// parts finds usage records that a tally has counted and that are not there, or say
// something else.
func (a *audit) parts(ctx context.Context, t tally) error {
	recorded := decimal.Zero
	for n := 1; n <= t.Parts; n++ {
		u, err := a.usage.Get(ctx, t.partID(n))
		if err != nil {
			a.Add("tallies", t.ID, "its usage record %q cannot be read: %s", t.partID(n), err)
			return ctx.Err()
		}
		recorded = recorded.Add(u.Quantity)
	}
	if !recorded.Equal(t.Counted) {
		a.Add("tallies", t.ID, "its usage records have %s and %s are counted", recorded, t.Counted)
	}
	return nil
}
