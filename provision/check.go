package provision

import (
	"context"
	"errors"
	"log/slog"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/work"
)

// audit is a check under way.
type audit struct {
	*store.Findings
	offers  catalog.Index
	ledgers map[string]ledger
	engine  *work.Engine
}

// Check finds instances that contradict themselves, the catalog, the changes or the
// quotas' ledgers. A place in a ledger that no instance has is none: the next
// count frees it. Each instance that can be read is shown to see.
func Check(ctx context.Context, s *store.Store, offers catalog.Index, f *store.Findings, see func(Instance)) error {
	a := &audit{f, offers, map[string]ledger{}, work.New(s, slog.New(slog.DiscardHandler), work.Options{})}
	err := store.In[ledger](s, "quotas", nil).Audit(ctx, f, func(id string, l ledger) error {
		a.ledgers[id] = l
		return nil
	})
	if err != nil {
		return err
	}
	return Documents(s).Audit(ctx, f, func(id string, i Instance) error {
		see(i)
		return a.instance(ctx, id, i)
	})
}

func (a *audit) instance(ctx context.Context, id string, i Instance) error {
	say := func(format string, args ...any) { a.Add("instances", id, format, args...) }
	if id != string(i.ID) {
		say("it is stored as the instance %q", i.ID)
	}
	i.checkHistory(say)
	if i.State != Deleted {
		a.checkOffer(i, say)
	}
	for _, holder := range i.Holders {
		if _, held := a.ledgers[holder].Held[i.ID]; i.occupies() && !held {
			say("it counts against the quota of %s, whose ledger does not have it", holder)
		}
	}
	if i.State == Deleted && i.InPlace {
		say("it is deleted, and in place")
	}
	if (i.State == Provisioning || i.State == Deprovisioning) && i.Operation.State != InProgress {
		say("it is %s, and its operation %q is %s", i.State, i.Operation.ID, i.Operation.State)
	}
	for key, b := range i.Bindings {
		if b == nil || b.ID != key {
			say("its binding %q is stored under another id", key)
			continue
		}
		if i.State == Deleted && b.State != Deleted {
			say("it is deleted, and its binding %q is %s", key, b.State)
		}
	}
	for _, op := range i.pending() {
		if err := a.checkOperation(ctx, op, say); err != nil {
			return err
		}
	}
	return nil
}

// checkHistory: without a gap, in order, and ending as the instance is.
func (i Instance) checkHistory(say func(string, ...any)) {
	for n, e := range i.History {
		if e.Seq != n+1 {
			say("its history has event %d where %d should be", e.Seq, n+1)
			return
		}
		if n > 0 && e.At.Before(i.History[n-1].At) {
			say("event %d of its history was before event %d", e.Seq, e.Seq-1)
		}
	}
	if n := len(i.History); n == 0 || i.History[n-1].State != i.State {
		say("it is %s, and its history does not end with that", i.State)
	}
}

func (a *audit) checkOffer(i Instance, say func(string, ...any)) {
	if _, known := a.offers.Plan(i.Service, i.Plan); !known {
		say("it is of plan %q of service %q, which the catalog does not have", i.Plan, i.Service)
	}
	if !a.offers.Packages[i.Package] {
		say("it was made of the package %q, which does not exist", i.Package)
	}
}

// checkOperation: one in progress has a change that goes on, or none yet.
func (a *audit) checkOperation(ctx context.Context, op Operation, say func(string, ...any)) error {
	c, err := a.engine.Get(ctx, op.ID)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil && c.Ended() {
		say("its operation %q is in progress, and the change that carries it out is %s", op.ID, c.Status)
	}
	return err
}
