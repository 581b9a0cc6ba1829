package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Provision accepts a new instance (OSB 2.17, "Provisioning"). The same request
// again answers the same operation; another under the same id is a Conflict. An
// id whose instance was deleted may be used again. A request without
// AcceptsIncomplete is refused before anything is stored. So is an id that
// belonged to another platform or tenant: the history behind it is theirs.
func (s *Service) Provision(ctx context.Context, r ProvisionRequest) (Outcome, error) {
	if out, done := s.provisionUnseen(ctx, r); done {
		return out, nil
	}
	old, err := s.instances.Get(ctx, string(r.ID))
	unused := errors.Is(err, fault.NotFound)
	switch {
	case err == nil && old.State != Deleted:
		return s.repeated(ctx, old, r)
	case err != nil && !unused:
		return Outcome{}, err
	}
	fresh, err := s.draft(ctx, r)
	if err != nil {
		return Outcome{}, err
	}
	if !r.AcceptsIncomplete {
		return Outcome{}, errAsyncRequired()
	}
	undo, err := s.admit(ctx, r, fresh.Steering.members())
	if err != nil {
		return Outcome{}, err
	}
	fresh.Holders = holders(r.Allowances)
	stored, err := s.keep(ctx, r.ID, unused, func(old Instance, exists bool) (Instance, error) {
		switch {
		case exists && old.State != Deleted:
			return old, raced{}
		case exists && (old.Platform != r.Platform || old.Tenant != r.Tenant):
			return old, fault.New(fault.Conflict, "the id %q was used before; choose another", r.ID)
		case time.Since(fresh.Operation.Started) > storeWithin:
			return old, fault.New(fault.Unavailable, "the request took too long to be stored; try again")
		}
		next := fresh
		next.History = old.History
		next.asked(r)
		return next, nil
	})
	if _, lost := err.(raced); lost {
		return s.Provision(ctx, r)
	}
	if err != nil {
		return Outcome{}, errors.Join(fmt.Errorf("instance %q: %w", r.ID, err), undo(context.WithoutCancel(ctx)))
	}
	if err := s.submit(ctx, stored, stored.Operation); err != nil {
		return Outcome{}, err
	}
	return Outcome{Operation: stored.Operation.ID, Progress: true}, nil
}

// provisionUnseen accepts what nearly every request is, valid and for an id that
// nobody has used, without a look whether it is used. If anything speaks against
// that nothing is stored, done is false, and Provision finds out what it is.
func (s *Service) provisionUnseen(ctx context.Context, r ProvisionRequest) (out Outcome, done bool) {
	if len(r.Allowances) > 0 || !r.AcceptsIncomplete { // a place in a ledger may be an instance's that there is
		return Outcome{}, false
	}
	fresh, err := s.draft(ctx, r)
	if err != nil {
		return Outcome{}, false
	}
	fresh.asked(r)
	if err := s.instances.Create(ctx, string(r.ID), fresh); err != nil {
		return Outcome{}, false
	}
	if err := s.submit(ctx, fresh, fresh.Operation); err != nil {
		return Outcome{}, false
	}
	return Outcome{Operation: fresh.Operation.ID, Progress: true}, true
}

// asked begins the history of a request's instance.
func (i *Instance) asked(r ProvisionRequest) {
	i.note(r.Platform, "provisioning was asked for", "")
	i.attribute(r.Origin)
	i.noteEULAs(i.EULAs)
}

// keep stores an instance. One whose id was unused a moment ago is not read again.
func (s *Service) keep(ctx context.Context, id topology.InstanceID, unused bool, next func(old Instance, exists bool) (Instance, error)) (Instance, error) {
	if !unused {
		return s.instances.Upsert(ctx, string(id), next)
	}
	i, err := next(Instance{}, false)
	if err == nil {
		err = s.instances.Create(ctx, string(id), i)
	}
	if errors.Is(err, fault.Conflict) {
		return i, raced{}
	}
	return i, err
}

// raced says that somebody else stored the instance first.
type raced struct{}

func (raced) Error() string { return "somebody else stored it first" }

func errAsyncRequired() error {
	return fault.New(fault.AsyncRequired, "This service plan requires client support for asynchronous service operations.")
}

func errBusy() error {
	return fault.New(fault.Busy, "The Service Broker does not support concurrent requests that mutate the same resource.")
}

func errExists(r ProvisionRequest) error {
	return fault.New(fault.Conflict, "instance %q exists already with other attributes", r.ID)
}

// repeated answers a request for an id that is in use. The change is submitted
// once more, in case the broker that stored the instance died before it did.
func (s *Service) repeated(ctx context.Context, old Instance, r ProvisionRequest) (Outcome, error) {
	switch {
	case old.Platform != r.Platform:
		return Outcome{}, errExists(r)
	case old.State == Deprovisioning: // whatever is asked for, the id is free when it is gone
		return Outcome{}, errBusy()
	case old.Plan != r.Plan, old.Digest != requestDigest(r):
		return Outcome{}, errExists(r)
	case old.State == Failed:
		return Outcome{}, fault.New(fault.Conflict, "instance %q failed to provision; delete it before trying again", r.ID)
	case old.State == Active:
		return Outcome{Existed: true}, nil
	case !r.AcceptsIncomplete:
		return Outcome{}, errAsyncRequired()
	}
	return Outcome{Operation: old.Operation.ID, Progress: true}, s.submit(ctx, old, old.Operation)
}

// requestDigest leaves the context out but for the platform's name: names and
// annotations in it change over time (OSB profile.md), the tenant is compared
// by itself. So is the plan, which an update changes.
func requestDigest(r ProvisionRequest) string {
	asked := digest(r.Service, r.Tenant, r.Organization, r.Space, r.Parameters)
	if r.Provider != nil {
		return digest(asked, *r.Provider)
	}
	return asked
}
