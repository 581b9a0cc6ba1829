package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// UpdateRequest asks to change an instance. What is left out stays: parameters are
// laid over those that the instance has.
type UpdateRequest struct {
	Instance          topology.InstanceID
	Platform          string
	Service           catalog.ServiceID
	Plan              catalog.PlanID  // empty: stays
	Context           json.RawMessage // nil: stays; may be the only thing
	Parameters        json.RawMessage // nil: stay
	Version           string          // maintenance version to bring it to, which must be the one on offer; empty: its package stays
	Upgrade           bool            // to the package on offer, whichever that is
	AcceptsIncomplete bool
	Allowances        []Allowance
	Origin            Origin
}

// asked tells a repeated update from another. The context is left out: names in it
// change over time.
func (r UpdateRequest) asked() string {
	return digest(r.Plan, r.Parameters, r.Version, r.Upgrade)
}

// Refused is an update that the instance, its package or a quota does not allow.
// Repeatable says that the same update may be possible later.
type Refused struct {
	Repeatable bool
	Err        error
}

func (r *Refused) Error() string { return r.Err.Error() }
func (r *Refused) Unwrap() error { return r.Err }

func refuse(repeatable bool, format string, args ...any) error {
	return &Refused{repeatable, fault.New(fault.Conflict, format, args...)}
}

// StaleVersion is a request for a maintenance version that is not on offer (OSB
// 2.17, "Maintenance Info Object").
type StaleVersion struct{ Asked, Offered string }

func (v *StaleVersion) Error() string {
	if v.Offered == "" {
		return fmt.Sprintf("The maintenance information for the requested Service Plan has changed: version %q was asked for, and the service is not on offer.", v.Asked)
	}
	return fmt.Sprintf("The maintenance information for the requested Service Plan has changed: version %q was asked for, %q is on offer.", v.Asked, v.Offered)
}

func (v *StaleVersion) Unwrap() error { return fault.Conflict }

// Update changes an instance (OSB 2.17, "Updating a Service Instance"). What needs
// its appliance or its networks changed takes a change of its own, and leaves the
// instance as it is until it has succeeded; names are stored at once. The same
// request again, while it is carried out, answers the same operation; another one
// meanwhile is Busy.
func (s *Service) Update(ctx context.Context, r UpdateRequest) (Outcome, error) {
	i, err := s.Instance(ctx, r.Platform, r.Instance)
	if err != nil {
		return Outcome{}, err
	}
	if i.Update != nil && i.Update.Asked == r.asked() && i.Operation.ID == i.Update.Change {
		return s.updating(ctx, i, r)
	}
	u, err := s.draftUpdate(ctx, i, r)
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case digest(u.Was) == digest(u.Will):
		return Outcome{Existed: true}, nil
	case u.Was.machine() == u.Will.machine() && u.Was.sameNetworks(u.Will):
		i, err = s.storeUpdate(ctx, i, func(i *Instance) { i.take(u.Will) })
	case i.Suspended:
		return Outcome{}, &Refused{true, errSuspended(fault.Conflict, i)}
	case !r.AcceptsIncomplete:
		return Outcome{}, errAsyncRequired()
	default:
		i, err = s.beginUpdate(ctx, i, r, u)
	}
	switch _, lost := err.(raced); {
	case lost:
		return s.Update(ctx, r)
	case err != nil:
		return Outcome{}, err
	case i.Update == nil:
		return Outcome{Existed: true}, nil
	}
	return s.updating(ctx, i, r)
}

// updating answers for the update that is being carried out.
func (s *Service) updating(ctx context.Context, i Instance, r UpdateRequest) (Outcome, error) {
	if !r.AcceptsIncomplete {
		return Outcome{}, errAsyncRequired()
	}
	return Outcome{Operation: i.Operation.ID, Progress: true}, s.submit(ctx, i, i.Operation)
}

// beginUpdate stores an update that takes a change, with its quotas reserved.
func (s *Service) beginUpdate(ctx context.Context, i Instance, r UpdateRequest, u Update) (Instance, error) {
	if err := s.trial(ctx, i, u); err != nil {
		return i, err
	}
	if err := s.enlarge(ctx, i, r.Allowances, u); err != nil {
		return i, err
	}
	op := begin(KindUpdate, "waiting for its turn")
	u.Change, u.Asked, u.By = op.ID, r.asked(), r.Platform
	stored, err := s.storeUpdate(ctx, i, func(i *Instance) {
		if u.Was.machine() != u.Will.machine() {
			i.Generations++
			u.Will.Generation, u.Will.Upkeep = i.Generations, i.Upkeep.anew()
		}
		update := u
		i.Update, i.Operation = &update, op
		i.Holders = union(i.Holders, holders(r.Allowances))
		i.note(r.Platform, "an update was asked for", "")
		i.attribute(r.Origin)
	})
	if _, lost := err.(raced); err != nil && !lost { // whoever was first makes it fit
		err = errors.Join(err, s.fit(context.WithoutCancel(ctx), i, u.Held))
	}
	return stored, err
}

// storeUpdate alters the instance if it still is what the update was drafted for.
func (s *Service) storeUpdate(ctx context.Context, was Instance, alter func(*Instance)) (Instance, error) {
	return s.instances.Update(ctx, string(was.ID), func(i Instance) (Instance, error) {
		if i.basis() != was.basis() {
			return i, raced{}
		}
		alter(&i)
		return i, nil
	})
}

// basis is what the draft of an update rests on.
func (i Instance) basis() string {
	claimed := i.claimed()
	slices.SortFunc(claimed, func(a, b topology.Stitch) int { return a.Pair - b.Pair })
	return digest(i.State, i.Operation.ID, i.Update != nil, i.form(), claimed)
}

// trial refuses what could not be put together, before anything is stored.
func (s *Service) trial(ctx context.Context, i Instance, u Update) error {
	i.Update = &u
	_, _, err := s.compose(ctx, i.place(), u.Change, i)
	if fault.KindOf(err) == fault.Invalid {
		return &Refused{true, err}
	}
	return err
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, name := range b {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}
