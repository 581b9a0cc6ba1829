package metering

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
)

// SetPromise promises an availability of a plan's instances from a billing period on: the first that does not begin
// before it; without From that is the period in hand. One of the same plan and beginning is replaced. fault.Invalid
// when the promise is unsound; fault.NotFound without such a plan; fault.Conflict when it would alter what is
// issued, or due.
func (m *Meter) SetPromise(ctx context.Context, p rating.Promise) (rating.Promise, error) {
	if err := p.Check(); err != nil {
		return p, err
	}
	if _, err := m.prices.Prices(ctx, p.Service, p.Plan); err != nil {
		return p, err
	}
	var err error
	if p.From, err = m.begin(ctx, p.From, "a promise"); err != nil {
		return p, err
	}
	_, err = m.promises.Upsert(ctx, digestOf(string(p.Service), string(p.Plan), p.From.Format(timeForm)), func(rating.Promise, bool) (rating.Promise, error) { return p, nil })
	return p, err
}

// Promises lists all by service, plan and beginning.
func (m *Meter) Promises(ctx context.Context) ([]rating.Promise, error) {
	all := []rating.Promise{}
	for p, err := range m.promises.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	slices.SortFunc(all, rating.Promise.Compare)
	return all, nil
}

// promised are all, read once.
func (i *issuer) promised(ctx context.Context) ([]rating.Promise, error) {
	if i.pledges == nil {
		all, err := i.Promises(ctx)
		if err != nil {
			return nil, err
		}
		i.pledges = &all
	}
	return *i.pledges, nil
}

// promiseOf is the promise that a line is a credit for.
func (i *issuer) promiseOf(ctx context.Context, l rating.Line) (*rating.Promise, error) {
	all, err := i.promised(ctx)
	if err != nil {
		return nil, err
	}
	p, ok := rating.PromiseFor(all, l.Plan, l.Period)
	if !ok {
		return nil, fault.New(fault.NotFound, "the promise is gone")
	}
	return &p, nil
}
