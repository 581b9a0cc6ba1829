package store

import (
	"context"
	"errors"
	"time"
)

// dutyLook is how often those who stand by look whether a duty is done, or whether
// who does it has died.
const dutyLook = time.Second

// errHeld says that somebody else is at it.
var errHeld = errors.New("somebody else holds the lease")

// Duty is work that one of many processes does at a time. How far it is done stands
// in a document, and there the lease of who is at it, too.
type Duty[T any] struct {
	Progress Collection[T]
	ID       string          // of the document
	Lease    func(*T) *Lease // where in it the lease is
	Lasts    time.Duration   // how long the work stays that of a process that died
}

// Do does what is due, unless somebody else has. While somebody else is at it, Do
// waits, and goes on when that one has died or given up. It says whether it did the
// work itself.
//
// Begin gets how far the work is, or the zero value when it never began, and answers
// what is to be done now, as it is to be stored; Unchanged when nothing is. Work
// does it; its context ends, with Lost as its cause, before the lease does. Done
// enters that it is done, which is stored only while nobody else has claimed the
// lease. After an error of work it is nobody's.
func (d Duty[T]) Do(ctx context.Context, begin func(T, bool) (T, error), work func(context.Context, T) error, done func(T) T) (did bool, _ error) {
	for {
		did, err := d.try(ctx, begin, work, done)
		if !errors.Is(err, errHeld) && !errors.Is(err, Lost) {
			return did, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(dutyLook):
		}
	}
}

func (d Duty[T]) try(ctx context.Context, begin func(T, bool) (T, error), work func(context.Context, T) error, done func(T) T) (did bool, err error) {
	due, since, err := d.claim(ctx, begin)
	if err != nil || since.IsZero() {
		return false, err
	}
	held := *d.Lease(&due)
	kept, let := Keep(ctx, since, d.Lasts, func(ctx context.Context) error {
		return d.alter(ctx, func(v *T, l *Lease) (err error) {
			*l, err = l.Renew(held, time.Now().Add(d.Lasts))
			return err
		})
	})
	err = work(kept, due)
	let()
	if errors.Is(context.Cause(kept), Lost) {
		return false, Lost
	}
	// Even who was interrupted or has failed hands over.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.Lasts)
	defer cancel()
	failed := err
	handed := d.alter(last, func(v *T, l *Lease) error {
		if l.Fence != held.Fence {
			return Lost
		}
		if *l = l.End(); failed == nil {
			*v = done(*v)
		}
		return nil
	})
	if failed != nil {
		return false, failed // or the lease ends by itself
	}
	return true, handed
}

// claim takes what is due; since is a reading before the lease was written, and zero
// when nothing is due.
func (d Duty[T]) claim(ctx context.Context, begin func(T, bool) (T, error)) (due T, since time.Time, err error) {
	owner := LeaseOwner()
	due, err = d.Progress.Upsert(ctx, d.ID, func(old T, exists bool) (T, error) {
		since = time.Time{}
		next, err := begin(old, exists)
		if err != nil {
			return next, err
		}
		since = time.Now()
		l := d.Lease(&next)
		if l.Held(owner, since) {
			return old, errHeld
		}
		*l = l.Claim(owner, since.Add(d.Lasts))
		return next, nil
	})
	return due, since, err
}

// alter changes the document and the lease in it.
func (d Duty[T]) alter(ctx context.Context, change func(*T, *Lease) error) error {
	_, err := d.Progress.Update(ctx, d.ID, func(v T) (T, error) {
		err := change(&v, d.Lease(&v))
		return v, err
	})
	return err
}
