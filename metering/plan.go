package metering

import (
	"context"
	"errors"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// progress is how far windows are closed. Open is planned before it is metered.
type progress struct {
	Until time.Time `json:"until"` // every window before is closed
	Open  *stretch  `json:"open,omitempty"`
}

const (
	progressID = "progress"

	// maxStretch bounds the windows that are closed together, so that a crash in the
	// middle of making up for a long absence repeats little.
	maxStretch = 1000
)

// plan settles which windows are to be closed next, for all brokers; nil when
// everything before until is closed.
func (m *Meter) plan(ctx context.Context, until time.Time) (*stretch, error) {
	p, err := m.progress.Get(ctx, progressID)
	if errors.Is(err, fault.NotFound) {
		p.Until, err = m.beginning(ctx)
	}
	if err != nil || p.Until.IsZero() {
		return nil, err
	}
	first := p.Until
	p, err = m.progress.Upsert(ctx, progressID, func(p progress, exists bool) (progress, error) {
		if !exists {
			p.Until = first
		}
		if p.Open != nil || !p.Until.Before(until) {
			return p, store.Unchanged
		}
		end := floor(p.Until, m.window).Add(maxStretch * m.window)
		if end.After(until) {
			end = until
		}
		p.Open = &stretch{Window{p.Until, end}, m.window}
		return p, nil
	})
	return p.Open, err
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
