package metering

import (
	"context"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
)

// Erasure is the audit entry of names that were erased.
type Erasure struct {
	At        time.Time `json:"at"`
	Before    time.Time `json:"before"`    // what is older names nobody any more
	Instances int       `json:"instances"` // in whose history, acceptances, name or context somebody was named; after a crash, those that were left
	Credits   int       `json:"credits"`   // whose reasons gave way to their ids
	Kept      int       `json:"kept"`      // credits whose reasons are part of statements that an older version issued, and stay
}

// forgetting is how far names are erased.
type forgetting struct {
	Before time.Time   `json:"before"`        // of what is older
	Open   time.Time   `json:"open,omitzero"` // what is being done, likewise
	Lease  store.Lease `json:"lease,omitzero"`
}

// Forget erases the names of people in what is older than Config.RetainNames, unless that is zero or was done
// today: those that provision.Instance.Forget says, in tallies the names of the instances that are deleted, and the reasons of credits on
// statements that were issued by then. Their ids take their place; amounts, usage and the chain of statements stay as they are. It says what
// it did; zero when there was nothing.
//
// After an error, or a crash, the same call goes on where it ended; of several at the same time one does the work.
func (m *Meter) Forget(ctx context.Context) (e Erasure, err error) {
	if m.retainNames == 0 {
		return e, nil
	}
	due := floor(time.Now().Add(-m.retainNames), day)
	duty := store.Duty[forgetting]{
		Progress: m.forgetting, ID: "names", Lasts: leaseLasts, Lease: func(p *forgetting) *store.Lease { return &p.Lease },
	}
	_, err = duty.Do(ctx,
		func(p forgetting, _ bool) (forgetting, error) {
			if p.Open.IsZero() && !p.Before.Before(due) {
				return p, store.Unchanged
			}
			p.Open = later(p.Open, due)
			return p, nil
		},
		func(ctx context.Context, p forgetting) (err error) {
			e, err = m.forgetAll(ctx, p.Open)
			return err
		},
		func(p forgetting) forgetting { return forgetting{Before: p.Open, Lease: p.Lease} })
	return e, err
}

func (m *Meter) forgetAll(ctx context.Context, before time.Time) (e Erasure, err error) {
	e = Erasure{At: time.Now().UTC(), Before: before}
	if e.Instances, err = m.forgetInstances(ctx, before); err != nil {
		return e, fmt.Errorf("cannot erase the names in histories: %w", err)
	}
	if e.Credits, e.Kept, err = m.forgetReasons(ctx, before); err != nil {
		return e, fmt.Errorf("cannot erase the reasons of credits: %w", err)
	}
	if e.Instances+e.Credits == 0 {
		return e, nil
	}
	m.log.Info("audit", "caller", "retention", "erased", "names", "before", before, "instances", e.Instances, "credits", e.Credits, "kept", e.Kept)
	return e, m.erasures.Create(ctx, e.At.Format(timeForm), e)
}

// forgetInstances erases in tallies first: what an instance still names is done again after a crash.
func (m *Meter) forgetInstances(ctx context.Context, before time.Time) (count int, _ error) {
	for i, err := range m.histories.All(ctx, "", "") {
		if err != nil {
			return count, err
		}
		named := i.Forget(before)
		if all := lives(i); len(all) > 1 || named && len(all) > 0 {
			if err := m.forgetLives(ctx, all, before); err != nil {
				return count, err
			}
		}
		if !named {
			continue
		}
		_, err := m.histories.Update(ctx, string(i.ID), func(now provision.Instance) (provision.Instance, error) {
			if !now.Forget(before) {
				return now, store.Unchanged
			}
			return now, nil
		})
		if err != nil {
			return count, err
		}
		count++
	}
	return count, nil
}

// forgetLives erases the names of those instances that had an id, and are deleted, in what was counted of them.
func (m *Meter) forgetLives(ctx context.Context, all []provision.Instance, before time.Time) error {
	old := map[int]bool{}
	for _, l := range all {
		last := l.History[len(l.History)-1]
		old[l.History[0].Seq] = last.State == provision.Deleted && last.At.Before(before)
	}
	for t, err := range m.talliesOf(ctx, Filter{Instance: all[0].ID}) {
		if err != nil {
			return err
		}
		if !old[t.Life] || t.Name == string(t.Instance) {
			continue
		}
		_, err := m.tallies.Update(ctx, t.ID, func(now tally) (tally, error) {
			now.Name = string(now.Instance)
			return now, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetReasons erases those of the credits that are on statements issued before a moment.
func (m *Meter) forgetReasons(ctx context.Context, before time.Time) (erased, kept int, _ error) {
	for l, err := range m.ledgers.All(ctx, "", "") {
		if err != nil {
			return erased, kept, err
		}
		issued, err := m.statementsOf(ctx, party{tenant: l.Tenant})
		if err != nil {
			return erased, kept, err
		}
		old := func(c Credit) bool {
			n := statementWith(issued, c.ID)
			return n >= 0 && issued[n].Issued.Before(before)
		}
		_, gone, stay := l.forget(old, before)
		if erased, kept = erased+gone, kept+stay; gone == 0 {
			continue
		}
		_, err = m.ledgers.Update(ctx, ledgerID(l.Tenant), func(now ledger) (ledger, error) {
			now, _, _ = now.forget(old, time.Now().UTC())
			return now, nil
		})
		if err != nil {
			return erased, kept, err
		}
	}
	return erased, kept, nil
}

// Erasures lists the audit entries of names that were erased, by time.
func (m *Meter) Erasures(ctx context.Context) ([]Erasure, error) {
	all := []Erasure{}
	for e, err := range m.erasures.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// RunForgetting erases names, at once and then every night, until ctx ends. Without Config.RetainNames it does nothing. What fails is
// logged and made up for by the next run.
func (m *Meter) RunForgetting(ctx context.Context) error {
	if m.retainNames == 0 {
		return nil
	}
	return onSchedule(ctx, nightly{}, func() {
		if _, err := m.Forget(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("cannot erase names; the next run tries again", "error", err)
		}
	})
}

// nightly is shortly after midnight, UTC.
type nightly struct{}

// Next implements cron.Schedule.
func (nightly) Next(t time.Time) time.Time { return floor(t, day).Add(day + 10*time.Minute) }
