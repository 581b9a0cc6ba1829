package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"
)

// Lost is what ends the work of a holder whose lease is somebody else's.
var Lost = errors.New("the lease is lost")

// Lease says who alone does the work that a document stands for. It is part of that
// document, is claimed and renewed by compare-and-swap, and ends by itself when its
// holder dies. The zero value is held by nobody.
type Lease struct {
	Owner string    `json:"owner,omitempty"` // who holds it; "": nobody
	Until time.Time `json:"until,omitzero"`  // when it ends by itself
	Fence int64     `json:"fence"`           // rises with every claim, and never falls
}

// LeaseOwner is a new name for a holder, unlike any other. People can tell from it
// which process on which machine it is.
func LeaseOwner() string {
	host, _ := os.Hostname() // only for people to read
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text())
}

// Held reports whether somebody else than owner holds the lease at a time.
func (l Lease) Held(owner string, now time.Time) bool {
	return l.Owner != "" && l.Owner != owner && l.Until.After(now)
}

// Claim is the lease in the hands of owner. Whoever had it before has lost it.
func (l Lease) Claim(owner string, until time.Time) Lease {
	return Lease{Owner: owner, Until: until.UTC(), Fence: l.Fence + 1}
}

// Renew is the lease as held, for longer. Lost when it is no longer that one.
func (l Lease) Renew(held Lease, until time.Time) (Lease, error) {
	if l.Owner != held.Owner || l.Fence != held.Fence {
		return l, Lost
	}
	return Lease{Owner: l.Owner, Until: until.UTC(), Fence: l.Fence}, nil
}

// End is the lease given back.
func (l Lease) End() Lease { return Lease{Fence: l.Fence} }

// Keep renews a lease until let is called. The lease was claimed after since and
// lasts that long from each renewal. The context ends with Lost as its cause a little
// before the lease does, so that its holder is out before others come in. A renewal
// that fails otherwise is tried again.
func Keep(ctx context.Context, since time.Time, lasts time.Duration, renew func(context.Context) error) (_ context.Context, let func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		usable := lasts * 9 / 10
		until := since.Add(usable)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(min(lasts/3, time.Until(until))):
			}
			asked := time.Now()
			bounded, end := context.WithDeadline(ctx, until)
			err := renew(bounded)
			end()
			if err == nil {
				until = asked.Add(usable)
			}
			if errors.Is(err, Lost) || !time.Now().Before(until) {
				cancel(Lost)
				return
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}
