package provision

import (
	"context"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Deprovision removes an instance and its bindings (OSB 2.17, "Deprovisioning").
// While the instance is still being provisioned, that is stopped and reversed
// first: platforms clean up this way after a time-out. An unknown or deleted one
// is Gone.
func (s *Service) Deprovision(ctx context.Context, r RemoveRequest) (Outcome, error) {
	i, err := s.record(ctx, r.Platform, r.Instance)
	if err != nil {
		return Outcome{}, goneIfAbsent(err)
	}
	var cancelled []Operation
	i, err = s.instances.Update(ctx, string(i.ID), func(i Instance) (Instance, error) {
		cancelled = nil
		if err := removable(i, r); err != nil {
			return i, err
		}
		if i.State == Deprovisioning {
			return i, store.Unchanged
		}
		cancelled = i.pending()
		i.State = Deprovisioning
		i.Operation = begin(KindDeprovision, "waiting for its turn")
		i.note(r.Platform, "removal was asked for", "")
		i.attribute(r.Origin)
		return i, nil
	})
	if err != nil {
		return Outcome{}, err
	}
	if err := s.supersede(ctx, i, cancelled); err != nil {
		return Outcome{}, err
	}
	return Outcome{Operation: i.Operation.ID, Progress: true}, s.submit(ctx, i, i.Operation)
}

// removable checks what the standard wants checked before anything changes.
func removable(i Instance, r RemoveRequest) error {
	switch {
	case i.State == Deleted:
		return fault.New(fault.Gone, "instance %q is gone", i.ID)
	case r.Service != i.Service || !i.wentBy(r.Plan):
		return fault.New(fault.Invalid, "instance %q is of service %q, plan %q", i.ID, i.Service, i.Plan)
	case r.UnbindFirst && i.State != Deprovisioning && i.bindings() > 0:
		return fault.New(fault.Invalid, "instance %q has %d bindings; remove them first", i.ID, i.bindings())
	case !r.AcceptsIncomplete:
		return errAsyncRequired()
	}
	return nil
}

// bindings is how many there are.
func (i Instance) bindings() int {
	n := 0
	for _, b := range i.Bindings {
		if b.State != Deleted {
			n++
		}
	}
	return n
}

// supersede turns round the changes that a removal overtakes. The removal's own
// change waits for them: it is behind them in the tenant's queue.
func (s *Service) supersede(ctx context.Context, i Instance, ops []Operation) error {
	for _, op := range ops {
		if err := s.engine.Cancel(ctx, op.ID); err != nil && fault.KindOf(err) != fault.NotFound {
			return fmt.Errorf("cannot stop %s of instance %q: %w", op.Kind, i.ID, err)
		}
	}
	return nil
}

// Unbind removes a binding and the stitch it made (OSB 2.17, "Unbinding").
func (s *Service) Unbind(ctx context.Context, r RemoveRequest) (Outcome, error) {
	if _, err := s.record(ctx, r.Platform, r.Instance); err != nil {
		return Outcome{}, goneIfAbsent(err)
	}
	var cancelled []Operation
	i, err := s.instances.Update(ctx, string(r.Instance), func(i Instance) (Instance, error) {
		b, ok := i.Bindings[r.Binding]
		cancelled = nil
		switch {
		case !ok || b.State == Deleted || i.State == Deleted:
			return i, fault.New(fault.Gone, "binding %q is gone", r.Binding)
		case r.Service != i.Service || !i.wentBy(r.Plan):
			return i, fault.New(fault.Invalid, "instance %q is of service %q, plan %q", i.ID, i.Service, i.Plan)
		case !b.needsWork():
			b.State, b.Account = Deleted, nil
			b.Operation.end(Succeeded, "removed")
			i.note(r.Platform, "the binding was removed", b.ID)
			i.attribute(r.Origin)
			return i, nil
		case i.State != Active:
			return i, errBusy()
		case !r.AcceptsIncomplete:
			return i, errAsyncRequired()
		case b.State == Deprovisioning:
			return i, store.Unchanged
		case b.Operation.State == InProgress:
			cancelled = []Operation{b.Operation}
		}
		b.State = Deprovisioning
		b.Operation = begin(KindUnbind, "waiting for its turn")
		i.note(r.Platform, "removal of the binding was asked for", b.ID)
		i.attribute(r.Origin)
		return i, nil
	})
	if err != nil {
		return Outcome{}, err
	}
	return s.unbinding(ctx, i, i.Bindings[r.Binding], cancelled)
}

// needsWork says whether anything of the binding may be in the cloud or on the
// appliance.
func (b *Binding) needsWork() bool {
	return (b.Stitch != nil || b.Account.live()) && (b.InPlace || b.Operation.State == InProgress)
}

func (s *Service) unbinding(ctx context.Context, i Instance, b *Binding, cancelled []Operation) (Outcome, error) {
	if b.Operation.State != InProgress {
		return Outcome{}, nil
	}
	if err := s.supersede(ctx, i, cancelled); err != nil {
		return Outcome{}, err
	}
	return Outcome{Operation: b.Operation.ID, Progress: true}, s.submit(ctx, i, b.Operation)
}

func goneIfAbsent(err error) error {
	if fault.KindOf(err) == fault.NotFound {
		return fault.New(fault.Gone, "%s", fault.Message(err))
	}
	return err
}
