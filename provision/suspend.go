package provision

import (
	"context"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Suspend has all traffic of an instance get past it until ResumeInstance is asked for, and
// leaves everything else of it as it is: its appliances run and keep their legs and
// addresses, its bindings their logins. Meanwhile nothing is mended or changed, and
// its time is metered as suspended. Reason goes into the history, which the tenant
// sees; it may be empty. What is suspended already is done at once.
func (s *Service) Suspend(ctx context.Context, r UpkeepRequest, reason string) (Outcome, error) {
	return s.ask(ctx, r, func(i *Instance) error {
		if i.Suspended {
			return store.Unchanged
		}
		i.explain(r.By, "a suspension was asked for", reason)
		i.Before, i.Suspended = i.Standing, true
		i.Failover = begin(KindSuspend, "waiting for its turn")
		return nil
	})
}

// ResumeInstance ends a suspension. Traffic goes where it did before, and where a failure that was
// known then has it; of a service that has failed since, it passes as soon as an appliance forwards.
func (s *Service) ResumeInstance(ctx context.Context, r UpkeepRequest, reason string) (Outcome, error) {
	return s.ask(ctx, r, func(i *Instance) error {
		if !i.Suspended {
			return store.Unchanged
		}
		i.explain(r.By, "an end of the suspension was asked for", reason)
		i.Before, i.Suspended = i.Standing, false
		switch {
		case i.Bypass == "" && i.fails():
			i.Bypass = BypassReturning
		case i.Bypass == BypassFailed && !i.fails():
			i.Bypass = ""
		}
		if i.Bypass == BypassAsked || i.Bypass == BypassReturning { // all traffic goes on to get past it
			i.turn("")
			return nil
		}
		i.Failover = begin(KindResume, "waiting for its turn")
		return nil
	})
}

// explain is note with a reason in somebody's own words.
func (i *Instance) explain(by, message, reason string) {
	i.note(by, message, "")
	i.History[len(i.History)-1].Reason = reason
}

// Said is what happened, with the reason that somebody gave.
func (e Event) Said() string {
	if e.Reason == "" {
		return e.Message
	}
	return e.Message + ": " + e.Reason
}

func errSuspended(kind fault.Kind, i Instance) error {
	return fault.New(kind, "instance %q is suspended; it can be changed when the provider has resumed it", i.Name)
}
