package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Quota is the most that somebody may have at a time. A zero field is no limit.
// What fails to provision, and what is removed, does not count; what is being
// removed does until it is gone.
type Quota struct {
	Instances   int   `json:"instances,omitempty"`
	VCPUs       int   `json:"vcpus,omitempty"`
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
}

// Allowance is a quota and whose it is. The holder is a name for people, unique
// among all holders: it stands in the refusal.
type Allowance struct {
	Holder string
	Quota
}

// ledger is what one holder has. It is the document that makes two requests for
// the last free place exclude each other: a place is taken in it before the
// instance is stored, so a broker that dies in between leaves a place taken by
// nobody, which the next count frees.
type ledger struct {
	Held    map[topology.InstanceID]holding `json:"held"`
	Counted time.Time                       `json:"counted,omitzero"`
}

type holding struct {
	VCPUs       int       `json:"vcpus"`
	MemoryBytes int64     `json:"memory_bytes"`
	Since       time.Time `json:"since"`
}

const (
	// storeWithin is how long a request may take from its place to its instance;
	// a place without an instance is somebody's for twice as long.
	storeWithin = 30 * time.Second
	// countEvery keeps a client that hammers at its quota from having the broker
	// count all the time.
	countEvery = 5 * time.Second
)

// admit reserves what a request for a new instance needs. Undo is never nil.
func (s *Service) admit(ctx context.Context, r ProvisionRequest, members int) (undo func(context.Context) error, err error) {
	if len(r.Allowances) == 0 {
		return func(context.Context) error { return nil }, nil
	}
	offer, err := s.offer(ctx, r.Service, r.Plan)
	if err != nil {
		return nil, err
	}
	offer.Plan.VCPUs *= members
	offer.Plan.MemoryBytes *= int64(members)
	return s.reserve(ctx, r.ID, r.Allowances, offer.Plan)
}

func holders(allowances []Allowance) []string {
	var names []string
	for _, a := range allowances {
		names = append(names, a.Holder)
	}
	return names
}

// reserve takes a place for an instance in every ledger, or in none. One that it
// has already is made to fit; two requests for the same id share it. The function
// that it gives back undoes it, for an instance that could not be stored.
func (s *Service) reserve(ctx context.Context, id topology.InstanceID, allowances []Allowance, plan catalog.Plan) (undo func(context.Context) error, err error) {
	var taken []string
	now := time.Now().UTC()
	undo = func(ctx context.Context) error { return s.release(ctx, id, taken, now) }
	for _, a := range allowances {
		fresh, err := s.take(ctx, a, id, holding{VCPUs: plan.VCPUs, MemoryBytes: plan.MemoryBytes, Since: now})
		if err != nil {
			return undo, errors.Join(err, undo(ctx))
		}
		if fresh {
			taken = append(taken, a.Holder)
		}
	}
	return undo, nil
}

// take takes one place, after a count if there seems to be none left. Fresh says
// that the instance had none before.
func (s *Service) take(ctx context.Context, a Allowance, id topology.InstanceID, want holding) (fresh bool, err error) {
	if fresh, err = s.tryTake(ctx, a, id, want); !errors.Is(err, fault.Quota) {
		return fresh, err
	}
	freed, countErr := s.recount(ctx, a.Holder)
	if countErr != nil || !freed {
		return false, cmp.Or(countErr, err)
	}
	return s.tryTake(ctx, a, id, want)
}

func (s *Service) tryTake(ctx context.Context, a Allowance, id topology.InstanceID, want holding) (fresh bool, err error) {
	_, err = s.ledgers.Upsert(ctx, a.Holder, func(l ledger, _ bool) (ledger, error) {
		if err := a.refuses(l, id, want); err != nil {
			return l, err
		}
		next, old := want, l.Held[id]
		if fresh = want.Since.Sub(old.Since) > 2*storeWithin; !fresh {
			next.Since = old.Since
		}
		if l.Held == nil {
			l.Held = map[topology.InstanceID]holding{}
		}
		l.Held[id] = next
		return l, nil
	})
	return fresh, err
}

// refuses says what of the quota the instance would exceed, beside the others.
func (a Allowance) refuses(l ledger, id topology.InstanceID, want holding) error {
	var used holding
	instances := 0
	for other, h := range l.Held {
		if other != id {
			instances++
			used.VCPUs += h.VCPUs
			used.MemoryBytes += h.MemoryBytes
		}
	}
	const mib = 1 << 20
	for _, q := range []struct {
		limit, used, needed int64
		unit                string
	}{
		{int64(a.Instances), int64(instances), 1, "instances"},
		{int64(a.VCPUs), int64(used.VCPUs), int64(want.VCPUs), "vCPUs"},
		{a.MemoryBytes / mib, used.MemoryBytes / mib, (want.MemoryBytes + mib - 1) / mib, "MiB of memory"},
	} {
		if q.limit > 0 && q.used+q.needed > q.limit {
			return fault.New(fault.Quota, "the quota of %s is %d %s: %d are used and this needs %d; remove something or ask the operator for more",
				a.Holder, q.limit, q.unit, q.used, q.needed)
		}
	}
	return nil
}

// release gives places back that were taken up to a moment; later ones are of
// another instance that bears the id.
func (s *Service) release(ctx context.Context, id topology.InstanceID, holders []string, until time.Time) error {
	for _, holder := range holders {
		_, err := s.ledgers.Update(ctx, holder, func(l ledger) (ledger, error) {
			if h, ok := l.Held[id]; !ok || h.Since.After(until) {
				return l, store.Unchanged
			}
			delete(l.Held, id)
			return l, nil
		})
		if err != nil && !errors.Is(err, fault.NotFound) {
			return fmt.Errorf("cannot give back the quota of %s: %w", holder, err)
		}
	}
	return nil
}

// recount frees the places of instances that are no more, and says whether there
// were any.
func (s *Service) recount(ctx context.Context, holder string) (freed bool, err error) {
	_, err = s.ledgers.Update(ctx, holder, func(l ledger) (ledger, error) {
		freed = false
		now := time.Now().UTC()
		if now.Sub(l.Counted) < countEvery && !now.Before(l.Counted) {
			return l, store.Unchanged
		}
		l.Counted = now
		for id, h := range l.Held {
			counts, err := s.counts(ctx, id, h, now)
			if err != nil {
				return l, err
			}
			if !counts {
				delete(l.Held, id)
				freed = true
			}
		}
		return l, nil
	})
	if err != nil && !errors.Is(err, fault.NotFound) {
		return false, fmt.Errorf("cannot count what %s has: %w", holder, err)
	}
	return freed, nil
}

// counts says whether a place is an instance's, or may yet become one's.
func (s *Service) counts(ctx context.Context, id topology.InstanceID, h holding, now time.Time) (bool, error) {
	if now.Sub(h.Since) < 2*storeWithin {
		return true, nil
	}
	i, err := s.instances.Get(ctx, string(id))
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return i.occupies(), nil
}

// occupies says whether the instance counts against quotas.
func (i Instance) occupies() bool { return i.State != Deleted && i.State != Failed }

// size says what an update's forms hold of quotas: what their packages say of
// their configurations.
func (s *Service) size(ctx context.Context, u *Update) (err error) {
	if u.Hold, err = s.sizeOf(ctx, u.Will); err != nil {
		return err
	}
	u.Held, err = s.sizeOf(ctx, u.Was)
	if fault.KindOf(err) == fault.NotFound { // a package that was removed
		u.Held, err = u.Hold, nil
	}
	return err
}

func (s *Service) sizeOf(ctx context.Context, f Form) (holding, error) {
	pkg, err := s.catalog.Descriptor(ctx, f.Package)
	if err != nil {
		return holding{}, err
	}
	vcpus, memory, _ := f.Insertion.Size(pkg, f.Configuration, f.Steering.members()) // that there is one was checked when it was chosen
	return holding{VCPUs: vcpus, MemoryBytes: memory}, nil
}

// enlarge takes what an update needs while it runs, the larger of before and
// after, in every ledger or in none. What does not grow needs nothing.
func (s *Service) enlarge(ctx context.Context, i Instance, allowances []Allowance, u Update) error {
	if u.Hold.VCPUs <= u.Held.VCPUs && u.Hold.MemoryBytes <= u.Held.MemoryBytes {
		return nil
	}
	want := holding{VCPUs: max(u.Held.VCPUs, u.Hold.VCPUs), MemoryBytes: max(u.Held.MemoryBytes, u.Hold.MemoryBytes)}
	for _, a := range allowances {
		_, err := s.take(ctx, a, i.ID, want)
		if err == nil {
			continue
		}
		if errors.Is(err, fault.Quota) {
			err = &Refused{true, err}
		}
		return errors.Join(err, s.fit(context.WithoutCancel(ctx), i, u.Held))
	}
	return nil
}

// fit makes the instance's places as large as they are to be.
func (s *Service) fit(ctx context.Context, i Instance, to holding) error {
	for _, holder := range i.Holders {
		_, err := s.ledgers.Update(ctx, holder, func(l ledger) (ledger, error) {
			h, ok := l.Held[i.ID]
			if !ok || h.VCPUs == to.VCPUs && h.MemoryBytes == to.MemoryBytes {
				return l, store.Unchanged
			}
			h.VCPUs, h.MemoryBytes = to.VCPUs, to.MemoryBytes
			l.Held[i.ID] = h
			return l, nil
		})
		if err != nil && !errors.Is(err, fault.NotFound) {
			return fmt.Errorf("cannot fit the quota of %s: %w", holder, err)
		}
	}
	return nil
}
