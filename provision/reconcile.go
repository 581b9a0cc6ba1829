package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/work"
)

// slot is how far the schedule is done, and who does the round in hand, so that of
// many brokers one does it: a document in the collection "reconcile".
type slot struct {
	At    time.Time   `json:"at"` // the rounds that were due by then are done
	Lease store.Lease `json:"lease,omitzero"`
}

const (
	slotID    = "slot"
	slotLasts = 10 * time.Second // how long a round stays that of a broker that died
)

// The pause after a repair that failed doubles from the first to the last.
const (
	firstPause = 5 * time.Minute
	lastPause  = 24 * time.Hour
)

// Reconcile compares every tenant with the records, whenever the schedule says so,
// until ctx ends. First the provider's services that stand in all networks of the
// tenant are put into those that have come since. Drift is reported: once in the log, in the history of the instances
// concerned and in DriftCounts. With repair, a change mends it; drift that cannot be
// repaired is only reported, and a repair that fails is tried again after growing
// pauses.
//
// Of many brokers one does each round, under a lease; when it dies another does it.
// One that was missed while all were down is made up for at the start.
func (s *Service) Reconcile(ctx context.Context, schedule Schedule, repair bool) error {
	at, missed := s.missed(ctx, schedule)
	for {
		if !missed {
			at = schedule.Next(time.Now().UTC())
		}
		if at.IsZero() { // no time ever comes
			<-ctx.Done()
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(at)):
		}
		missed = false
		if err := s.ReconcileAt(ctx, at, repair); err != nil && ctx.Err() == nil {
			s.log.Error("cannot look for drift; the next run tries again", "error", err)
		}
	}
}

// missed is the first round that was due while no broker was there to do it.
func (s *Service) missed(ctx context.Context, schedule Schedule) (time.Time, bool) {
	last, err := s.slots.Get(ctx, slotID)
	if err != nil { // the first start, or no store: there are rounds to come
		return time.Time{}, false
	}
	at := schedule.Next(last.At)
	return at, !at.IsZero() && at.Before(time.Now())
}

// ReconcileAt does once what Reconcile does, unless another broker has done it for
// that time already. While another does it, it waits, and goes on if that one dies.
func (s *Service) ReconcileAt(ctx context.Context, at time.Time, repair bool) error {
	var begun time.Time
	_, err := store.Duty[slot]{
		Progress: s.slots, ID: slotID, Lasts: slotLasts,
		Lease: func(s *slot) *store.Lease { return &s.Lease },
	}.Do(ctx, func(old slot, _ bool) (slot, error) {
		if !at.After(old.At) {
			return old, store.Unchanged
		}
		return old, nil
	}, func(ctx context.Context, _ slot) error {
		begun = time.Now()
		return s.lookAll(ctx, at, repair)
	}, func(old slot) slot {
		// What became due before it was begun is done with it.
		if old.At = at.UTC(); begun.After(at) {
			old.At = begun.UTC()
		}
		return old
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// lookAll looks at one place after another; a region that cannot be asked is in the
// way of no other.
func (s *Service) lookAll(ctx context.Context, at time.Time, repair bool) error {
	places, _, failed := s.placesAnywhere(ctx)
	for _, p := range places {
		if err := s.reconcile(ctx, p, at, repair); err != nil {
			if ctx.Err() != nil {
				return err
			}
			s.driftCounts.check("error")
			s.log.Error("cannot compare a tenant with its records", "tenant", p, "error", err)
		}
	}
	return failed
}

// reconcile looks at one place.
func (s *Service) reconcile(ctx context.Context, p Place, at time.Time, repair bool) error {
	begun, err := s.Cover(ctx, p)
	if err != nil {
		s.log.Error("cannot put the provider's services into all networks of a tenant", "tenant", p, "error", err)
	}
	if len(begun) > 0 {
		s.driftCounts.check("busy")
		return nil
	}
	d, err := s.compare(ctx, p)
	if err != nil {
		return err
	}
	switch {
	case d.Busy:
		s.driftCounts.check("busy")
		return nil
	case !d.found():
		s.driftCounts.check("agrees")
		return s.agrees(ctx, p, "", "the cloud is as it should be again")
	}
	s.driftCounts.check("differs")
	m, err := s.report(ctx, d)
	if err != nil || !repair || at.Before(m.NotBefore) {
		return err
	}
	_, err = s.mend(ctx, d, "")
	return err
}

// agrees forgets a place's drift.
func (s *Service) agrees(ctx context.Context, p Place, by, how string) error {
	_, err := s.drifts.Get(ctx, p.key())
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.log.Info(how, "tenant", p, "by", by)
	err = s.eachLive(ctx, p, Instance.drifts, func(i *Instance) {
		i.Drift = ""
		i.note(by, how, "")
	})
	if err != nil {
		return err
	}
	return s.drifts.Delete(ctx, p.key())
}

// eachLive alters those of a place's instances that have something in the cloud and
// are to be altered.
func (s *Service) eachLive(ctx context.Context, p Place, which func(Instance) bool, alter func(*Instance)) error {
	for i, err := range s.living(ctx, p) {
		if err != nil {
			return err
		}
		if !which(i) {
			continue
		}
		_, err := s.instances.Update(ctx, string(i.ID), func(i Instance) (Instance, error) {
			if i.place() != p || !i.live() || !which(i) {
				return i, store.Unchanged
			}
			alter(&i)
			return i, nil
		})
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// settleRepair tells how a repair went.
func (s *Service) settleRepair(ctx context.Context, c work.Change) error {
	var args repairArgs
	if len(c.Args) > 0 {
		if err := json.Unmarshal(c.Args, &args); err != nil {
			return fmt.Errorf("cannot read who asked for a repair: %w", err)
		}
	}
	p := PlaceOf(c.Lane)
	if c.Outcome() == work.Done {
		s.driftCounts.repair("repaired")
		return s.agrees(ctx, p, args.By, "the cloud was repaired")
	}
	s.driftCounts.repair("failed")
	why := failure("the repair", c)
	s.log.Warn("drift was not repaired", "tenant", p, "change", c.ID, "by", args.By, "error", why)
	_, err := s.drifts.Upsert(ctx, p.key(), func(m memory, _ bool) (memory, error) {
		m.Tenant, m.Region = p.Tenant, p.Region
		m.Failures++
		m.Error, m.NotBefore = why, time.Now().UTC().Add(pause(m.Failures))
		return m, nil
	})
	if err != nil {
		return err
	}
	news := func(i Instance) bool { return i.drifts() && i.History[len(i.History)-1].Message != why }
	return s.eachLive(ctx, p, news, func(i *Instance) { i.note(args.By, why, "") })
}

func (i Instance) drifts() bool { return i.Drift != "" }

func pause(failures int) time.Duration {
	return min(firstPause<<min(failures-1, 10), lastPause)
}
