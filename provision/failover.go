package provision

import (
	"context"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// A member of a cluster that does not answer is set idle: that is desired state, and
// a change of its own kind takes it out of the gateway's rules. Only its own flows
// find another member. When it answers again it gets new ones.

// idle says whether a member is to get no flows. When none answers, all get theirs:
// a broken management network must not stop the traffic.
func (i Instance) idle(member int) bool {
	out := func(n int) bool { return slices.Contains(i.Idle, n) }
	for n := range i.members() {
		if !out(n) {
			return out(member)
		}
	}
	return false
}

// Failing is the number of members that do not answer.
func (i Instance) Failing() int {
	return len(slices.DeleteFunc(slices.Clone(i.Idle), func(n int) bool { return n >= i.members() }))
}

// RecordMember keeps a verdict on one member of a cluster, and begins to move flows
// if it differs from the last one. While an update replaces the members there are
// no verdicts.
func (s *Service) RecordMember(ctx context.Context, id topology.InstanceID, member int, answers bool) error {
	begun := false
	i, err := s.instances.Update(ctx, string(id), func(i Instance) (Instance, error) {
		begun = false
		known := slices.Contains(i.Idle, member) == !answers && i.Failover.State != OpFailed
		if i.State != Active || i.Update != nil || i.Mode != topology.Redirected || member >= i.members() ||
			i.Failover.State == InProgress || known {
			return i, store.Unchanged
		}
		begun = true
		i.judge(member, answers)
		i.Failover = begin(KindFailover, "waiting for its turn")
		return i, nil
	})
	if err != nil || !begun {
		return err
	}
	return s.submit(ctx, i, i.Failover)
}

// judge changes the desired state.
func (i *Instance) judge(member int, answers bool) {
	name := topology.ReplicaOf(i.ID, i.Generation, member)
	was := slices.Contains(i.Idle, member)
	i.Idle = slices.DeleteFunc(slices.Clone(i.Idle), func(n int) bool { return n == member })
	switch {
	case !answers:
		i.Idle = append(i.Idle, member)
		slices.Sort(i.Idle)
		if !was {
			i.note("", fmt.Sprintf("member %q does not answer", name), "")
		}
	case was:
		i.note("", fmt.Sprintf("member %q answers again", name), "")
	}
}

// planFailover touches the instance's rules and nothing else. Before a member gets
// flows again it is told what it has missed of bindings' logins.
func (s *Service) planFailover(ctx context.Context, c work.Change) ([]work.Task, error) {
	i, err := s.instances.Get(ctx, c.Subject)
	if err != nil || !i.Failover.runs(c) {
		return nil, err
	}
	p, err := s.steps(ctx, topology.TenantID(c.Lane), c.ID)
	if err != nil {
		return nil, err
	}
	steps := slices.DeleteFunc(p.Steps, func(step topology.Step) bool { return !i.steers(step) })
	tasks, err := tasksOf(steps)
	if err != nil {
		return nil, err
	}
	return append(i.reminders(steps), tasks...), nil
}

// steers says whether a step is about the instance's rules. A member that answers
// must forward, too, before it gets flows; for one that does not nobody waits.
func (i Instance) steers(s topology.Step) bool {
	switch s.Verb {
	case topology.SetRedirect:
		return s.Redirect != nil && s.Redirect.Instance == i.ID
	case topology.Await:
		return s.Appliance.Instance == i.ID && i.Failing() < i.members()
	default:
		return false
	}
}

// reminders tell members that come back to their rules the logins that there are,
// and those that there are no more.
func (i Instance) reminders(steps []topology.Step) []work.Task {
	var tasks []work.Task
	for n := range i.members() {
		if !i.Insertion.Rotatable() || !returns(topology.ReplicaOf(i.ID, i.Generation, n), steps) {
			continue
		}
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

// returns says whether an appliance comes to a rule in these steps.
func returns(a topology.ApplianceID, steps []topology.Step) bool {
	in := func(r *topology.Redirect) bool {
		return r != nil && slices.ContainsFunc(r.Members, func(m topology.Member) bool { return m.Appliance == a })
	}
	return slices.ContainsFunc(steps, func(s topology.Step) bool { return in(s.Redirect) && !in(s.Was) })
}

// failedOver ends it. What failed is begun again at the next verdict.
func failedOver(i *Instance, c work.Change) bool {
	if !i.Failover.runs(c) {
		return false
	}
	if c.Outcome() != work.Done {
		i.Failover.end(OpFailed, c.Error)
		i.note("", failure("moving flows to other members", c), "")
		return true
	}
	i.Failover.end(Succeeded, "flows go through the members that answer")
	return true
}
