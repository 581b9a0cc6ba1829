package metering

import (
	"context"

	"github.com/shopspring/decimal"
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
	err = a.tallies.Audit(ctx, a.Findings, func(id string, t tally) error {
		counted, open := map[int]decimal.Decimal{}, map[int]bool{}
		for u := range t.records {
			n := t.number(u.Window.Start)
			counted[n] = counted[n].Add(u.Quantity)
		}
		for _, r := range t.Rows {
			if open[r.Window] = r.open(); r.open() {
				counted[r.Window] = decimal.Zero // what it lacks is counted when windows are closed the next time
			}
		}
		for n, sum := range counted {
			reported := sums[t.windowID(n)]
			delete(sums, t.windowID(n))
			if !open[n] && !reported.Equal(sum) {
				a.Add("tallies", id, "instance %q reported %s of %q from %s on and %s are counted", t.Instance, reported, t.Dimension, t.window(n).Start, sum)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for w, sum := range sums {
		if !sum.IsZero() {
			a.Add("tallies", w, "%s are reported for this window and no tally has it", sum)
		}
	}
	return nil
}
