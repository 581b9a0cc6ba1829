package metering

import (
	"context"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Closed is one or more consecutive windows that were closed together.
type Closed struct {
	Window
	Windows    int       `json:"windows"`              // how many lie between Start and End
	Usage      int       `json:"usage"`                // usage records in them
	Bills      int       `json:"bills"`                // billing records in them
	Statements int       `json:"statements,omitempty"` // issued after them
	Unrated    int       `json:"unrated"`              // usage records with a plan that the catalog does not know: metered, not billed
	At         time.Time `json:"at"`                   // when
}

func (c Closed) and(o Closed) Closed {
	if c.Windows == 0 {
		return o
	}
	c.End, c.At = o.End, o.At
	c.Windows, c.Usage, c.Bills, c.Unrated = c.Windows+o.Windows, c.Usage+o.Usage, c.Bills+o.Bills, c.Unrated+o.Unrated
	return c
}

// CatchUp closes all windows that are over, from the first that is not closed; at
// first from the one in which history begins. Then it counts what was reported for
// closed windows, however late, and issues the statements that are due. It returns what it closed, which is nothing when there
// is nothing to close.
//
// After an error, or a crash, the same call goes on where it ended. Of several at the
// same time, in one broker or many, one does the work, under a lease: the others wait
// until it has, or until it has died and its lease has ended, and then go on.
func (m *Meter) CatchUp(ctx context.Context) (Closed, error) {
	closed, err := m.closeUntil(ctx, m.due())
	if err != nil {
		return closed, err
	}
	closed.Statements, err = m.Issue(ctx)
	return closed, err
}

// Close closes all windows that end by until, in order. fault.Invalid when until
// is not the end of a window; fault.Conflict when that window is not over, its grace
// period included. Windows that are closed already are left as they are.
func (m *Meter) Close(ctx context.Context, until time.Time) (Closed, error) {
	if !floor(until, m.window).Equal(until) {
		return Closed{}, fault.New(fault.Invalid, "%s is not the end of a window; windows last %s", until.UTC().Format(time.RFC3339), m.window)
	}
	if until.After(m.due()) {
		return Closed{}, fault.New(fault.Conflict, "the window that ends at %s is not over; it can be closed from %s on",
			until.UTC().Format(time.RFC3339), until.Add(m.grace).UTC().Format(time.RFC3339Nano))
	}
	return m.closeUntil(ctx, until.UTC())
}

// due is the end of the latest window that may be closed.
func (m *Meter) due() time.Time { return floor(time.Now().Add(-m.grace), m.window) }

func (m *Meter) closeUntil(ctx context.Context, until time.Time) (all Closed, _ error) {
	first, err := m.origin(ctx)
	if err != nil {
		return all, fmt.Errorf("cannot plan which windows to close: %w", err)
	}
	for {
		var open *stretch
		var closed Closed
		did, err := m.duty().Do(ctx,
			func(p progress, _ bool) (progress, error) { return m.plan(p, first, until) },
			func(ctx context.Context, p progress) (err error) {
				open = p.Open
				closed, err = m.closeStretch(ctx, *open)
				return err
			},
			progress.closed)
		switch {
		case err != nil && open == nil:
			return all, fmt.Errorf("cannot plan which windows to close: %w", err)
		case err != nil:
			return all, fmt.Errorf("cannot close the windows from %s on: %w", open.Start.Format(time.RFC3339), err)
		case !did:
			return m.countAll(ctx, all)
		}
		all = all.and(closed)
	}
}

// closeStretch counts the records of all instances, and writes that the windows are closed.
func (m *Meter) closeStretch(ctx context.Context, s stretch) (Closed, error) {
	r := newRun(m, Closed{Window: s.Window, Windows: s.touched(Span{Start: s.Start, End: s.End})})
	if err := r.meter(ctx, s); err != nil {
		return Closed{}, err
	}
	r.closed.At = time.Now().UTC()
	return r.closed, created(m.windows.Create(ctx, s.Start.Format(timeForm), r.closed))
}
