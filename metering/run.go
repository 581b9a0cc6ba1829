package metering

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
)

// writers share the store's flushes.
const writers = 16

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
	for _, plan := range u.plans() {
		found[plan], err = r.pricesOf(ctx, u.Service, plan)
		if errors.Is(err, fault.NotFound) {
			r.log.Error("usage is not billed: the catalog has no such plan",
				"usage", u.ID, "instance", u.Instance, "service", u.Service, "plan", plan)
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
