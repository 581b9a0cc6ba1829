package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// What is done about appliances that fail is desired state like all else: see Upkeep.
// The changes that bring it about touch nothing but what it takes, whatever else is
// broken at the time, and wait only for an appliance that traffic is to come back to.

// planFailover plans with all appliances taken for running, since one that is dead is
// the next change's business; only those that are to be booted anew are taken for
// running in another start. Who comes back is told first what it has missed.
func (s *Service) planFailover(ctx context.Context, c work.Change) ([]work.Task, error) {
	i, err := s.instances.Get(ctx, c.Subject)
	if err != nil || !i.Failover.runs(c) {
		return nil, err
	}
	p := PlaceOf(c.Lane)
	have, want, err := s.compose(ctx, p, c.ID)
	if err != nil {
		return nil, err
	}
	all := func(topology.Appliance) bool { return true }
	anew := func(a topology.Appliance) bool { return c.Kind == KindRespin && a.Instance == i.ID }
	steps, err := topology.Plan(topology.Wrecked(topology.Overlook(have, want, all), have, want, anew), want)
	if err != nil {
		return nil, fmt.Errorf("cannot plan the fabric of tenant %q: %w", p.Tenant, err)
	}
	asObserved(steps, have)
	tasks, err := tasksOf(slices.DeleteFunc(steps, func(step topology.Step) bool {
		return step.Verb == topology.Await && !i.awaited(c.Kind, step.Appliance.ID)
	}))
	if err != nil {
		return nil, err
	}
	return append(i.reminders(), tasks...), nil
}

// asObserved has the steps that shut appliances down say how those really are, so that
// undoing one boots what ran, and nothing else.
func asObserved(steps []topology.Step, have topology.Fabric) {
	for n, step := range steps {
		at := slices.IndexFunc(have.Appliances, func(a topology.Appliance) bool {
			return step.Verb == topology.Shutdown && a.ID == step.Appliance.ID
		})
		if at >= 0 {
			a := *step.Appliance
			a.Booted, a.Start = have.Appliances[at].Booted, have.Appliances[at].Start
			steps[n].Appliance = &a
		}
	}
}

// awaited says whether an appliance must forward before traffic comes to it: not one
// that does not answer, and not one that is the only way that there is left.
func (i Instance) awaited(kind work.Kind, a topology.ApplianceID) bool {
	for n := range i.members() {
		if i.appliance(n) == a {
			return !i.down(n) && (kind == KindRestore || kind == KindResume || i.Mode == topology.Redirected)
		}
	}
	return false
}

// reminders tell appliances that answer again the logins that there are, and those
// that there are no more.
func (i Instance) reminders() []work.Task {
	var tasks []work.Task
	if !i.Insertion.Rotatable() {
		return nil
	}
	for _, n := range i.Back {
		for _, b := range i.sortedBindings() {
			kind := taskRevoke
			if b.InPlace && b.Account.live() {
				kind = taskGrant
			}
			tasks = append(tasks, accountTask(kind, i, b.ID, n))
		}
	}
	return tasks
}

// settleFailover ends one, and begins the next if there is more to do.
func (s *Service) settleFailover(ctx context.Context, c work.Change) error {
	var next Operation
	i, err := s.instances.Update(ctx, c.Subject, func(i Instance) (Instance, error) {
		if next = (Operation{}); !i.Failover.runs(c) {
			return i, store.Unchanged
		}
		if i.failedOver(c) && i.State == Active && i.Update == nil {
			if kind := i.attend(time.Now().UTC(), false); kind != "" {
				i.Failover = begin(kind, "waiting for its turn")
				next = i.Failover
			}
		}
		return i, nil
	})
	switch {
	case errors.Is(err, fault.NotFound):
		return nil
	case err != nil || next.ID == "":
		return err
	}
	return s.submit(ctx, i, next)
}

// failedOver ends a change and says whether it was done. Of one that was not, the
// wish is taken back with its steps: the next verdict comes to its own.
func (i *Instance) failedOver(c work.Change) bool {
	if c.Outcome() != work.Done {
		i.Standing = i.Before
		said := failure(i.Failover.doing(), c)
		i.Failover.end(OpFailed, c.Error)
		if said != i.lastSaid() {
			i.note("", said, "")
		}
		return false
	}
	done := i.done(c.Kind)
	i.Back = nil
	i.turn(i.Health.Detail)
	if done != "" {
		i.note("", done, "")
	}
	i.Failover.end(Succeeded, done)
	return true
}

// lastSaid is the latest event's message: what fails again and again is said once.
func (i Instance) lastSaid() string {
	if len(i.History) == 0 {
		return ""
	}
	return i.History[len(i.History)-1].Message
}

// doing is what an operation is about, in the middle of a sentence.
func (o Operation) doing() string {
	return map[work.Kind]string{
		KindBypass: "bypassing the service", KindRestore: "bringing traffic back to the service",
		KindRespin: "booting anew", KindFailover: "moving traffic to other appliances",
		KindSuspend: "suspending the service", KindResume: "resuming the service",
	}[o.Kind]
}

// done is what has come about, in a sentence.
func (i Instance) done(kind work.Kind) string {
	switch {
	case kind == KindSuspend:
		return "the service is suspended: traffic gets past it"
	case kind == KindResume && i.Bypass == BypassFailed:
		return "the service is resumed: traffic gets past what fails of it"
	case kind == KindResume:
		return "the service is resumed: traffic passes it again"
	case kind == KindBypass:
		return "traffic gets past the service"
	case kind == KindRestore && i.Bypass == BypassFailed:
		return "traffic gets past the sides that fail, and passes the others"
	case kind == KindRestore:
		return "traffic passes the service again"
	case kind == KindRespin:
		return "what does not answer was booted anew"
	case i.Mode == topology.Redirected && !i.Suspended:
		return "flows go through the members that answer"
	case i.Active != i.Before.Active:
		return fmt.Sprintf("%q has taken over", i.appliance(i.active()))
	}
	return "the appliance knows all logins again"
}
