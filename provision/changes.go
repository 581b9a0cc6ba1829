package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// The kinds of change. All are planned alike; they differ in what their outcome
// means for the instance's document.
const (
	KindProvision   work.Kind = "provision"
	KindDeprovision work.Kind = "deprovision"
	KindUpdate      work.Kind = "update"
	KindBind        work.Kind = "bind"
	KindUnbind      work.Kind = "unbind"
	KindExpire      work.Kind = "expire"
	KindFailover    work.Kind = "failover" // traffic finds other appliances
	KindBypass      work.Kind = "bypass"   // and these three: see Upkeep
	KindRestore     work.Kind = "restore"
	KindRespin      work.Kind = "respin"
	KindSuspend     work.Kind = "suspend" // traffic gets past it, until the operator resumes it
	KindResume      work.Kind = "resume"
	KindRepair      work.Kind = "repair" // of a tenant's drift: makes its fabric what the records say
)

// register tells the engine, on one screen, every kind of work and its undo.
func (s *Service) register() {
	s.engine.Change(KindProvision, work.Planner{Plan: s.planInsertion, Settle: s.settled(provisioned)})
	s.engine.Change(KindDeprovision, work.Planner{Plan: s.plan, Settle: s.settled(deprovisioned)})
	s.engine.Change(KindUpdate, work.Planner{Plan: s.planUpdate, Settle: s.settleUpdate})
	s.engine.Change(KindBind, work.Planner{Plan: s.planBinding, Settle: s.settled(bound)})
	s.engine.Change(KindUnbind, work.Planner{Plan: s.planUnbinding, Settle: s.settled(unbound)})
	s.engine.Change(KindRepair, work.Planner{Plan: s.planRepair, Settle: s.settleRepair})
	s.engine.Change(KindExpire, work.Planner{Plan: s.planExpiry, Settle: s.settled(expired)})
	for _, kind := range []work.Kind{KindFailover, KindBypass, KindRestore, KindRespin, KindSuspend, KindResume} {
		s.engine.Change(kind, work.Planner{Plan: s.planFailover, Settle: s.settleFailover})
	}

	for _, verb := range []topology.Verb{
		topology.CreateNetwork, topology.CreatePort, topology.Boot, topology.Await, topology.Move, topology.SetRedirect,
		topology.Shutdown, topology.DeletePort, topology.DeleteNetwork,
	} {
		s.engine.Task(work.TaskKind(verb), s.do, s.undo)
	}
	s.engine.Task(taskGrant, s.grant, s.ungrant)
	s.engine.Task(taskRevoke, s.revoke, s.grant)
	s.engine.Task(takeOver, s.takeOver, s.giveBack)
}

// planInsertion gives the instance its management addresses first.
func (s *Service) planInsertion(ctx context.Context, c work.Change) ([]work.Task, error) {
	_, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
		list, err := s.managementAddresses(ctx, i)
		if err != nil || slices.Equal(list, i.addresses()) {
			return i, orUnchanged(err)
		}
		i.address(list)
		return i, nil
	})
	if err != nil {
		return nil, err
	}
	return s.plan(ctx, c)
}

func (s *Service) plan(ctx context.Context, c work.Change) ([]work.Task, error) {
	p, err := s.steps(ctx, PlaceOf(c.Lane), c.ID)
	if err != nil {
		return nil, err
	}
	return s.tasks(ctx, PlaceOf(c.Lane), p.Steps)
}

// planRepair mends what is known to be dead, too.
func (s *Service) planRepair(ctx context.Context, c work.Change) ([]work.Task, error) {
	p := PlaceOf(c.Lane)
	have, want, err := s.compose(ctx, p, c.ID)
	if err != nil {
		return nil, err
	}
	steps, err := topology.Plan(have, want)
	if err != nil {
		return nil, fmt.Errorf("cannot plan the repair of tenant %q: %w", p.Tenant, err)
	}
	return s.tasks(ctx, p, steps)
}

func (s *Service) tasks(ctx context.Context, p Place, steps []topology.Step) ([]work.Task, error) {
	if err := s.room(ctx, p, steps); err != nil {
		return nil, err
	}
	if _, err := s.foresee(ctx, p, steps); err != nil {
		return nil, err
	}
	tasks, err := tasksOf(steps)
	if err != nil {
		return nil, err
	}
	again, err := s.regrants(ctx, steps)
	return append(tasks, again...), err
}

func tasksOf(steps []topology.Step) ([]work.Task, error) {
	tasks := make([]work.Task, len(steps))
	for n, step := range steps {
		args, err := json.Marshal(step)
		if err != nil {
			return nil, fmt.Errorf("cannot keep step %q: %w", step, err)
		}
		tasks[n] = work.Task{Kind: work.TaskKind(step.Verb), Summary: step.String(), Args: args}
	}
	return tasks, nil
}

// planBinding puts a binding's network behind the appliance, then tells that the
// binding's login.
func (s *Service) planBinding(ctx context.Context, c work.Change) ([]work.Task, error) {
	return s.withAccount(ctx, c, func(stitching []work.Task, account func(work.TaskKind) []work.Task) []work.Task {
		return append(stitching, account(taskGrant)...)
	})
}

// planUnbinding is the mirror image: the login goes first.
func (s *Service) planUnbinding(ctx context.Context, c work.Change) ([]work.Task, error) {
	return s.withAccount(ctx, c, func(stitching []work.Task, account func(work.TaskKind) []work.Task) []work.Task {
		return append(account(taskRevoke), stitching...)
	})
}

// planExpiry leaves the network where it is.
func (s *Service) planExpiry(ctx context.Context, c work.Change) ([]work.Task, error) {
	i, err := s.instances.Get(ctx, c.Subject)
	if err != nil {
		return nil, err
	}
	b, ok := i.bindingOf(c.ID)
	if !ok || !b.Account.live() {
		return nil, nil
	}
	return accountTasks(taskRevoke, i, b.ID), nil
}

// withAccount joins the steps of a binding's change with what is to be done about
// its login, if it has one.
func (s *Service) withAccount(ctx context.Context, c work.Change, join func([]work.Task, func(work.TaskKind) []work.Task) []work.Task) ([]work.Task, error) {
	tasks, err := s.plan(ctx, c)
	if err != nil {
		return nil, err
	}
	i, err := s.instances.Get(ctx, c.Subject)
	if err != nil {
		return nil, err
	}
	b, ok := i.bindingOf(c.ID)
	if !ok || !b.Account.live() {
		return tasks, nil
	}
	return join(tasks, func(kind work.TaskKind) []work.Task { return accountTasks(kind, i, b.ID) }), nil
}

func (s *Service) do(ctx context.Context, c work.Change, t work.Task) error {
	step, err := stepOf(t)
	if err != nil {
		return err
	}
	return s.carryOut(ctx, PlaceOf(c.Lane), step)
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
	return s.carryOut(ctx, PlaceOf(c.Lane), back)
}

func stepOf(t work.Task) (topology.Step, error) {
	var step topology.Step
	if err := json.Unmarshal(t.Args, &step); err != nil {
		return step, fmt.Errorf("cannot read a stored step: %w", err)
	}
	return step, nil
}

// carryOut does one step in the cloud.
func (s *Service) carryOut(ctx context.Context, p Place, step topology.Step) error {
	at, err := s.in(p)
	if err != nil {
		return err
	}
	if step.Verb == topology.Boot {
		err = s.boot(ctx, at, p.Tenant, *step.Appliance)
	} else {
		err = at.Do(ctx, p.Tenant, step)
	}
	if err == nil && step.Verb == topology.Await {
		err = s.ready(ctx, at, step)
	}
	var notYet *cloud.NotYet
	if errors.As(err, &notYet) {
		return work.Retry(notYet.After, "%s", notYet.Reason)
	}
	return err
}

func (s *Service) boot(ctx context.Context, at cloud.Cloud, tenant topology.TenantID, a topology.Appliance) error {
	server, err := s.machine(ctx, a)
	if err != nil {
		return err
	}
	return at.Boot(ctx, tenant, a, server)
}
