package work

import (
	"context"
	"errors"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// attend claims a lane, carries its first change as far as it goes, and gives the
// lane back. It returns when the lane has something to do again; zero: not known.
// It begins no further step once stop has ended; its handlers end with work.
func (e *Engine) attend(stop, work context.Context, l Lane) time.Time {
	if err := e.admit(work, l); err != nil {
		e.log.Error("cannot queue changes", "lane", l, "error", err)
		return time.Now().Add(e.opts.Poll)
	}
	h, held, free, err := e.claim(work, l)
	if err != nil {
		e.log.Error("cannot claim a lane", "lane", l, "error", err)
	}
	if !held {
		return free
	}
	ctx, let := store.Keep(work, h.since, e.opts.Lease, func(ctx context.Context) error { return e.renew(ctx, h) })
	ended, due, err := e.carry(stop, ctx, h)
	let()
	if errors.Is(err, store.Lost) {
		e.log.Warn("lost the lease of a lane", "lane", l, "change", h.head)
		return time.Time{}
	}
	if err != nil && work.Err() == nil {
		e.log.Error("cannot go on with a change", "lane", l, "change", h.head, "error", err)
		due = time.Now().Add(e.opts.Poll)
	}
	if ended {
		e.ended.ring()
	}
	// Even an interrupted engine hands over.
	last, cancel := context.WithTimeout(context.WithoutCancel(work), e.opts.Lease)
	defer cancel()
	again, err := e.release(last, h, ended, due)
	if err != nil {
		e.log.Warn("cannot hand over a lane; its lease will expire", "lane", l, "error", err)
	}
	return again
}

// carry takes the steps of a change, one after another, until it has ended or has
// to wait.
func (e *Engine) carry(stop, ctx context.Context, h hold) (ended bool, due time.Time, err error) {
	c, err := e.save(ctx, h, nil, func(*Change) {})
	for err == nil {
		switch {
		case c.Ended():
			return true, due, nil
		case c.NotBefore.After(time.Now()):
			return false, c.NotBefore, nil
		case stop.Err() != nil:
			return false, due, nil
		}
		r := e.call(ctx, c)
		if ctx.Err() != nil {
			// Interrupted: its intent stands, and whoever comes next repeats it.
			return false, due, context.Cause(ctx)
		}
		e.report(c, r.err)
		c, err = e.record(ctx, h, c, r)
	}
	// Only a change that was removed from the store is not there.
	if errors.Is(err, fault.NotFound) {
		return true, due, nil
	}
	return false, due, err
}

// record enters the result of the step in hand. A result too large to store is a
// failure of its step.
func (e *Engine) record(ctx context.Context, h hold, before Change, r result) (Change, error) {
	c, err := e.save(ctx, h, &before, func(c *Change) { c.apply(r, now(), e.opts) })
	if errors.Is(err, fault.TooLarge) {
		return e.save(ctx, h, &before, func(c *Change) { c.apply(result{err: err}, now(), e.opts) })
	}
	return c, err
}

// save alters the change in hand, marks the intent of its next step, and stores
// it, trying again for as long as the lease holds. Given what it was before, it
// does not alter twice when an answer of the store was lost.
func (e *Engine) save(ctx context.Context, h hold, before *Change, alter func(*Change)) (Change, error) {
	for {
		c, err := e.changes.Update(ctx, string(h.head), func(c Change) (Change, error) {
			switch {
			case c.Fence > h.Fence:
				return c, store.Lost
			case before != nil && c.Version != before.Version:
				return c, store.Unchanged
			}
			alter(&c)
			c.advance(now(), e.opts.Lease)
			c.Fence, c.Version = h.Fence, c.Version+1
			return c, nil
		})
		if !errors.Is(err, fault.Unavailable) && !errors.Is(err, fault.Full) {
			return c, err
		}
		select {
		case <-ctx.Done():
			return c, context.Cause(ctx)
		case <-time.After(e.opts.Lease / 10):
		}
	}
}
