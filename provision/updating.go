package provision

import (
	"context"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// takeOver is the task with which an instance becomes what its update has made. It
// comes when traffic has been swapped and before anything is removed, and there is
// no way back behind it: what failed before it is undone with the old appliance
// never stopped, what fails after it is finished.
const takeOver work.TaskKind = "take-over"

// planUpdate is the steps to the instance's next form.
func (s *Service) planUpdate(ctx context.Context, c work.Change) ([]work.Task, error) {
	i, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
		if !i.updates(c) {
			return i, store.Unchanged
		}
		will, err := s.handedOn(ctx, i, i.Update.Will)
		if err != nil || digest(will) == digest(i.Update.Will) {
			return i, orUnchanged(err)
		}
		u := *i.Update
		u.Will = will
		i.Update = &u
		return i, nil
	})
	if err != nil || !i.updates(c) {
		return nil, err
	}
	tasks, err := s.plan(ctx, c)
	if err != nil {
		return nil, err
	}
	if i.closes() {
		tasks = slices.DeleteFunc(tasks, func(t work.Task) bool { return t.Kind == work.TaskKind(topology.Await) })
	}
	return i.Update.arranged(tasks), nil
}

// closes says whether the update is about nothing but that the traffic of a service
// that fails is not to get past it any more: then nobody waits until it could pass.
func (i Instance) closes() bool {
	was, will := i.Update.Was, i.Update.Will
	return i.fails() && will.Failure == topology.FailClosed && was.Failure != will.Failure &&
		was.machine() == will.machine() && slices.Equal(was.Stitches, will.Stitches)
}

// arranged is what is planned with the take-over in its place: behind all that the
// new appliance is told, before anything is removed.
func (u Update) arranged(tasks []work.Task) []work.Task {
	steps := slices.DeleteFunc(slices.Clone(tasks), func(t work.Task) bool { return t.Kind == taskGrant })
	grants := slices.DeleteFunc(tasks, func(t work.Task) bool { return t.Kind != taskGrant })
	taking := work.Task{Kind: takeOver, Summary: "take over: " + u.said(), Final: true}
	n := settledAt(steps)
	return slices.Concat(steps[:n], grants, []work.Task{taking}, steps[n:])
}

func orUnchanged(err error) error {
	if err != nil {
		return err
	}
	return store.Unchanged
}

// updates says whether a change carries out the update that the instance is in.
func (i Instance) updates(c work.Change) bool { return i.Update != nil && i.Update.Change == c.ID }

// settledAt is where, in a list of steps, only removals are left.
func settledAt(tasks []work.Task) int {
	for n, t := range slices.Backward(tasks) {
		switch topology.Verb(t.Kind) {
		case topology.Shutdown, topology.DeletePort, topology.DeleteNetwork:
		default:
			return n + 1
		}
	}
	return 0
}

// handedOn is an instance's next form with the management addresses that the
// instance has: what was handed out with them goes on being true.
func (s *Service) handedOn(ctx context.Context, i Instance, f Form) (Form, error) {
	has := i.addresses()
	i.take(f)
	if len(i.addresses()) <= len(has) { // else the update has been planned before
		i.address(has)
	}
	list, err := s.managementAddresses(ctx, i)
	i.address(list)
	return i.form(), err
}

// takeOver: from here on the new plan is billed.
func (s *Service) takeOver(ctx context.Context, c work.Change, _ work.Task) error {
	_, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
		if !i.updates(c) || i.Update.Taken {
			return i, store.Unchanged
		}
		u := *i.Update
		u.Taken = true
		i.take(u.Will)
		i.Update = &u
		i.note("", u.said(), "")
		i.noteEULAs(slices.DeleteFunc(slices.Clone(u.Will.EULAs), func(a Acceptance) bool { return slices.Contains(u.Was.EULAs, a) }))
		return i, nil
	})
	return err
}

// giveBack is for a take-over of which nobody knows whether it was stored.
func (s *Service) giveBack(ctx context.Context, c work.Change, _ work.Task) error {
	_, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
		if !i.updates(c) || !i.Update.Taken {
			return i, store.Unchanged
		}
		u := *i.Update
		u.Taken = false
		i.take(u.Was)
		i.Update = &u
		i.note("", "the update was taken back", "")
		return i, nil
	})
	return err
}

// said is what the update is about, for people.
func (u Update) said() string {
	switch {
	case u.Was.Plan != u.Will.Plan && u.Was.Package != u.Will.Package:
		return fmt.Sprintf("the plan is now %q, the package %s", u.Will.Configuration, u.Will.Package)
	case u.Was.Plan != u.Will.Plan:
		return fmt.Sprintf("the plan is now %q", u.Will.Configuration)
	case u.Was.Package != u.Will.Package:
		return fmt.Sprintf("the package is now %s", u.Will.Package)
	case u.Was.machine() != u.Will.machine():
		return "the parameters are as asked for"
	case digest(u.Was.Steering) != digest(u.Will.Steering):
		return "the flows are redirected as asked for"
	case u.Was.through() == u.Will.through():
		return "the place in the chain is as asked for"
	}
	return "the networks are as asked for"
}

// settleUpdate makes the quotas fit again before it ends the update.
func (s *Service) settleUpdate(ctx context.Context, c work.Change) error {
	i, err := s.instances.Get(ctx, c.Subject)
	if err == nil && i.updates(c) {
		held := i.Update.Held
		if i.Update.Taken {
			held = i.Update.Hold
		}
		err = s.fit(ctx, i, held)
	}
	if err != nil {
		return fmt.Errorf("cannot end the update of instance %q: %w", c.Subject, err)
	}
	return s.settled(updated)(ctx, c)
}

// updated ends an update. One that a removal has overtaken leaves the operation to
// that.
func updated(i *Instance, c work.Change) bool {
	if !i.updates(c) {
		return false
	}
	u := i.Update
	i.Update = nil
	if !u.Taken {
		i.rebind(u.Was.Bound) // also of bindings that were rotated meanwhile
	}
	switch {
	case !u.Taken && i.Operation.runs(c):
		i.Operation.end(OpFailed, c.Error)
		i.note("", failure("the update", c), "")
	case !u.Taken:
		i.note("", "the update was given up", "")
	case i.Operation.runs(c):
		i.Operation.end(Succeeded, u.said())
	}
	if u.Taken && c.Outcome() != work.Done {
		i.note("", "what the update has replaced could not be removed without an operator: "+c.Reason, "")
	}
	return true
}
