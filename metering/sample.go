package metering

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Counters is where it is read what has passed the legs of an instance's appliances.
type Counters interface {
	Counters(ctx context.Context, i provision.Instance) ([]topology.Counter, error)
}

// sampling is how far counters are read.
type sampling struct {
	Until time.Time   `json:"until"` // every round before is done
	Open  *Window     `json:"open,omitempty"`
	Lease store.Lease `json:"lease,omitzero"`
}

// samplers is how many instances are read at a time.
const samplers = 16

// RunSampling reads counters in rounds until ctx ends, as often as Config.Sample says; without
// counters it does nothing. What fails is logged and made up for by the next round.
func (m *Meter) RunSampling(ctx context.Context) error {
	if m.counters == nil {
		return nil
	}
	for ctx.Err() == nil {
		if _, err := m.Sample(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("cannot read the counters of appliances; the next round goes on", "error", err)
		}
		now := time.Now()
		select {
		case <-ctx.Done():
		case <-time.After(floor(now, m.sample).Add(m.sample).Sub(now)):
		}
	}
	return nil
}

// Sample does the round of readings that is due, and says whether one was. After an error, or a
// crash, the same call goes on where it ended; of several at the same time one does the
// work. A round reads the instances on whose plans something is priced that passes legs.
// Those that could not be read are read in the next one, for both.
func (m *Meter) Sample(ctx context.Context) (did bool, err error) {
	due := floor(time.Now(), m.sample)
	duty := store.Duty[sampling]{
		Progress: m.sampling, ID: "counters", Lasts: leaseLasts, Lease: func(p *sampling) *store.Lease { return &p.Lease },
	}
	return duty.Do(ctx,
		func(p sampling, _ bool) (sampling, error) {
			switch {
			case p.Open != nil:
			case !p.Until.Before(due):
				return p, store.Unchanged
			case p.Until.IsZero():
				p.Open = &Window{due.Add(-m.sample), due}
			default:
				p.Open = &Window{p.Until, due}
			}
			return p, nil
		},
		func(ctx context.Context, p sampling) error { return m.sampleAll(ctx, *p.Open) },
		func(p sampling) sampling { return sampling{Until: p.Open.End, Lease: p.Lease} })
}

func (m *Meter) sampleAll(ctx context.Context, round Window) error {
	r := &samples{Meter: m, round: round, prices: map[catalog.PlanID][]catalog.Price{}}
	working, within := errgroup.WithContext(ctx)
	working.SetLimit(samplers)
	for i, err := range m.histories.All(ctx, "state", string(provision.Active)) {
		if err != nil {
			return errors.Join(err, working.Wait())
		}
		working.Go(func() error {
			if err := r.one(within, i); err != nil {
				return fmt.Errorf("cannot read the counters of instance %q: %w", i.ID, err)
			}
			return nil
		})
	}
	if err := working.Wait(); err != nil {
		return err
	}
	if !floor(round.End, m.window).After(floor(round.Start, m.window)) {
		return nil
	}
	return r.bookAll(ctx)
}

// samples is a round under way.
type samples struct {
	*Meter
	round  Window
	mu     sync.Mutex // guards prices
	prices map[catalog.PlanID][]catalog.Price
}

// one plans an instance's interval and reads its counters. That the cloud does not answer
// leaves the interval open.
func (r *samples) one(ctx context.Context, i provision.Instance) error {
	if len(i.History) == 0 {
		return nil
	}
	life, number := latest(i)
	id := odometerID(i.ID, number)
	counts, err := r.wants(ctx, life, id)
	if err != nil || !counts {
		return err
	}
	o, err := r.odometers.Upsert(ctx, id, func(o odometer, _ bool) (odometer, error) { return o.plan(life, r.round) })
	if err != nil || o.Open == nil {
		return err
	}
	now, err := r.counters.Counters(ctx, i)
	if err != nil {
		r.log.Error("the counters of an instance cannot be read; the next round reads them for this one, too", "instance", i.ID, "error", err)
		return ctx.Err()
	}
	_, err = r.odometers.Update(ctx, id, func(o odometer) (odometer, error) { return o.enter(now, i.Plan, r.round.End, r.window) })
	return err
}

// wants says whether an instance is read: when something is priced that passes its legs, and from
// then on always, or what passes on another plan would be billed on this one.
func (r *samples) wants(ctx context.Context, i provision.Instance, id string) (bool, error) {
	prices, err := r.pricesOf(ctx, i.Service, i.Plan)
	if err != nil || len(legPrices(prices, string(i.Tenant))) > 0 {
		return err == nil, err
	}
	_, err = r.odometers.Look(ctx, id)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}

// pricesOf asks once per plan and round; none of a plan that the catalog does not know.
func (r *samples) pricesOf(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) ([]catalog.Price, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if prices, ok := r.prices[plan]; ok {
		return prices, nil
	}
	prices, err := r.Meter.prices.Prices(ctx, service, plan)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, err
	}
	r.prices[plan] = prices
	return prices, nil
}

// legPrices are the dimensions of legs that are priced, or ever were, for a tenant, in order.
func legPrices(prices []catalog.Price, tenant string) (list []string) {
	for _, p := range prices {
		if _, leg := catalog.LegOf(p.Dimension); leg && !p.Fee() && (p.Tenant == "" || p.Tenant == tenant) {
			list = append(list, p.Dimension)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
