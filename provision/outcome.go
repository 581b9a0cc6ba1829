package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/work"
)

// settled writes a change's outcome into its instance. A change that is settled
// again after a crash, or that a removal has overtaken, alters nothing more.
func (s *Service) settled(outcome func(i *Instance, c work.Change) bool) func(context.Context, work.Change) error {
	return func(ctx context.Context, c work.Change) error {
		i, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
			if !outcome(&i, c) {
				return i, store.Unchanged
			}
			return i, nil
		})
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		if err == nil && !i.occupies() {
			err = s.release(ctx, i.ID, i.Holders, i.Operation.Finished)
		}
		return err
	}
}

// provisioned: billing starts with the event that makes the instance active.
func provisioned(i *Instance, c work.Change) bool {
	if !i.Operation.runs(c) {
		return false
	}
	message := inserted(&i.State, &i.InPlace, &i.Operation, c, "provisioning", "the service is in place")
	i.note("", message, "")
	return true
}

// deprovisioned: with the instance go its bindings and its secrets.
func deprovisioned(i *Instance, c work.Change) bool {
	if !i.Operation.runs(c) {
		return false
	}
	message := removed(&i.State, &i.InPlace, &i.Operation, c, "removal", "the service was removed")
	i.Failover, i.Upkeep = Operation{}, Upkeep{}
	i.Update = nil // the change of one that was overtaken came before, or does nothing more
	if i.State == Deleted {
		for _, b := range i.Bindings {
			if b.State != Deleted {
				b.State, b.InPlace, b.Account = Deleted, false, nil
				b.Operation.end(Succeeded, "removed with its instance")
			}
		}
		i.Values, i.Secrets, i.Drift = nil, nil, ""
	}
	i.note("", message, "")
	return true
}

func bound(i *Instance, c work.Change) bool {
	b, ok := i.bindingOf(c.ID)
	if !ok || !b.Operation.runs(c) {
		return false
	}
	message := inserted(&b.State, &b.InPlace, &b.Operation, c, "binding", b.about("the binding has its own login", "network %q passes through the service"))
	i.note("", message, b.ID)
	return true
}

func unbound(i *Instance, c work.Change) bool {
	b, ok := i.bindingOf(c.ID)
	if !ok || !b.Operation.runs(c) {
		return false
	}
	message := removed(&b.State, &b.InPlace, &b.Operation, c, "removal of the binding", b.about("the binding's login was revoked", "network %q no longer passes through the service by this binding"))
	if b.State == Deleted {
		b.Account = nil
	}
	i.note("", message, b.ID)
	return true
}

// about is what happened to the binding's network, or to its login when it has none.
func (b *Binding) about(login, network string) string {
	if b.Stitch == nil {
		return login
	}
	return fmt.Sprintf(network, b.Stitch.Network)
}

// runs says whether the operation is still the one that a change carries out.
func (o Operation) runs(c work.Change) bool { return o.ID == c.ID && o.State == InProgress }

// inserted ends an insertion, of an instance or of a binding's stitch, and says
// how it went.
func inserted(state *State, inPlace *bool, op *Operation, c work.Change, what, done string) string {
	if c.Outcome() == work.Done {
		*state, *inPlace = Active, true
		op.end(Succeeded, done)
		return done
	}
	*state = Failed
	op.end(OpFailed, c.Error)
	return failure(what, c)
}

// removed ends a removal. One that failed was undone, so what it was about is as
// it was and may be removed anew.
func removed(state *State, inPlace *bool, op *Operation, c work.Change, what, done string) string {
	if c.Outcome() == work.Done {
		*state, *inPlace = Deleted, false
		op.end(Succeeded, "removed")
		return done
	}
	*state = Failed
	if *inPlace {
		*state = Active
	}
	op.end(OpFailed, c.Error)
	return failure(what, c)
}

// failure says how a change that did not succeed ended. A parked one may still be
// undone later, when an operator has mended what was in its way.
func failure(what string, c work.Change) string {
	if c.Outcome() == work.Undone {
		return what + " failed and was undone: " + c.Error
	}
	return what + " failed and could not be undone without an operator: " + c.Error
}
