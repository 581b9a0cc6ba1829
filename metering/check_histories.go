package metering

import (
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Histories compares what is billed with the instances that are there: See is to be called with each of
// them, then Missing.
type Histories struct {
	runs  []closedRun                           // in order
	named map[topology.InstanceID]store.Finding // who is billed and was not seen, by what names it first
}

// closedRun is consecutive windows that are closed, of one length and for a month at most.
type closedRun struct {
	stretch
	counted int // usage records of time, when they were closed
	now     int // by the histories that were seen
}

const longestRun = 31 * day

func newHistories() *Histories {
	return &Histories{named: map[topology.InstanceID]store.Finding{}}
}

// billed notes whom a tenant's statement is about.
func (h *Histories) billed(s Statement) {
	for _, l := range s.Lines {
		if s.Vendor == "" && l.Instance != "" {
			h.name(l.Instance, "statements", statementID(s.Number))
		}
	}
}

func (h *Histories) name(i topology.InstanceID, collection, id string) {
	if _, known := h.named[i]; !known {
		h.named[i] = store.Finding{Collection: collection, ID: id}
	}
}

// See takes an instance in.
func (h *Histories) See(i provision.Instance) {
	delete(h.named, i.ID)
	for _, life := range lives(i) {
		first := sort.Search(len(h.runs), func(n int) bool { return h.runs[n].End.After(life.History[0].At) })
		last := life.History[len(life.History)-1]
		for n := first; n < len(h.runs); n++ {
			r := &h.runs[n]
			if last.State != provision.Active && !last.At.After(r.Start) {
				break
			}
			if u, active := Usage(life, r.Window); active {
				r.now += r.touched(u.Spans...)
			}
		}
	}
}

// Missing finds instances that are billed and were not seen, and windows of which more was counted when they were
// closed than the histories have now. They may have more: what is written late, beyond the grace period, counts.
func (h *Histories) Missing(f *store.Findings) {
	for i, by := range h.named {
		f.Add(by.Collection, by.ID, "it is about instance %q, which does not exist", i)
	}
	for _, r := range h.runs {
		if r.now < r.counted {
			f.Add("windows", r.Start.Format(timeForm), "%d usage records were counted from then to %s, and the histories of all instances have %d: one is missing, or is not what it was",
				r.counted, r.End.Format(time.RFC3339), r.now)
		}
	}
}

// closed notes what was counted when windows were closed, and finds where some are missing between them.
func (a *audit) closed(ctx context.Context) error {
	p, err := a.progress.Get(ctx, progressID)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	runs, before := &a.histories.runs, time.Time{}
	for c, err := range a.windows.From(ctx, store.Query{}) {
		if err != nil {
			return err
		}
		if !before.IsZero() && !before.Equal(c.Start) {
			a.Add("windows", c.Start.Format(timeForm), "the windows before it are closed, and until %s only there are documents of that", before.Format(time.RFC3339))
		}
		before = c.End
		length, known := p.lengthAt(c.Start)
		if !known {
			continue // it was closed by a version that did not say
		}
		if n := len(*runs) - 1; n >= 0 && (*runs)[n].goesOn(c, length) {
			(*runs)[n].End, (*runs)[n].counted = c.End, (*runs)[n].counted+c.Usage
			continue
		}
		*runs = append(*runs, closedRun{stretch: stretch{c.Window, length}, counted: c.Usage})
	}
	return nil
}

func (r closedRun) goesOn(c Closed, length time.Duration) bool {
	return r.Length == length && r.End.Equal(c.Start) && c.End.Sub(r.Start) <= longestRun
}

// lengthAt is that of the window, closed or open, that begins at a moment.
func (p progress) lengthAt(start time.Time) (time.Duration, bool) {
	if p.Open != nil && !start.Before(p.Open.Start) {
		return p.Open.Length, true
	}
	for _, e := range slices.Backward(p.Eras) {
		if !e.Start.After(start) {
			return e.Length, true
		}
	}
	return 0, false
}
