package metering

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
)

// writers share the store's flushes.
const writers = 16

// run is the closing of one stretch.
type run struct {
	*Meter
	known  *offered
	mu     sync.Mutex
	closed Closed
}

func newRun(m *Meter, closed Closed) *run {
	return &run{Meter: m, known: newOffered(m), closed: closed}
}

// meter counts the records that all instances have in a stretch.
func (r *run) meter(ctx context.Context, s stretch) error {
	working, within := errgroup.WithContext(ctx)
	working.SetLimit(writers)
	for i, err := range r.instances.All(ctx) {
		if err != nil {
			working.Go(func() error { return err })
			break
		}
		if within.Err() != nil {
			break
		}
		working.Go(func() error {
			for _, life := range lives(i) {
				if err := r.meterLife(within, life, s); err != nil {
					return fmt.Errorf("cannot bill instance %q: %w", i.ID, err)
				}
			}
			return nil
		})
	}
	return working.Wait()
}

// meterLife takes a stretch for one window and counts the windows that its spans and lines
// touch: each has a record of its own of these.
func (r *run) meterLife(ctx context.Context, life provision.Instance, s stretch) error {
	u, active := Usage(life, s.Window)
	if !active {
		return nil
	}
	lines, unknown, err := r.known.rate(ctx, u)
	if err != nil {
		return err
	}
	var unrated []Span
	for _, span := range u.Spans {
		if unknown[span.Plan] {
			unrated = append(unrated, span)
		}
	}
	bills := 0
	for _, l := range lines {
		bills += s.touched(Span{Start: l.Start, End: l.End})
	}
	r.count(s.touched(u.Spans...), bills, s.touched(unrated...))
	return nil
}

// record counts a record of what was reported.
func (r *run) record(ctx context.Context, u UsageRecord) error {
	lines, unknown, err := r.known.rate(ctx, u)
	if err == nil {
		r.count(1, len(lines), len(unknown))
	}
	return err
}

func (r *run) count(usage, bills, unrated int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed.Usage, r.closed.Bills, r.closed.Unrated = r.closed.Usage+usage, r.closed.Bills+bills, r.closed.Unrated+unrated
}

// created takes a record that is there already for one that was written: there is
// only one with that id.
func created(err error) error {
	if errors.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// offered is the prices of plans, each asked for once; prices that begin later than now
// cannot matter to windows that are over.
type offered struct {
	*Meter
	mu      sync.Mutex
	prices  map[catalog.PlanID][]catalog.Price
	unknown map[catalog.PlanID]bool
}

func newOffered(m *Meter) *offered {
	return &offered{Meter: m, prices: map[catalog.PlanID][]catalog.Price{}, unknown: map[catalog.PlanID]bool{}}
}

// rate is the lines of a record. A plan that the catalog does not know must not keep
// everybody else's bills: it is said.
func (o *offered) rate(ctx context.Context, u UsageRecord) (lines []BillingRecord, unknown map[catalog.PlanID]bool, err error) {
	found := map[catalog.PlanID][]catalog.Price{}
	for _, plan := range u.plans() {
		prices, known, err := o.of(ctx, u.Service, plan)
		if err != nil {
			return nil, nil, err
		}
		if found[plan] = prices; !known {
			if unknown == nil {
				unknown = map[catalog.PlanID]bool{}
			}
			unknown[plan] = true
		}
	}
	return Rate(u, found), unknown, nil
}

func (o *offered) of(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) (_ []catalog.Price, known bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if prices, asked := o.prices[plan]; asked {
		return prices, !o.unknown[plan], nil
	}
	prices, err := o.Meter.prices.Prices(ctx, service, plan)
	if errors.Is(err, fault.NotFound) {
		o.log.Error("usage is not billed: the catalog has no such plan", "service", service, "plan", plan)
		o.unknown[plan], err = true, nil
	}
	if err != nil {
		return nil, false, err
	}
	o.prices[plan] = prices
	return prices, !o.unknown[plan], nil
}
