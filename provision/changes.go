package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// The kinds of change. All are planned alike; they differ in what their outcome
// means for the instance's document.
const (
	KindProvision   work.Kind = "provision"
	KindDeprovision work.Kind = "deprovision"
	KindBind        work.Kind = "bind"
	KindUnbind      work.Kind = "unbind"
)

// register tells the engine, on one screen, every kind of work and its undo.
func (s *Service) register() {
	s.engine.Change(KindProvision, work.Planner{Plan: s.planInsertion, Settle: s.settled(provisioned)})
	s.engine.Change(KindDeprovision, work.Planner{Plan: s.plan, Settle: s.settled(deprovisioned)})
	s.engine.Change(KindBind, work.Planner{Plan: s.plan, Settle: s.settled(bound)})
	s.engine.Change(KindUnbind, work.Planner{Plan: s.plan, Settle: s.settled(unbound)})

	for _, verb := range []topology.Verb{
		topology.CreateNetwork, topology.CreatePort, topology.Boot, topology.Await, topology.Move,
		topology.Shutdown, topology.DeletePort, topology.DeleteNetwork,
	} {
		s.engine.Task(work.TaskKind(verb), s.do, s.undo)
	}
}

// planInsertion gives the instance its management address first.
func (s *Service) planInsertion(ctx context.Context, c work.Change) ([]work.Task, error) {
	_, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
		if i.Management.IsValid() {
			return i, store.Unchanged
		}
		var err error
		i.Management, err = s.managementAddress(ctx, i)
		return i, err
	})
	if err != nil {
		return nil, err
	}
	return s.plan(ctx, c)
}

func (s *Service) plan(ctx context.Context, c work.Change) ([]work.Task, error) {
	p, err := s.steps(ctx, topology.TenantID(c.Lane), c.ID)
	if err != nil {
		return nil, err
	}
	tasks := make([]work.Task, len(p.Steps))
	for n, step := range p.Steps {
		args, err := json.Marshal(step)
		if err != nil {
			return nil, fmt.Errorf("cannot keep step %q: %w", step, err)
		}
		tasks[n] = work.Task{Kind: work.TaskKind(step.Verb), Summary: step.String(), Args: args}
	}
	return tasks, nil
}

func (s *Service) do(ctx context.Context, c work.Change, t work.Task) error {
	step, err := stepOf(t)
	if err != nil {
		return err
	}
	return s.carryOut(ctx, topology.TenantID(c.Lane), step)
}

func (s *Service) undo(ctx context.Context, c work.Change, t work.Task) error {
	step, err := stepOf(t)
	if err != nil {
		return err
	}
	back, ok := step.Inverse()
	if !ok {
		return nil
	}
	return s.carryOut(ctx, topology.TenantID(c.Lane), back)
}

func stepOf(t work.Task) (topology.Step, error) {
	var step topology.Step
	if err := json.Unmarshal(t.Args, &step); err != nil {
		return step, fmt.Errorf("cannot read a stored step: %w", err)
	}
	return step, nil
}

// carryOut does one step in the cloud.
func (s *Service) carryOut(ctx context.Context, tenant topology.TenantID, step topology.Step) error {
	var err error
	if step.Verb == topology.Boot {
		err = s.boot(ctx, tenant, *step.Appliance)
	} else {
		err = s.cloud.Do(ctx, tenant, step)
	}
	var notYet *cloud.NotYet
	if errors.As(err, &notYet) {
		return work.Retry(notYet.After, "%s", notYet.Reason)
	}
	return err
}

func (s *Service) boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance) error {
	i, err := s.instances.Get(ctx, string(a.Instance))
	if err != nil {
		return fmt.Errorf("cannot boot %q: %w", a.Name, err)
	}
	server, err := s.server(ctx, i)
	if err != nil {
		return err
	}
	return s.cloud.Boot(ctx, tenant, a, server)
}

// settled writes a change's outcome into its instance. A change that is settled
// again after a crash, or that a removal has overtaken, alters nothing more.
func (s *Service) settled(outcome func(i *Instance, c work.Change) bool) func(context.Context, work.Change) error {
	return func(ctx context.Context, c work.Change) error {
		_, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
			if !outcome(&i, c) {
				return i, store.Unchanged
			}
			return i, nil
		})
		if fault.KindOf(err) == fault.NotFound && err != nil {
			return nil
		}
		return err
	}
}

// provisioned: billing starts with the event that makes the instance active.
func provisioned(i *Instance, c work.Change) bool {
	if i.Operation.ID != c.ID || i.Operation.State != InProgress {
		return false
	}
	if succeeded(c) {
		i.State, i.InPlace = Active, true
		i.Operation.end(Succeeded, "the service is in place")
		i.note("", "the service is in place", "")
		return true
	}
	i.State = Failed
	i.Operation.end(OpFailed, c.Error)
	i.note("", "provisioning "+failure(c), "")
	return true
}

// deprovisioned: a removal that failed was undone, so the service is in place
// again and may be removed anew.
func deprovisioned(i *Instance, c work.Change) bool {
	if i.Operation.ID != c.ID || i.Operation.State != InProgress {
		return false
	}
	if !succeeded(c) {
		i.State = Active
		if !i.InPlace {
			i.State = Failed
		}
		i.Operation.end(OpFailed, c.Error)
		i.note("", "removal "+failure(c), "")
		return true
	}
	i.State, i.InPlace = Deleted, false
	i.Operation.end(Succeeded, "removed")
	for _, b := range i.Bindings {
		if b.State != Deleted {
			b.State, b.InPlace = Deleted, false
			b.Operation.end(Succeeded, "removed with its instance")
		}
	}
	i.Values, i.Secrets = nil, nil
	i.note("", "the service was removed", "")
	return true
}

func bound(i *Instance, c work.Change) bool {
	b, ok := i.bindingOf(c.ID)
	if !ok || b.Operation.State != InProgress {
		return false
	}
	if succeeded(c) {
		b.State, b.InPlace = Active, true
		b.Operation.end(Succeeded, "the network passes through the service")
		i.note("", fmt.Sprintf("network %q passes through the service", b.Stitch.Network), b.ID)
		return true
	}
	b.State = Failed
	b.Operation.end(OpFailed, c.Error)
	i.note("", "binding "+failure(c), b.ID)
	return true
}

func unbound(i *Instance, c work.Change) bool {
	b, ok := i.bindingOf(c.ID)
	if !ok || b.Operation.State != InProgress {
		return false
	}
	if succeeded(c) {
		b.State, b.InPlace = Deleted, false
		b.Operation.end(Succeeded, "removed")
		i.note("", fmt.Sprintf("network %q no longer passes through the service", b.Stitch.Network), b.ID)
		return true
	}
	b.State = Active
	if !b.InPlace {
		b.State = Failed
	}
	b.Operation.end(OpFailed, c.Error)
	i.note("", "removal of the binding "+failure(c), b.ID)
	return true
}

func succeeded(c work.Change) bool { return c.Outcome() == work.Done }

// failure says how a change that did not succeed ended. A parked one may still be
// undone later, when an operator has mended what was in its way.
func failure(c work.Change) string {
	if c.Outcome() == work.Undone {
		return "failed and was undone: " + c.Error
	}
	return "failed and could not be undone without an operator: " + c.Error
}
