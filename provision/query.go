package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Filter narrows a listing; empty fields let everything pass.
type Filter struct {
	Platform string
	Tenant   topology.TenantID
	Service  catalog.ServiceID
	State    State
	Unwell   bool // only those whose health is degraded, failing or bypassed
}

func (f Filter) passes(i Instance) bool {
	return (f.Platform == "" || f.Platform == i.Platform) &&
		(f.Tenant == "" || f.Tenant == i.Tenant) &&
		(f.Service == "" || f.Service == i.Service) &&
		(f.State == "" && i.State != Deleted || f.State == i.State) &&
		(!f.Unwell || i.unwell() != "")
}

// index is a stored key with a value.
type index struct{ key, value string }

// sources are the indexes that together hold all that the filter lets pass. There
// are few, because each costs every request that stores an instance.
func (f Filter) sources() []index {
	switch {
	case f.Tenant != "":
		return []index{{"live", string(f.Tenant)}, {"tenant", string(f.Tenant)}}
	case f.Unwell:
		return unwell
	case f.State == Provisioning:
		return []index{{"pending", "yes"}}
	case f.State != "":
		return []index{{"state", string(f.State)}}
	}
	return []index{{}}
}

// unwell are the indexes of what is not well.
var unwell = []index{{"unwell", string(HealthBypassed)}, {"unwell", string(HealthDegraded)}, {"unwell", string(HealthFailing)}}

// Instances lists instances by id; deleted ones only when asked for by state.
func (s *Service) Instances(ctx context.Context, f Filter) ([]Instance, error) {
	list := []Instance{}
	for _, from := range f.sources() {
		for i, err := range s.instances.All(ctx, from.key, from.value) {
			if err != nil {
				return nil, err
			}
			if f.passes(i) {
				list = append(list, i)
			}
		}
	}
	return byID(list), nil
}

// Page is the first instances after an id that the filter lets pass, at most limit,
// and where to go on; "" when these are the last.
func (s *Service) Page(ctx context.Context, f Filter, after topology.InstanceID, limit int) (list []Instance, next topology.InstanceID, err error) {
	list = []Instance{}
	for _, from := range f.sources() {
		found := 0
		for i, err := range s.instances.From(ctx, store.Query{Key: from.key, Value: from.value, After: string(after), Limit: limit + 1}) {
			if err != nil {
				return nil, "", err
			}
			if f.passes(i) {
				list, found = append(list, i), found+1
			}
			if found > limit {
				break
			}
		}
	}
	list = byID(list)
	if len(list) > limit {
		return list[:limit], list[limit-1].ID, nil
	}
	return list, "", nil
}

// Unwell is how many instances are degraded, failing and bypassed, each counted up to
// most, of a tenant's or, when it is "", of all.
func (s *Service) Unwell(ctx context.Context, tenant topology.TenantID, most int) (map[HealthStatus]int, error) {
	f := Filter{Tenant: tenant, Unwell: true}
	counts := map[HealthStatus]int{}
	for _, from := range f.sources() {
		for i, err := range s.instances.From(ctx, store.Query{Key: from.key, Value: from.value, Limit: most}) {
			if err != nil {
				return nil, err
			}
			status := i.unwell()
			if status == "" || !f.passes(i) || counts[status] >= most {
				continue
			}
			if counts[status]++; tenant == "" && counts[status] >= most {
				break // the index has no other status
			}
		}
	}
	return counts, nil
}

// byID sorts instances; what an instance is listed by may have changed meanwhile, so
// that two indexes had it.
func byID(list []Instance) []Instance {
	slices.SortStableFunc(list, func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(list, func(a, b Instance) bool { return a.ID == b.ID })
}

// Instance is one instance. With a platform, another platform's is NotFound, as
// is a deleted one.
func (s *Service) Instance(ctx context.Context, platform string, id topology.InstanceID) (Instance, error) {
	i, err := s.record(ctx, platform, id)
	if err != nil {
		return Instance{}, err
	}
	if i.State == Deleted {
		return Instance{}, fault.New(fault.NotFound, "instance %q does not exist", id)
	}
	return i, nil
}

// Tombstone is as Instance, and gives deleted instances too.
func (s *Service) Tombstone(ctx context.Context, platform string, id topology.InstanceID) (Instance, error) {
	return s.record(ctx, platform, id)
}

func (s *Service) record(ctx context.Context, platform string, id topology.InstanceID) (Instance, error) {
	i, err := s.instances.Get(ctx, string(id))
	if errors.Is(err, fault.NotFound) || err == nil && platform != "" && i.Platform != platform {
		return Instance{}, fault.New(fault.NotFound, "instance %q does not exist", id)
	}
	return i, err
}

// Operation is the latest operation on an instance, also on a deleted one, so
// that a platform that polls late still learns how it ended.
func (s *Service) Operation(ctx context.Context, platform string, id topology.InstanceID) (Operation, error) {
	i, err := s.instances.Look(ctx, string(id))
	if errors.Is(err, fault.NotFound) || err == nil && platform != "" && i.Platform != platform {
		return Operation{}, fault.New(fault.NotFound, "instance %q does not exist", id)
	}
	if err != nil {
		return Operation{}, err
	}
	return s.followed(ctx, i.Operation), nil
}

// followed adds what the operation is doing at this moment.
func (s *Service) followed(ctx context.Context, op Operation) Operation {
	if op.State != InProgress {
		return op
	}
	if c, err := s.engine.Get(ctx, op.ID); err == nil {
		if now := progress(c); now != "" {
			op.Description = now
		}
	}
	return op
}

// progress is the task in hand, in a sentence.
func progress(c work.Change) string {
	for n, t := range c.Tasks {
		if t.Status == work.TaskDoing || t.Status == work.TaskUndoing {
			text := fmt.Sprintf("step %d of %d: %s", n+1, len(c.Tasks), t.Summary)
			if t.Note != "" {
				text += " (" + t.Note + ")"
			}
			return text
		}
	}
	return ""
}

// Ever iterates over all instances of a tenant, deleted ones too; of all tenants, when
// it is "". One that changes meanwhile may come twice.
func (s *Service) Ever(ctx context.Context, tenant topology.TenantID) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		for _, from := range (Filter{Tenant: tenant}).sources() {
			for i, err := range s.instances.All(ctx, from.key, from.value) {
				if !yield(i, err) || err != nil {
					return
				}
			}
		}
	}
}

// All iterates over all instances, deleted ones too, for metering.
func (s *Service) All(ctx context.Context) iter.Seq2[Instance, error] {
	return s.instances.All(ctx, "", "")
}

// Of iterates over the instances that have to do with an account's bill, each once: a
// tenant's, deleted ones too, also those whose ids others use now; for the
// operator's account, those that it pays for.
func (s *Service) Of(ctx context.Context, account topology.TenantID) iter.Seq2[Instance, error] {
	return func(yield func(Instance, error) bool) {
		seen := map[topology.InstanceID]bool{}
		for _, from := range []index{{"live", string(account)}, {"tenant", string(account)}, {billed(account), "yes"}} {
			for i, err := range s.instances.All(ctx, from.key, from.value) {
				if err == nil && seen[i.ID] {
					continue
				}
				if !yield(i, err) || err != nil {
					return
				}
				seen[i.ID] = true
			}
		}
		// One that was deleted and is made anew meanwhile may have left the second index
		// before that was read, and come to the first behind its reader.
		for n, err := range s.names.All(ctx, "live", string(account)) {
			var i Instance
			if err == nil && seen[n.ID] {
				continue
			}
			if err == nil {
				i, err = s.Get(ctx, n.ID)
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
	}
}

// Get is an instance, also a deleted one, by the document alone. fault.NotFound.
func (s *Service) Get(ctx context.Context, id topology.InstanceID) (Instance, error) {
	return s.instances.Get(ctx, string(id))
}
