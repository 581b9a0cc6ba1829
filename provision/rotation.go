package provision

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/work"
)

// succeed completes a request for a binding that is to take another's place (OSB
// 2.17, "Binding Rotation"): it has its predecessor's parameters, and may leave
// out everything else.
func (i Instance) succeed(r BindRequest) (BindRequest, *Binding, error) {
	before := i.Bindings[r.Predecessor]
	switch {
	case !i.Insertion.Rotatable():
		return r, nil, fault.New(fault.Invalid, "bindings of this plan cannot be rotated; make a new binding and remove the old one")
	case before == nil || before.State == Deleted:
		return r, nil, fault.New(fault.Invalid, "instance %q has no binding %q to rotate", i.ID, r.Predecessor)
	case before.State != Active || before.Account == nil:
		return r, nil, fault.New(fault.Invalid, "binding %q cannot be rotated: it is %s", r.Predecessor, before.State)
	case before.expired(time.Now()):
		return r, nil, fault.New(fault.Invalid, "binding %q has expired and cannot be rotated; make a new binding", r.Predecessor)
	}
	if r.Service == "" {
		r.Service = i.Service
	}
	if r.Plan == "" {
		r.Plan = i.Plan
	}
	r.Parameters = before.Parameters
	return r, before, nil
}

// expired says whether what the binding handed out no longer works.
func (b *Binding) expired(at time.Time) bool {
	a := b.Account
	return a != nil && (a.Revoked || !a.Expires.IsZero() && !at.Before(a.Expires))
}

// expires says whether the broker has an account to remove some day.
func (i Instance) expires() bool {
	for _, b := range i.Bindings {
		if b.InPlace && b.Account.live() && !b.Account.Expires.IsZero() {
			return true
		}
	}
	return false
}

// expire begins to revoke the accounts whose time has come. They stay readable,
// as expired, until they are unbound.
func (s *Service) expire(ctx context.Context, now time.Time) error {
	for i, err := range s.instances.All(ctx, "expiring", "yes") {
		if err != nil {
			return fmt.Errorf("cannot list the bindings that expire: %w", err)
		}
		for _, b := range i.sortedBindings() {
			if !b.due(now) {
				continue
			}
			if err := s.expireOne(ctx, i, b.ID, now); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Binding) due(now time.Time) bool {
	return b.State == Active && b.InPlace && b.Account.live() && b.expired(now) && b.Operation.State != InProgress
}

func (s *Service) expireOne(ctx context.Context, i Instance, id BindingID, now time.Time) error {
	i, err := s.instances.Update(ctx, string(i.ID), func(i Instance) (Instance, error) {
		b := i.Bindings[id]
		if b == nil || !b.due(now) || i.State != Active {
			return i, store.Unchanged
		}
		b.Operation = begin(KindExpire, "waiting for its turn")
		i.note("", "the login of the binding expired", id)
		return i, nil
	})
	if b := i.Bindings[id]; err == nil && b != nil && b.Operation.Kind == KindExpire && b.Operation.State == InProgress {
		err = s.submit(ctx, i, b.Operation)
	}
	return err
}

// expired settles an expiry. One that failed is due again.
func expired(i *Instance, c work.Change) bool {
	b, ok := i.bindingOf(c.ID)
	if !ok || !b.Operation.runs(c) {
		return false
	}
	if c.Outcome() != work.Done {
		b.Operation.end(OpFailed, c.Error)
		i.note("", failure("revoking an expired login", c), b.ID)
		return true
	}
	b.Account.Revoked = true
	b.Operation.end(Succeeded, "its login expired and was revoked")
	i.note("", "the expired login was revoked", b.ID)
	return true
}

// sortedBindings are the bindings in the order of their ids.
func (i Instance) sortedBindings() []*Binding {
	var list []*Binding
	for _, id := range slices.Sorted(maps.Keys(i.Bindings)) {
		list = append(list, i.Bindings[id])
	}
	return list
}
