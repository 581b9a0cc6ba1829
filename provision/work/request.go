package work

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Submit stores a change and queues it in its lane. Of the change, ID, Lane, Kind,
// Subject, Args, NotBefore and Deadline count. The same ID again is no error and
// changes nothing, so a caller that got an error, or died, may repeat it.
func (e *Engine) Submit(ctx context.Context, c Change) error {
	c, err := e.fresh(c)
	if err != nil {
		return err
	}
	if ended, err := e.create(ctx, c); ended || err != nil {
		return err
	}
	return e.enqueue(ctx, c.Lane, c.ID)
}

// fresh is a change as it begins: of what the submitter gave, only what is his.
func (e *Engine) fresh(c Change) (Change, error) {
	if _, known := e.planners[c.Kind]; !known {
		return c, fmt.Errorf("cannot submit change %q: nothing handles kind %q", c.ID, c.Kind)
	}
	if c.Lane == "" {
		return c, fmt.Errorf("cannot submit change %q: it has no lane", c.ID)
	}
	return Change{
		ID: c.ID, Lane: c.Lane, Kind: c.Kind, Subject: c.Subject, Args: c.Args, NotBefore: c.NotBefore, Deadline: c.Deadline,
		Status: Queued, Created: now(),
	}, nil
}

// create stores a change, unless it is stored; ended says that it was carried out
// already.
func (e *Engine) create(ctx context.Context, c Change) (ended bool, err error) {
	err = e.changes.Create(ctx, string(c.ID), c)
	if errors.Is(err, fault.Conflict) {
		c, err = e.changes.Get(ctx, string(c.ID))
		return err == nil && c.Ended(), err
	}
	return false, err
}

// Cancel asks a change to turn round: it is undone as soon as its task in hand
// returns, or without any work when it has not begun. A change that is on its way
// back, settled or ended goes on as it is. Repeated: no effect. Absent:
// fault.NotFound.
func (e *Engine) Cancel(ctx context.Context, id ChangeID) error {
	e.waiting.cancel(id)
	c, err := e.changes.Update(ctx, string(id), func(c Change) (Change, error) {
		switch c.Status {
		case Queued, Planning, Doing:
			c.Cancelled = true
			return c, nil
		}
		return c, store.Unchanged
	})
	if _, here := e.waiting.get(id); here && errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil || !c.Cancelled || c.Ended() {
		return err
	}
	return e.enqueue(ctx, c.Lane, c.ID)
}

// Retry lets a parked change go on where it stopped, with fresh attempts. Any
// other change: fault.Conflict. Absent: fault.NotFound.
func (e *Engine) Retry(ctx context.Context, id ChangeID) error {
	return e.unpark(ctx, id, func(c *Change) { c.resume() })
}

// Abandon gives a parked change up: it is settled as abandoned and what is left of
// it stays. Any other change: fault.Conflict. Absent: fault.NotFound.
func (e *Engine) Abandon(ctx context.Context, id ChangeID, reason string) error {
	return e.unpark(ctx, id, func(c *Change) { c.abandon(reason, now()) })
}

func (e *Engine) unpark(ctx context.Context, id ChangeID, act func(*Change)) error {
	c, err := e.changes.Update(ctx, string(id), func(c Change) (Change, error) {
		if c.Status != Parked {
			return c, fault.New(fault.Conflict, "change %q is %s; only a parked one can be retried or abandoned", id, c.Status)
		}
		act(&c)
		return c, nil
	})
	if err != nil {
		return err
	}
	if c.Ended() {
		e.ended.ring()
		return nil
	}
	return e.enqueue(ctx, c.Lane, c.ID)
}

// Get is one change, which is shared and must not be altered. Absent: fault.NotFound.
func (e *Engine) Get(ctx context.Context, id ChangeID) (Change, error) {
	if c, here := e.waiting.get(id); here {
		return c, nil
	}
	c, err := e.changes.Look(ctx, string(id))
	if errors.Is(err, fault.NotFound) {
		return Change{}, fault.New(fault.NotFound, "change %q does not exist", id)
	}
	if err != nil {
		return Change{}, err
	}
	return *c, nil
}

// Filter narrows a listing; empty fields let everything pass.
type Filter struct {
	Lane    Lane
	Status  Status
	Subject string
	Open    bool     // only what has not ended
	After   ChangeID // ids greater than this one, to page on
	Limit   int      // at most so many; 0: store.DefaultLimit
}

func (f Filter) passes(c Change) bool {
	return (f.Lane == "" || f.Lane == c.Lane) &&
		(f.Status == "" || f.Status == c.Status) &&
		(f.Subject == "" || f.Subject == c.Subject) &&
		(!f.Open || !c.Ended()) &&
		c.ID > f.After
}

// index is the most selective stored index for the filter.
func (f Filter) index() (key, value string) {
	switch {
	case f.Subject != "":
		return "subject", f.Subject
	case f.Open:
		return "open", yes
	case f.Lane != "":
		return "lane", string(f.Lane)
	case f.Status != "":
		return "status", string(f.Status)
	}
	return "", ""
}

// List is the changes that f lets pass, in the order of their ids.
func (e *Engine) List(ctx context.Context, f Filter) ([]Change, error) {
	list := []Change{}
	limit := or(f.Limit, store.DefaultLimit)
	held := e.waiting.list(f)
	key, value := f.index()
	for c, err := range e.changes.All(ctx, key, value) {
		if err != nil {
			return nil, err
		}
		if f.passes(c) {
			list = append(list, c)
		}
		if len(list) == limit {
			break
		}
	}
	return merged(list, held, limit), nil
}

// merged is both lists by id, what both have once, up to a limit.
func merged(stored, held []Change, limit int) []Change {
	if len(held) == 0 {
		return stored
	}
	all := slices.Concat(stored, held)
	slices.SortStableFunc(all, func(a, b Change) int { return cmp.Compare(a.ID, b.ID) })
	all = slices.CompactFunc(all, func(a, b Change) bool { return a.ID == b.ID })
	return all[:min(limit, len(all))]
}

// Wait returns the change once it has ended, whoever ends it.
func (e *Engine) Wait(ctx context.Context, id ChangeID) (Change, error) {
	for {
		rung := e.ended.next()
		c, err := e.Get(ctx, id)
		if err != nil || c.Ended() {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, ctx.Err()
		case <-rung:
		case <-time.After(e.opts.Poll):
		}
	}
}

// now is what is stored as the present: UTC, without a monotonic reading.
func now() time.Time { return time.Now().UTC().Round(0) }
