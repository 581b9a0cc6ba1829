package metering

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// tally is what one instance reported of one dimension in one window, on one plan. It
// holds what was counted already, and whether there is more to count.
//
//	          an event is stored              counting begins
//	(absent) ────────────────────▶ due ───────────────────────▶ counting
//	                                ▲                               │ its record is stored
//	                                └──────────── done ◀────────────┘
//	                                 an event is stored
//
// An event is stored first and its tally made due then, before it is acknowledged.
// Counting takes the mark away first and reads the events then. So an event that
// counting missed was stored after the mark went, and makes the tally due again. A
// tally that is counting when a broker dies is counted again; its record is found by
// its id, which is of the tally and the number of its part.
type tally struct {
	ID        string              `json:"id"` // orders by time
	Instance  topology.InstanceID `json:"instance"`
	Life      int                 `json:"life"`
	Dimension string              `json:"dimension"`
	Plan      catalog.PlanID      `json:"plan"`
	Window    Window              `json:"window"`

	Due      bool            `json:"due,omitempty"`
	Counting bool            `json:"counting,omitempty"`
	Round    int             `json:"round,omitempty"` // how often counting began
	Parts    int             `json:"parts,omitempty"` // usage records there are of it
	Counted  decimal.Decimal `json:"counted"`         // their sum
}

// open says whether there is something to count, or may be.
func (t tally) open() bool { return t.Due || t.Counting }

// markAll makes due what events were stored for.
func (m *Meter) markAll(ctx context.Context, touched []tally) error {
	marked := map[string]bool{"": true}
	for _, t := range touched {
		if marked[t.ID] {
			continue
		}
		marked[t.ID] = true
		if err := m.mark(ctx, t); err != nil {
			return fmt.Errorf("cannot mark what instance %q reports as to be counted: %w", t.Instance, err)
		}
	}
	return nil
}

func (m *Meter) mark(ctx context.Context, t tally) error {
	if now, err := m.tallies.Look(ctx, t.ID); err == nil && now.Due {
		return nil
	}
	_, err := m.tallies.Upsert(ctx, t.ID, func(old tally, exists bool) (tally, error) {
		switch {
		case !exists:
			old = t
		case old.Due:
			return old, store.Unchanged
		}
		old.Due = true
		return old, nil
	})
	return err
}

// countAll counts what was reported for closed windows and bills it.
func (m *Meter) countAll(ctx context.Context, closed Closed) (Closed, error) {
	until, err := m.ClosedUntil(ctx)
	if err != nil {
		return closed, err
	}
	r := newRun(m, Closed{})
	err = m.countReported(ctx, until, func(ctx context.Context, u UsageRecord) error {
		return errors.Join(m.noteLate(ctx, u), r.record(ctx, u))
	})
	closed.Usage, closed.Bills, closed.Unrated = closed.Usage+r.closed.Usage, closed.Bills+r.closed.Bills, closed.Unrated+r.closed.Unrated
	return closed, err
}

// countReported makes usage records of all that was reported for windows that end by
// until and was not counted yet, however late it came, and hands them to record.
func (m *Meter) countReported(ctx context.Context, until time.Time, record func(context.Context, UsageRecord) error) error {
	working, within := errgroup.WithContext(ctx)
	working.SetLimit(writers)
	for t, err := range m.tallies.All(ctx, dueKey, dueValue) {
		if err != nil {
			_ = working.Wait()
			return err
		}
		if !t.Window.Start.Before(until) {
			break // ids order by time
		}
		if t.Window.End.After(until) {
			continue
		}
		working.Go(func() error {
			err := m.count(within, t, record)
			switch {
			case errors.Is(err, fault.NotFound):
				m.log.Error("what was reported is not counted yet; the next run tries again", "instance", t.Instance, "tally", t.ID, "error", err)
			case err != nil:
				return fmt.Errorf("cannot count what instance %q reported: %w", t.Instance, err)
			}
			return nil
		})
	}
	return working.Wait()
}

// count makes the next part of a tally, if there is more than the parts so far have.
// A part that is there already, because a broker died or two count at once, is
// taken as it is, and what it may lack is looked for.
func (m *Meter) count(ctx context.Context, t tally, record func(context.Context, UsageRecord) error) error {
	t, err := m.tallies.Update(ctx, t.ID, func(t tally) (tally, error) {
		if !t.open() {
			return t, store.Unchanged // another broker was quicker
		}
		t.Due, t.Counting = false, true
		t.Round++
		return t, nil
	})
	for err == nil && t.Counting {
		var part UsageRecord
		var whole bool
		if part, whole, err = m.part(ctx, t); err != nil {
			return err
		}
		if part.ID != "" {
			if err := record(ctx, part); err != nil {
				return err
			}
		}
		t, err = m.settle(ctx, t, part, whole)
	}
	return err
}

// settle adds a part to its tally, of which nothing is left to count when it is whole.
// Where counting was begun anew meanwhile, that settles it.
func (m *Meter) settle(ctx context.Context, t tally, part UsageRecord, whole bool) (tally, error) {
	round := t.Round
	t, err := m.tallies.Update(ctx, t.ID, func(now tally) (tally, error) {
		if now.Round != round {
			return now, store.Unchanged
		}
		if part.ID != "" {
			now.Parts, now.Counted = part.Part, now.Counted.Add(part.Quantity)
		}
		now.Counting = !whole
		return now, nil
	})
	if t.Round != round {
		t.Counting = false // for us
	}
	return t, err
}

// part is the next usage record of a tally; without an id when there is none. It is
// whole when it and those before have all events that were stored when counting began.
func (m *Meter) part(ctx context.Context, t tally) (part UsageRecord, whole bool, err error) {
	id := t.partID(t.Parts + 1)
	part, err = m.usage.Get(ctx, id)
	if !errors.Is(err, fault.NotFound) {
		return part, false, err
	}
	sum, last := decimal.Zero, time.Time{}
	for e, err := range m.events.All(ctx, tallyKey, t.ID) {
		if err != nil {
			return part, false, err
		}
		if sum = sum.Add(e.Quantity); e.Received.After(last) {
			last = e.Received
		}
	}
	rest := sum.Sub(t.Counted)
	if rest.IsZero() {
		return UsageRecord{}, true, nil
	}
	part = UsageRecord{ID: id, Dimension: t.Dimension, Window: t.Window, Quantity: rest, Plan: t.Plan, Part: t.Parts + 1}
	if last.After(t.Window.End.Add(m.grace)) {
		part.Booked = last
	}
	if err := m.attribute(ctx, &part, t); err != nil {
		return part, false, err
	}
	err = m.usage.Create(ctx, id, part)
	if errors.Is(err, fault.Conflict) {
		part, err = m.usage.Get(ctx, id)
		return part, false, err
	}
	return part, true, err
}

// attribute says whose usage it is that a tally counted.
func (m *Meter) attribute(ctx context.Context, u *UsageRecord, t tally) error {
	i, err := m.histories.Get(ctx, string(t.Instance))
	if err != nil {
		return err
	}
	for _, l := range lives(i) {
		if l.History[0].Seq == t.Life {
			u.Tenant, u.Platform, u.Instance, u.Name, u.Service = l.Tenant, l.Platform, l.ID, l.Name, l.Service
			u.assign(l.Provider)
			return nil
		}
	}
	return fault.New(fault.NotFound, "instance %q has no history from event %d on", t.Instance, t.Life)
}

func (t tally) partID(part int) string {
	return recordID(t.Window.Start, t.ID, strconv.Itoa(part))
}

// What a tally that is to be counted is found by.
const (
	dueKey   = "due"
	dueValue = "yes"
)

// tallyKey is what events are found by.
const tallyKey = "tally"

func (t tally) keys() map[string]string {
	if t.open() {
		return map[string]string{dueKey: dueValue}
	}
	return nil
}
