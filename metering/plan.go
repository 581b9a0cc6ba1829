package metering

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// progress is how far windows are closed. Open is planned before it is metered, by
// the broker that holds the lease.
type progress struct {
	Begin time.Time   `json:"begin,omitzero"` // of the first window, while none was planned to be closed
	Until time.Time   `json:"until"`          // every window before is closed
	Open  *stretch    `json:"open,omitempty"`
	Eras  []era       `json:"eras,omitempty"` // of the windows that are closed, in order
	Lease store.Lease `json:"lease,omitzero"`
}

// era is from when on windows have had a length, until the next.
type era struct {
	Start  time.Time     `json:"start"`
	Length time.Duration `json:"length"` // nanoseconds
}

// closed is the progress once what is open is closed.
func (p progress) closed() progress {
	if n := len(p.Eras); n == 0 || p.Eras[n-1].Length != p.Open.Length {
		p.Eras = append(slices.Clip(p.Eras), era{p.Open.Start, p.Open.Length})
	}
	p.Begin, p.Until, p.Open = time.Time{}, p.Open.End, nil
	return p
}

// within are the stretches of closed windows of one length that begin from a moment on and, unless
// it is zero, before another.
func (p progress) within(from, to time.Time) (list []stretch) {
	for n, e := range p.Eras {
		s := stretch{Window{e.Start, p.Until}, e.Length}
		if n+1 < len(p.Eras) {
			s.End = p.Eras[n+1].Start
		}
		if s.Start.Before(from) {
			if s.Start = floor(from, e.Length); s.Start.Before(from) {
				s.Start = s.Start.Add(e.Length)
			}
		}
		if !to.IsZero() && to.Before(s.End) {
			if last := floor(to.Add(-1), e.Length).Add(e.Length); last.Before(s.End) {
				s.End = last
			}
		}
		if s.Start.Before(s.End) {
			list = append(list, s)
		}
	}
	return list
}

const (
	progressID = "progress"

	// maxStretch bounds the windows that are closed together, so that a crash in the
	// middle of making up for a long absence repeats little.
	maxStretch = 1000

	// leaseLasts is how long the windows in hand stay those of a broker that died.
	leaseLasts = 10 * time.Second
)

// duty is the closing of windows, for all brokers.
func (m *Meter) duty() store.Duty[progress] {
	return store.Duty[progress]{
		Progress: m.progress, ID: progressID, Lasts: leaseLasts,
		Lease: func(p *progress) *store.Lease { return &p.Lease },
	}
}

// plan settles which windows are to be closed next, for all brokers: those that
// somebody has begun, or what comes after the last that was closed or, when none
// was, after first. store.Unchanged when everything before until is closed.
func (m *Meter) plan(p progress, first, until time.Time) (progress, error) {
	if p.Until.IsZero() {
		p.Begin, p.Until = time.Time{}, first
	}
	if p.Open != nil {
		return p, nil
	}
	if p.Until.IsZero() || !p.Until.Before(until) {
		return p, store.Unchanged
	}
	end := floor(p.Until, m.window).Add(maxStretch * m.window)
	if end.After(until) {
		end = until
	}
	p.Open = &stretch{Window{p.Until, end}, m.window}
	return p, nil
}

// origin is the beginning, unless windows have been closed since. It is remembered, or
// every start before a window is over would go through all instances again.
func (m *Meter) origin(ctx context.Context) (time.Time, error) {
	p, err := m.progress.Get(ctx, progressID)
	if err == nil && !p.Until.IsZero() {
		return time.Time{}, nil
	}
	if !errors.Is(err, fault.NotFound) && (err != nil || !p.Begin.IsZero()) {
		return p.Begin, err
	}
	begin, err := m.beginning(ctx)
	if err != nil || begin.IsZero() {
		return begin, err
	}
	_, err = m.progress.Upsert(ctx, progressID, func(p progress, _ bool) (progress, error) {
		if !p.Until.IsZero() || !p.Begin.IsZero() {
			return p, store.Unchanged
		}
		p.Begin = begin
		return p, nil
	})
	return begin, err
}

// beginning is the start of the window in which history begins; zero when there is
// no history.
func (m *Meter) beginning(ctx context.Context) (time.Time, error) {
	var first time.Time
	for i, err := range m.instances.All(ctx) {
		if err != nil {
			return first, err
		}
		if len(i.History) > 0 && (first.IsZero() || i.History[0].At.Before(first)) {
			first = i.History[0].At
		}
	}
	if first.IsZero() {
		return first, nil
	}
	return floor(first, m.window), nil
}
