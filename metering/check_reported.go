package metering

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/metering/rating"
)

// reported compares what appliances reported with what was counted of it: each window of a tally
// that is not to be counted anew is to have as much as its events.
func (a *audit) reported(ctx context.Context) error {
	sums := map[string]decimal.Decimal{}
	err := a.events.Audit(ctx, a.Findings, func(id string, e reported) error {
		if id != eventID(e.Instance, e.Life, e.ID) {
			a.Add("events", id, "it is stored as event %q of instance %q", e.ID, e.Instance)
		}
		w := e.windowID()
		sums[w] = sums[w].Add(e.Quantity)
		return nil
	})
	if err != nil {
		return err
	}
	return a.tallies.Audit(ctx, a.Findings, func(id string, t tally) error {
		a.histories.name(t.Instance, "tallies", id)
		if t.Sampled > 0 {
			return nil // no events: it was read from counters
		}
		counted, open := map[int]decimal.Decimal{}, map[int]bool{}
		for at, p := range t.parts {
			counted[at.window] = counted[at.window].Add(p.Quantity)
		}
		for _, r := range t.Rows {
			if open[r.Window] = r.open(); r.open() {
				counted[r.Window] = decimal.Zero // what it lacks is counted when windows are closed the next time
			}
		}
		for n := range int(rating.Month(t.Month, time.UTC).End.Sub(t.Month) / t.Length) {
			sum, reported := counted[n], sums[t.windowID(n)]
			if !open[n] && !reported.Equal(sum) {
				a.Add("tallies", id, "instance %q reported %s of %q from %s on and %s are counted", t.Instance, reported, t.Dimension, t.window(n).Start.Format(time.RFC3339), sum)
			}
		}
		return nil
	})
}
