package metering

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
)

// Closed is one or more consecutive windows that were closed together.
type Closed struct {
	Window
	Windows int       `json:"windows"` // how many lie between Start and End
	Usage   int       `json:"usage"`   // usage records in them
	Bills   int       `json:"bills"`   // billing records in them
	Unrated int       `json:"unrated"` // usage records with a plan that the catalog does not know: metered, not billed
	At      time.Time `json:"at"`      // when
}

func (c Closed) and(o Closed) Closed {
	if c.Windows == 0 {
		return o
	}
	c.End, c.At = o.End, o.At
	c.Windows, c.Usage, c.Bills, c.Unrated = c.Windows+o.Windows, c.Usage+o.Usage, c.Bills+o.Bills, c.Unrated+o.Unrated
	return c
}

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
	// writers share the store's flushes.
	writers = 16
)

// CatchUp closes all windows that are over, from the first that is not closed; at
// first from the one in which history begins. It returns what it closed, which is
// nothing when there is nothing to close.
//
// After an error, or a crash, the same call goes on where it ended. Several at the
// same time do the work together.
func (m *Meter) CatchUp(ctx context.Context) (Closed, error) {
	return m.closeUntil(ctx, m.due())
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

func (m *Meter) closeUntil(ctx context.Context, until time.Time) (all Closed, err error) {
	for {
		s, err := m.plan(ctx, until)
		if err != nil {
			return all, fmt.Errorf("cannot plan which windows to close: %w", err)
		}
		if s == nil {
			return all, nil
		}
		closed, err := m.closeStretch(ctx, *s)
		if err != nil {
			return all, fmt.Errorf("cannot close the windows from %s on: %w", s.Start.Format(time.RFC3339), err)
		}
		all = all.and(closed)
	}
}

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

// closeStretch writes the records of all instances, then the mark that the windows
// are closed, then moves on.
func (m *Meter) closeStretch(ctx context.Context, s stretch) (Closed, error) {
	r := &run{Meter: m, prices: map[catalog.PlanID][]catalog.Price{}, closed: Closed{Window: s.Window}}
	for range s.windows() {
		r.closed.Windows++
	}
	if err := r.meter(ctx, s); err != nil {
		return Closed{}, err
	}
	r.closed.At = time.Now().UTC()
	if err := created(m.windows.Create(ctx, s.Start.Format(timeForm), r.closed)); err != nil {
		return Closed{}, err
	}
	_, err := m.progress.Update(ctx, progressID, func(p progress) (progress, error) {
		if p.Open == nil || !p.Open.Start.Equal(s.Start) {
			return p, store.Unchanged // another broker was quicker
		}
		return progress{Until: s.End}, nil
	})
	return r.closed, err
}

// run is the closing of one stretch.
type run struct {
	*Meter
	mu     sync.Mutex
	prices map[catalog.PlanID][]catalog.Price
	closed Closed
}

func (r *run) meter(ctx context.Context, s stretch) error {
	ctx, fail := context.WithCancelCause(ctx) // the first failure is the cause; those it brings about are not
	defer fail(nil)
	var working sync.WaitGroup
	free := make(chan struct{}, writers)
	for i, err := range r.instances.All(ctx) {
		if err != nil {
			fail(err)
			break
		}
		for _, life := range lives(i) {
			if _, active := Usage(life, s.Window); !active {
				continue
			}
			free <- struct{}{}
			working.Go(func() {
				defer func() { <-free }()
				if err := r.meterOne(ctx, life, s); err != nil {
					fail(err)
				}
			})
		}
	}
	working.Wait()
	return context.Cause(ctx)
}

func (r *run) meterOne(ctx context.Context, i provision.Instance, s stretch) error {
	for w := range s.windows() {
		if u, active := Usage(i, w); active {
			if err := r.record(ctx, u); err != nil {
				return fmt.Errorf("cannot bill instance %q: %w", i.ID, err)
			}
		}
	}
	return nil
}

// record stores usage, or takes the record that is there, and bills that.
func (r *run) record(ctx context.Context, u UsageRecord) error {
	err := r.usage.Create(ctx, u.ID, u)
	if errors.Is(err, fault.Conflict) {
		u, err = r.usage.Get(ctx, u.ID)
	}
	if err != nil {
		return err
	}
	prices, unknown, err := r.pricesFor(ctx, u)
	if err != nil {
		return err
	}
	bills, err := r.bill(ctx, Rate(u, prices))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed.Usage++
	r.closed.Bills += bills
	if unknown {
		r.closed.Unrated++
	}
	return nil
}

// bill stores the lines of one usage record, in order, or takes those that are
// there. What a stored line covers is not billed again, even if a price that begins
// inside it was appended after it was written.
func (r *run) bill(ctx context.Context, lines []BillingRecord) (bills int, err error) {
	var billed time.Time
	for _, line := range lines {
		if line.Start.Before(billed) {
			continue
		}
		err := r.bills.Create(ctx, line.ID, line)
		if errors.Is(err, fault.Conflict) {
			line, err = r.bills.Get(ctx, line.ID)
		}
		if err != nil {
			return bills, err
		}
		bills, billed = bills+1, line.End
	}
	return bills, nil
}

// created takes a record that is there already for one that was written: there is
// only one with that id.
func created(err error) error {
	if errors.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// pricesFor are the prices of the plans in u. A plan that the catalog does not
// know must not keep everybody else's bills: its usage is kept, and said.
func (r *run) pricesFor(ctx context.Context, u UsageRecord) (_ map[catalog.PlanID][]catalog.Price, unknown bool, err error) {
	found := map[catalog.PlanID][]catalog.Price{}
	for _, s := range u.Spans {
		found[s.Plan], err = r.pricesOf(ctx, u.Service, s.Plan)
		if errors.Is(err, fault.NotFound) {
			r.log.Error("usage is not billed: the catalog has no such plan",
				"usage", u.ID, "instance", u.Instance, "service", u.Service, "plan", s.Plan)
			unknown = true
			continue
		}
		if err != nil {
			return nil, unknown, err
		}
	}
	return found, unknown, nil
}

// pricesOf asks once per plan and stretch; prices that begin later than now cannot
// matter to windows that are over.
func (r *run) pricesOf(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) ([]catalog.Price, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if prices, ok := r.prices[plan]; ok {
		return prices, nil
	}
	prices, err := r.Meter.prices.Prices(ctx, service, plan)
	if err == nil {
		r.prices[plan] = prices
	}
	return prices, err
}
