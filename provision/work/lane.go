package work

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// lane is the queue and the lease of a Lane, as stored. It is kept for ever, so
// that its fence never falls.
type lane struct {
	Lane  Lane       `json:"lane"`
	Queue []ChangeID `json:"queue,omitempty"` // the first is in hand
	Due   time.Time  `json:"due,omitzero"`    // when the first has something to do again
	Asked int64      `json:"asked,omitempty"` // rises with every enqueue, so that no wake-up is lost
	store.Lease
}

func laneKeys(l lane) map[string]string {
	if len(l.Queue) == 0 {
		return nil
	}
	return map[string]string{"waiting": yes}
}

// free is when owner may claim the lane.
func (l lane) free(owner string) time.Time {
	if l.Held(owner, l.Due) {
		return l.Until
	}
	return l.Due
}

// hold is a claim on a lane.
type hold struct {
	store.Lease
	lane  Lane
	head  ChangeID
	asked int64
	since time.Time // a monotonic reading before the lease was written
}

// enqueue puts changes into their lane, unless they are there, and has the lane
// looked at now.
func (e *Engine) enqueue(ctx context.Context, id Lane, changes ...ChangeID) error {
	_, err := e.lanes.Upsert(ctx, string(id), func(l lane, _ bool) (lane, error) {
		l.Lane = id
		l.Asked++
		for _, c := range changes {
			if !slices.Contains(l.Queue, c) {
				l.Queue = append(l.Queue, c)
			}
		}
		if slices.Contains(changes, l.Queue[0]) {
			l.Due = time.Time{}
		}
		return l, nil
	})
	if err == nil {
		e.agenda.note(id, time.Now())
	}
	return err
}

// claim takes a lane that has work to do now. Otherwise held is false, and free
// says when to look again; zero: when something is submitted.
func (e *Engine) claim(ctx context.Context, id Lane) (h hold, held bool, free time.Time, err error) {
	since := time.Now()
	l, err := e.lanes.Update(ctx, string(id), func(l lane) (lane, error) {
		held = false
		if len(l.Queue) == 0 || l.free(e.opts.Owner).After(now()) {
			return l, store.Unchanged
		}
		held = true
		l.Lease = l.Claim(e.opts.Owner, now().Add(e.opts.Lease))
		return l, nil
	})
	switch {
	case errors.Is(err, fault.NotFound):
		return h, false, free, nil
	case err != nil || len(l.Queue) == 0:
		return h, false, free, err
	case !held:
		return h, false, l.free(e.opts.Owner), nil
	}
	return hold{Lease: l.Lease, lane: id, head: l.Queue[0], asked: l.Asked, since: since}, true, free, nil
}

// renew extends the lease.
func (e *Engine) renew(ctx context.Context, h hold) error {
	_, err := e.lanes.Update(ctx, string(h.lane), func(l lane) (_ lane, err error) {
		l.Lease, err = l.Renew(h.Lease, now().Add(e.opts.Lease))
		return l, err
	})
	return err
}

// release gives the lane back: its first change has ended, or is to be looked at
// again when due. It returns when the lane has something to do; zero: it is empty.
func (e *Engine) release(ctx context.Context, h hold, ended bool, due time.Time) (time.Time, error) {
	l, err := e.lanes.Update(ctx, string(h.lane), func(l lane) (lane, error) {
		if l.Fence != h.Fence {
			return l, store.Lost
		}
		l.Lease, l.Due = l.End(), due
		// Who asked meanwhile may have asked for this very change, parked and
		// retried; one that has really ended leaves at the next look.
		if ended && l.Asked == h.asked {
			l.Queue = slices.DeleteFunc(l.Queue, func(id ChangeID) bool { return id == h.head })
		}
		if ended || l.Asked != h.asked {
			l.Due = time.Time{}
		}
		return l, nil
	})
	switch {
	case err != nil || len(l.Queue) == 0:
		return time.Time{}, err
	case l.Due.IsZero():
		return time.Now(), nil
	}
	return l.Due, nil
}

// TakeOver ends the leases of all others, which would otherwise hold up their lanes
// until they expire. It is for a caller who knows that no other process works on
// the store, before Run.
func (e *Engine) TakeOver(ctx context.Context) error {
	for l, err := range e.lanes.All(ctx, "waiting", yes) {
		if err != nil {
			return err
		}
		_, err = e.lanes.Update(ctx, string(l.Lane), func(l lane) (lane, error) {
			if l.Owner == "" || l.Owner == e.opts.Owner {
				return l, store.Unchanged
			}
			l.Lease = l.Claim("", time.Time{}) // whoever held it has lost it from here on
			return l, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// look puts every lane with work into the agenda.
func (e *Engine) look(ctx context.Context) error {
	for l, err := range e.lanes.All(ctx, "waiting", yes) {
		if err != nil {
			return err
		}
		e.agenda.note(l.Lane, l.free(e.opts.Owner))
	}
	return nil
}

// sweep queues the changes that a crash between storing and queueing left behind.
func (e *Engine) sweep(ctx context.Context) error {
	for c, err := range e.changes.All(ctx, "open", yes) {
		if err != nil {
			return err
		}
		l, err := e.lanes.Get(ctx, string(c.Lane))
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		if slices.Contains(l.Queue, c.ID) {
			continue
		}
		if err := e.enqueue(ctx, c.Lane, c.ID); err != nil {
			return err
		}
	}
	return nil
}
