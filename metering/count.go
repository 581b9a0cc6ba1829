package metering

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
)

// mark is a window that an event was stored for.
type mark struct {
	tally  tally
	window int
}

// markAll makes due what events were stored for.
func (m *Meter) markAll(ctx context.Context, touched []mark) error {
	windows, tallies := map[string][]int{}, map[string]tally{}
	for _, t := range touched {
		if t.tally.ID != "" && !slices.Contains(windows[t.tally.ID], t.window) {
			windows[t.tally.ID], tallies[t.tally.ID] = append(windows[t.tally.ID], t.window), t.tally
		}
	}
	for id, t := range tallies {
		if err := m.mark(ctx, t, windows[id]); err != nil {
			return fmt.Errorf("cannot mark what instance %q reports as to be counted: %w", t.Instance, err)
		}
	}
	return nil
}

func (m *Meter) mark(ctx context.Context, t tally, windows []int) error {
	if now, err := m.tallies.Look(ctx, t.ID); err == nil && now.due(windows) {
		return nil
	}
	_, err := m.tallies.Upsert(ctx, t.ID, func(old tally, exists bool) (tally, error) {
		if !exists {
			old = t
		}
		if old.due(windows) {
			return old, store.Unchanged
		}
		for _, w := range windows {
			old.row(w).Due = true
		}
		return old, nil
	})
	return err
}

// due says whether all of some windows are.
func (t tally) due(windows []int) bool {
	for _, w := range windows {
		if !slices.ContainsFunc(t.Rows, func(r row) bool { return r.Window == w && r.Due }) {
			return false
		}
	}
	return true
}

// countAll counts what was reported for closed windows.
func (m *Meter) countAll(ctx context.Context, closed Closed) (Closed, error) {
	until, err := m.ClosedUntil(ctx)
	if err != nil {
		return closed, err
	}
	r := newRun(m, Closed{})
	err = r.countReported(ctx, until)
	closed.Usage, closed.Bills, closed.Unrated = closed.Usage+r.closed.Usage, closed.Bills+r.closed.Bills, closed.Unrated+r.closed.Unrated
	return closed, err
}

// talliesRead is how many are read at a time: one may have 30 KiB.
const talliesRead = 100

// countReported counts all that was reported for windows that end by until and was not counted
// yet, however late it came.
func (r *run) countReported(ctx context.Context, until time.Time) error {
	working, within := errgroup.WithContext(ctx)
	working.SetLimit(writers)
	for t, err := range r.tallies.From(ctx, store.Query{Key: dueKey, Value: dueValue, Limit: talliesRead}) {
		if err != nil {
			_ = working.Wait()
			return err
		}
		if !t.Month.Before(until) {
			break // ids order by time
		}
		working.Go(func() error {
			if err := r.countOne(within, t.ID, until); err != nil {
				return fmt.Errorf("cannot count what instance %q reported: %w", t.Instance, err)
			}
			return nil
		})
	}
	return working.Wait()
}

// countOne counts the windows of a tally that are to be counted. When it returns they are: if
// another broker began anew meanwhile, which may die before it is done, they are looked at again.
func (r *run) countOne(ctx context.Context, id string, until time.Time) error {
	for try := 0; ; try++ {
		settled, err := r.tryCount(ctx, id, until)
		if err != nil || settled {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(50 * time.Millisecond << min(try, 6))):
		}
	}
}

func (r *run) tryCount(ctx context.Context, id string, until time.Time) (settled bool, _ error) {
	round := 0
	t, err := r.tallies.Update(ctx, id, func(t tally) (tally, error) {
		round = 0
		for n, row := range t.Rows {
			if row.open() && !t.window(row.Window).End.After(until) {
				t.Rows[n].Due, t.Rows[n].Counting, round = false, true, t.Round+1
			}
		}
		if round == 0 {
			return t, store.Unchanged // another broker was quicker
		}
		t.Round = round
		return t, nil
	})
	if err != nil || round == 0 {
		return err == nil, err
	}
	parts, err := r.parts(ctx, t)
	if err != nil {
		return false, err
	}
	return r.settle(ctx, t, parts)
}

// parts are what is to be added to the windows that are counting, by their number. What may have come
// late is noted before it is settled.
func (r *run) parts(ctx context.Context, t tally) (map[int]part, error) {
	parts := map[int]part{}
	for _, row := range t.Rows {
		if !row.Counting {
			continue
		}
		w, sum, last := t.window(row.Window), decimal.Zero, time.Time{}
		for e, err := range r.events.All(ctx, windowKey, t.windowID(row.Window)) {
			if err != nil {
				return nil, err
			}
			if sum = sum.Add(e.Quantity); e.Received.After(last) {
				last = e.Received
			}
		}
		p := part{Quantity: sum.Sub(row.counted())}
		if last.After(w.End.Add(r.grace)) {
			p.Booked = last
		}
		if p.Quantity.IsZero() {
			continue
		}
		parts[row.Window] = p
		if err := r.noteLate(ctx, t.record(place{row.Window, len(row.Parts) + 1}, p)); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// settle adds parts to their tally, unless counting was begun anew meanwhile.
func (r *run) settle(ctx context.Context, t tally, parts map[int]part) (settled bool, _ error) {
	var added []UsageRecord
	_, err := r.tallies.Update(ctx, t.ID, func(now tally) (tally, error) {
		added, settled = nil, now.Round == t.Round
		if !settled {
			return now, store.Unchanged
		}
		for n := range now.Rows {
			row := &now.Rows[n]
			if !row.Counting {
				continue
			}
			if p, more := parts[row.Window]; more {
				row.Parts = append(row.Parts, p)
				added = append(added, now.record(place{row.Window, len(row.Parts)}, p))
			}
			row.Counting = false
		}
		now.settle()
		return now, nil
	})
	for _, u := range added {
		if err == nil {
			err = r.record(ctx, u)
		}
	}
	return settled, err
}

// windowKey is what events are found by.
const windowKey = "window"

// windowID is of one window of a tally.
func (t tally) windowID(number int) string {
	return recordID(t.window(number).Start, t.ID)
}

// counted is what was reported and counted, as far as the filter lets it pass, in no order.
func (m *Meter) counted(ctx context.Context, f Filter) iter.Seq2[UsageRecord, error] {
	return func(yield func(UsageRecord, error) bool) {
		for t, err := range m.talliesOf(ctx, f) {
			if err != nil {
				yield(UsageRecord{}, err)
				return
			}
			for at, p := range t.parts {
				u := t.record(at, p)
				if f.passes(u.head()) && (f.To.IsZero() || u.Window.Start.Before(f.To)) && !yield(u, nil) {
					return
				}
			}
		}
	}
}

// talliesOf are those of months that the filter may let pass.
func (m *Meter) talliesOf(ctx context.Context, f Filter) iter.Seq2[tally, error] {
	f.After = ""
	if !f.From.IsZero() {
		f.From = rating.Month(f.From, time.UTC).Start
	}
	q := f.query()
	q.Limit = talliesRead
	return func(yield func(tally, error) bool) {
		for t, err := range m.tallies.From(ctx, q) {
			if err == nil && !f.To.IsZero() && !t.Month.Before(f.To) {
				return
			}
			if !yield(t, err) || err != nil {
				return
			}
		}
	}
}
