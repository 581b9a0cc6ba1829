package provision

import (
	"context"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// UpkeepRequest asks for something about the appliances of an instance.
type UpkeepRequest struct {
	Instance topology.InstanceID
	By       string
	Origin   Origin
	Member   *int // which appliance to respin; nil: those that do not answer, else the one there is
}

// Bypass has all traffic of an instance get past it until Restore is asked for,
// whatever its failure policy says. What is so already is done at once.
func (s *Service) Bypass(ctx context.Context, r UpkeepRequest) (Outcome, error) {
	return s.askRunning(ctx, r, func(i *Instance) error {
		if i.Bypass == BypassAsked {
			return store.Unchanged
		}
		i.note(r.By, "a bypass was asked for", "")
		i.Before, i.Bypass = i.Standing, BypassAsked
		i.Failover = begin(KindBypass, "waiting for its turn")
		return nil
	})
}

// Restore has the traffic pass the service again, at once or as soon as one of its
// appliances forwards.
func (s *Service) Restore(ctx context.Context, r UpkeepRequest) (Outcome, error) {
	return s.askRunning(ctx, r, func(i *Instance) error {
		switch {
		case i.Bypass == "":
			return store.Unchanged
		case i.fails() && i.Bypass != BypassAsked:
			return store.Unchanged // it comes back by itself
		case i.fails():
			i.note(r.By, "an end of the bypass was asked for; it comes when the appliance forwards", "")
			i.Bypass = BypassReturning
			return nil
		}
		i.note(r.By, "an end of the bypass was asked for", "")
		i.Before, i.Bypass = i.Standing, ""
		i.Failover = begin(KindRestore, "waiting for its turn")
		return nil
	})
}

// Respin has an appliance booted anew on the same legs. Traffic leaves it first where
// it can: for one that stands by, for other members, or past the service where the
// policy is open. It comes back when the appliance forwards again.
func (s *Service) Respin(ctx context.Context, r UpkeepRequest) (Outcome, error) {
	return s.askRunning(ctx, r, func(i *Instance) error {
		who, err := i.chosen(r.Member)
		if err != nil {
			return err
		}
		moved := false
		for _, n := range who {
			i.note(r.By, "a respin of "+i.told(n)+" was asked for", "")
			moved = !i.down(n) || moved
		}
		i.Due, i.GaveUp = who, false
		i.Idle = slices.Compact(slices.Sorted(slices.Values(slices.Concat(i.Idle, who))))
		i.turn("it is being booted anew")
		i.Failover = begin(i.attend(time.Now().UTC(), moved), "waiting for its turn")
		return nil
	})
}

// chosen are the appliances to respin.
func (i Instance) chosen(member *int) ([]int, error) {
	switch down := slices.DeleteFunc(slices.Clone(i.Idle), func(n int) bool { return n >= i.members() }); {
	case member != nil && (*member < 0 || *member >= i.members()):
		return nil, fault.New(fault.Invalid, "instance %q has no member %d: they are numbered from 0 to %d", i.Name, *member, i.members()-1)
	case member != nil:
		return []int{*member}, nil
	case len(down) > 0:
		return down, nil
	case i.members() == 1:
		return []int{0}, nil
	}
	return nil, fault.New(fault.Invalid, "instance %q has %d appliances and all answer; say which one is to be booted anew", i.Name, i.members())
}

// askRunning is ask about an instance that is not suspended.
func (s *Service) askRunning(ctx context.Context, r UpkeepRequest, wish func(*Instance) error) (Outcome, error) {
	return s.ask(ctx, r, func(i *Instance) error {
		if i.Suspended {
			return errSuspended(fault.Conflict, *i)
		}
		return wish(i)
	})
}

// ask writes a wish down and begins its change, if it takes one.
func (s *Service) ask(ctx context.Context, r UpkeepRequest, wish func(*Instance) error) (Outcome, error) {
	var begun Operation
	i, err := s.instances.Update(ctx, string(r.Instance), func(i Instance) (Instance, error) {
		was, events := i.Failover.ID, len(i.History)
		begun = Operation{}
		switch {
		case i.State == Deleted:
			return i, fault.New(fault.NotFound, "instance %q does not exist", r.Instance)
		case i.State == Failed:
			return i, fault.New(fault.Conflict, "instance %q failed to provision: it has no appliance", r.Instance)
		case i.State != Active || i.Update != nil || i.Failover.State == InProgress:
			return i, errBusy()
		}
		if err := wish(&i); err != nil {
			return i, err
		}
		for n := events; n < len(i.History); n++ {
			if i.History[n].By == r.By {
				i.History[n].For, i.History[n].Request = r.Origin.Identity, r.Origin.Request
			}
		}
		if i.Failover.ID != was {
			begun = i.Failover
		}
		return i, nil
	})
	switch {
	case err != nil:
		return Outcome{}, err
	case begun.ID == "":
		return Outcome{Existed: true}, nil
	}
	return Outcome{Operation: begun.ID, Progress: true}, s.submit(ctx, i, begun)
}
