package metering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
)

// bookAll has the sums of windows that are over go into tallies, also of instances that are gone.
func (r *samples) bookAll(ctx context.Context) error {
	working, within := errgroup.WithContext(ctx)
	working.SetLimit(samplers)
	for o, err := range r.odometers.All(ctx, bookKey, bookValue) {
		if err != nil {
			return errors.Join(err, working.Wait())
		}
		working.Go(func() error {
			if err := r.book(within, o); err != nil {
				return fmt.Errorf("cannot book what has passed instance %q: %w", o.Instance, err)
			}
			return nil
		})
	}
	return working.Wait()
}

// book has sums be final, enters them in their tallies, one after the other, and takes them
// away. A tally has the number of the sum that was entered last: so a sum that is booked again,
// by who comes after a crash or by two at the same time, is not entered again.
func (r *samples) book(ctx context.Context, o odometer) error {
	id := odometerID(o.Instance, o.Life)
	o, err := r.odometers.Update(ctx, id, func(o odometer) (odometer, error) { return o.freeze(r.round.End) })
	if err != nil {
		return err
	}
	i, err := r.lifeOf(ctx, o)
	if err != nil {
		return err
	}
	for _, s := range o.Sums {
		if !o.final(s) {
			break
		}
		if err := r.enter(ctx, i, o.Life, s); err != nil {
			return err
		}
		if _, err := r.odometers.Update(ctx, id, func(o odometer) (odometer, error) { return o.without(s.Number) }); err != nil {
			return err
		}
	}
	return nil
}

// lifeOf is the instance whose odometer it is.
func (r *samples) lifeOf(ctx context.Context, o odometer) (provision.Instance, error) {
	i, err := r.histories.Get(ctx, string(o.Instance))
	if err != nil {
		return i, err
	}
	for _, l := range lives(i) {
		if l.History[0].Seq == o.Life {
			return l, nil
		}
	}
	return i, fault.New(fault.NotFound, "instance %q has no history from event %d on", o.Instance, o.Life)
}

// enter enters a sum in the tallies of the dimensions that its plan prices.
func (r *samples) enter(ctx context.Context, i provision.Instance, life int, s sum) error {
	prices, err := r.pricesOf(ctx, i.Service, s.Plan)
	if err != nil {
		return err
	}
	for _, dimension := range legPrices(prices, string(i.Tenant)) {
		leg, _ := catalog.LegOf(dimension)
		p := part{Quantity: s.of(leg)}
		if p.Quantity.IsZero() {
			continue
		}
		if now := time.Now().UTC(); now.After(s.Window.End.Add(r.grace + r.window)) {
			p.Booked = now
		}
		if err := r.count(ctx, i, life, dimension, s, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *samples) count(ctx context.Context, i provision.Instance, life int, dimension string, s sum, p part) error {
	t := newTally(reported{
		Event: Event{Dimension: dimension, Time: s.Window.Start}, Instance: i.ID, Life: life, Plan: s.Plan, Length: s.Window.End.Sub(s.Window.Start),
	})
	t.attribute(i)
	window := t.number(s.Window.Start)
	if err := r.noteLate(ctx, t.record(place{window, 1}, p)); err != nil {
		return err
	}
	_, err := r.tallies.Upsert(ctx, t.ID, func(old tally, exists bool) (tally, error) {
		if !exists {
			old = t
		}
		if old.Sampled >= s.Number {
			return old, store.Unchanged
		}
		row := old.row(window)
		row.Parts = append(row.Parts, p)
		old.settle()
		old.Sampled = s.Number
		return old, nil
	})
	return err
}
