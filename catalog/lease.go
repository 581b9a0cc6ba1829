package catalog

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Who holds the lease renews it every leaseEvery; others believe for leaseLasts that
// a holder of whom nothing is heard still works. Who wants it looks every leaseLook.
const (
	leaseLasts = 30 * time.Second
	leaseEvery = 5 * time.Second
	leaseLook  = 50 * time.Millisecond
)

// lease is the lock over blobs that brokers on several machines share: a document
// in the store.
type lease struct {
	docs store.Collection[holding]
}

const leaseID = "blobs"

// holding is who holds the lease; nobody when Holder is empty.
type holding struct {
	Holder string    `json:"holder"`
	Until  time.Time `json:"until"` // when it is free unless it was renewed
}

func newLease(s *store.Store) lease { return lease{store.In[holding](s, "leases", nil)} }

// errHeld ends an attempt to take the lease that somebody else has.
var errHeld = fault.New(fault.Conflict, "another broker alters the stored packages")

// hold runs f with the lease held. The context of f ends when the lease is lost.
func (l lease) hold(ctx context.Context, f func(context.Context) error) error {
	me := rand.Text()
	until, err := l.wait(ctx, me)
	if err != nil {
		return err
	}
	working, lose := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		lose(l.renew(working, me, until))
	}()
	err = f(working)
	lose(nil)
	<-renewed
	return errors.Join(err, l.release(context.WithoutCancel(ctx), me))
}

// wait takes the lease as soon as it is free.
func (l lease) wait(ctx context.Context, me string) (time.Time, error) {
	for {
		until, err := l.take(ctx, me)
		if !errors.Is(err, errHeld) {
			return until, err
		}
		select {
		case <-ctx.Done():
			return until, ctx.Err()
		case <-time.After(leaseLook):
		}
	}
}

// take takes or renews the lease.
func (l lease) take(ctx context.Context, me string) (time.Time, error) {
	h, err := l.docs.Upsert(ctx, leaseID, func(h holding, _ bool) (holding, error) {
		if h.Holder != "" && h.Holder != me && h.Until.After(time.Now()) {
			return h, errHeld
		}
		return holding{Holder: me, Until: now().Add(leaseLasts)}, nil
	})
	return h.Until, err
}

// renew keeps the lease until ctx ends, or says why it was lost. A store that does
// not answer loses it only when its time is over.
func (l lease) renew(ctx context.Context, me string, until time.Time) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(leaseEvery):
		}
		limited, cancel := context.WithDeadline(ctx, until)
		next, err := l.take(limited, me)
		cancel()
		switch {
		case err == nil:
			until = next
		case errors.Is(err, errHeld), !time.Now().Before(until.Add(-leaseEvery)):
			return fault.New(fault.Unavailable, "the lock over the stored packages was lost; try again")
		}
	}
}

// release frees the lease, if it is still held. In a store that is gone it ends by
// itself.
func (l lease) release(ctx context.Context, me string) error {
	ctx, cancel := context.WithTimeout(ctx, leaseEvery)
	defer cancel()
	_, err := l.docs.Upsert(ctx, leaseID, func(h holding, _ bool) (holding, error) {
		if h.Holder != me {
			return h, store.Unchanged
		}
		return holding{}, nil
	})
	return err
}
