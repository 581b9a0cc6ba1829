package metering

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
)

// used is what was used in closed windows, as far as the filter lets it pass, in no order
// but instance by instance: of time what the histories say, and what was reported.
func (m *Meter) used(ctx context.Context, f Filter) iter.Seq2[UsageRecord, error] {
	return func(yield func(UsageRecord, error) bool) {
		p, err := m.closedSoFar(ctx)
		if err != nil {
			yield(UsageRecord{}, err)
			return
		}
		for i, err := range m.concerned(ctx, f) {
			if err != nil {
				yield(UsageRecord{}, err)
				return
			}
			if !windowed(i, p.within(f.From, f.To), f, yield) {
				return
			}
		}
		for u, err := range m.counted(ctx, f) {
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// closedSoFar is the progress with all eras: before these were kept, windows had the length that they have now.
func (m *Meter) closedSoFar(ctx context.Context) (p progress, _ error) {
	p, err := m.progress.Get(ctx, progressID)
	if errors.Is(err, fault.NotFound) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	first, err := m.windows.List(ctx, store.Query{Limit: 1})
	if err == nil && len(first) > 0 && (len(p.Eras) == 0 || first[0].Start.Before(p.Eras[0].Start)) {
		p.Eras = append([]era{{first[0].Start, m.window}}, p.Eras...)
	}
	return p, err
}

// windowed are the records of time of the instances that had an id, window by window. It says
// whether to go on.
func windowed(i provision.Instance, windows []stretch, f Filter, yield func(UsageRecord, error) bool) bool {
	for _, life := range lives(i) {
		for _, s := range windows {
			if s.Start.Before(life.History[0].At) {
				s.Start = later(s.Start, floor(life.History[0].At, s.Length))
			}
			if _, active := Usage(life, s.Window); !active {
				continue
			}
			for w := range s.windows() {
				if u, active := Usage(life, w); active && f.passes(u.head()) && !yield(u, nil) {
					return false
				}
			}
		}
	}
	return true
}

// concerned are the instances that the filter may let pass.
func (m *Meter) concerned(ctx context.Context, f Filter) iter.Seq2[provision.Instance, error] {
	switch {
	case f.Instance != "":
		return func(yield func(provision.Instance, error) bool) {
			i, err := m.instances.Get(ctx, f.Instance)
			if !errors.Is(err, fault.NotFound) {
				yield(i, err)
			}
		}
	case f.Tenant != "":
		return m.instances.Of(ctx, f.Tenant)
	}
	return m.instances.All(ctx)
}

// billed are the lines of all that was used, likewise. A line begins up to a window after its usage.
func (m *Meter) billed(ctx context.Context, f Filter) iter.Seq2[BillingRecord, error] {
	return func(yield func(BillingRecord, error) bool) {
		all, known := f, newOffered(m)
		if !f.From.IsZero() {
			all.From = f.From.Add(-day)
		}
		for u, err := range m.used(ctx, all) {
			var lines []BillingRecord
			if err == nil {
				lines, _, err = known.rate(ctx, u)
			}
			if err != nil {
				yield(BillingRecord{}, err)
				return
			}
			for _, b := range lines {
				if f.passes(b.head()) && (f.To.IsZero() || b.Start.Before(f.To)) && !yield(b, nil) {
					return
				}
			}
		}
	}
}

// ordered are records by their ids, those after the filter's and as many as it says.
func ordered[T any](all iter.Seq2[T, error], f Filter, id func(T) string) ([]T, error) {
	list := []T{}
	for v, err := range all {
		if err != nil {
			return nil, err
		}
		if id(v) > f.After {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	if f.Limit > 0 && len(list) > f.Limit {
		list = list[:f.Limit]
	}
	return list, nil
}

// startOf is the time with which an id begins.
func startOf(id string) (time.Time, bool) {
	if len(id) < len(timeForm) {
		return time.Time{}, false
	}
	t, err := time.Parse(timeForm, id[:len(timeForm)])
	return t, err == nil
}
