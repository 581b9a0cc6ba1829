package metering

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

// Counted is what was counted in a window of what was reported, or of what counters said.
type Counted struct {
	Window   Window          `json:"window"`
	Quantity decimal.Decimal `json:"quantity"`
	Booked   time.Time       `json:"booked,omitzero"`  // when the last of it came, if that was after its window was due to close
	Events   []Event         `json:"events,omitempty"` // of what was reported, also what is not counted yet; none of counters, whose readings are added up as they are made
}

// maxTrail is how many events of appliances an explanation lists.
const maxTrail = 1000

// trace walks on from usage to what made it: of what lasted to events of its instance's history, of anything else to windows
// and the events that were reported in them.
func (e *Explanation) trace(ctx context.Context, m *Meter) error {
	i, err := m.instances.Get(ctx, e.Line.Instance)
	if err != nil {
		return err
	}
	for _, l := range lives(i) {
		if number, _ := lifeOf([]provision.Instance{l}, l.History[0].Seq); number == e.Line.Life {
			e.History = made(l.History, e.Usage)
		}
	}
	for t, err := range m.talliesOf(ctx, Filter{Instance: e.Line.Instance, From: e.Line.Period.Start, To: e.Line.Period.End}) {
		if err != nil {
			return err
		}
		for _, u := range e.Usage {
			if !strings.HasPrefix(u.ID, t.ID+"/") {
				continue
			}
			if err := e.count(ctx, m, t, rating.Period{Start: u.Start, End: u.End}); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(e.Counts, func(a, b Counted) int { return a.Window.Start.Compare(b.Window.Start) })
	return nil
}

// made are the events that usage of what lasts follows from: those in force in its time, and the one that ended it. Who asked
// is not told.
func made(history []provision.Event, usage []rating.Usage) (list []provision.Event) {
	for n, event := range history {
		until := time.Time{}
		if n+1 < len(history) {
			until = history[n+1].At
		}
		counts := slices.ContainsFunc(usage, func(u rating.Usage) bool {
			return !u.Level.IsZero() && !event.At.After(u.End) && (until.IsZero() || until.After(u.Start))
		})
		if counts {
			event.By, event.For, event.Reason = "", "", ""
			list = append(list, event)
		}
	}
	return list
}

// count tells a tally's windows that begin in a time.
func (e *Explanation) count(ctx context.Context, m *Meter, t tally, within rating.Period) error {
	windows := map[int]*Counted{}
	for at, p := range t.parts {
		w := t.window(at.window)
		if !within.Contains(w.Start) || !e.Line.Period.Contains(w.Start) {
			continue
		}
		if windows[at.window] == nil {
			windows[at.window] = &Counted{Window: w}
		}
		c := windows[at.window]
		c.Quantity, c.Booked = c.Quantity.Add(p.Quantity), later(c.Booked, p.Booked)
	}
	_, sampled := catalog.LegOf(t.Dimension)
	for _, number := range slices.Sorted(maps.Keys(windows)) {
		c := windows[number]
		if sampled {
			e.Counts = append(e.Counts, *c)
			continue
		}
		for r, err := range m.events.All(ctx, windowKey, t.windowID(number)) {
			if err != nil {
				return err
			}
			if e.listed == maxTrail {
				e.Truncated = true
				break
			}
			c.Events, e.listed = append(c.Events, r.Event), e.listed+1
		}
		e.Counts = append(e.Counts, *c)
	}
	return nil
}
