package metering

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// reporters is how many events of a report are written at a time: the store writes
// those that wait together.
const reporters = 250

// Report takes in what an instance's appliance says it used, and answers what became
// of each event, in their order. An event is on disk when it is Accepted; one that was
// accepted before is a Duplicate, however often and by whatever broker.
// fault.NotFound when there never was such an instance, fault.TooLarge for more than
// MaxEvents. After any other error some of the events may have been taken; the same
// report can be sent again.
func (m *Meter) Report(ctx context.Context, id topology.InstanceID, events []Event) ([]Fate, error) {
	if len(events) > MaxEvents {
		return nil, fault.New(fault.TooLarge, "%d events are too many for one report: send at most %d", len(events), MaxEvents)
	}
	r, err := m.reportOf(ctx, id)
	if err != nil {
		return nil, err
	}
	r.fates, r.touched = make([]Fate, len(events)), make([]mark, len(events))
	later, err := r.takeAll(ctx, events)
	for _, n := range later {
		if err == nil {
			err = r.takeOne(ctx, n, events[n])
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot keep what instance %q reports: %w", id, err)
	}
	return r.fates, m.markAll(ctx, r.touched)
}

// report is a report being taken in.
type report struct {
	*Meter
	instance provision.Instance // as it is now, or was last
	life     int
	now      time.Time

	asking sync.Mutex
	priced map[catalog.PlanID][]catalog.Price

	fates   []Fate
	touched []mark // where each event is counted, if it is
}

func (m *Meter) reportOf(ctx context.Context, id topology.InstanceID) (*report, error) {
	i, err := m.histories.Look(ctx, string(id))
	if errors.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "instance %q does not exist", id)
	}
	if err != nil {
		return nil, err
	}
	last, life := latest(*i)
	return &report{Meter: m, instance: last, life: life, now: time.Now(), priced: map[catalog.PlanID][]catalog.Price{}}, nil
}

// takeAll takes events in, many at a time, but of several with one id the first alone:
// the numbers of the others, which come after it, are returned.
func (r *report) takeAll(ctx context.Context, events []Event) (later []int, err error) {
	writing, ctx := errgroup.WithContext(ctx)
	writing.SetLimit(reporters)
	seen := make(map[string]bool, len(events))
	for n, e := range events {
		if seen[e.ID] {
			later = append(later, n)
			continue
		}
		seen[e.ID] = true
		writing.Go(func() error { return r.takeOne(ctx, n, e) })
	}
	return later, writing.Wait()
}

func (r *report) takeOne(ctx context.Context, n int, e Event) error {
	given, refusal, err := r.place(ctx, e)
	if err == nil && refusal == "" {
		r.fates[n], r.touched[n], err = r.take(ctx, given)
		return err
	}
	r.fates[n] = Fate{ID: e.ID, Outcome: Refused, Reason: refusal}
	return err
}

// place is an event as it would be kept, or why it is not.
func (r *report) place(ctx context.Context, e Event) (given reported, refusal string, err error) {
	if refusal = e.refusal(r.now, r.retention); refusal != "" {
		return given, refusal, nil
	}
	plan, active := planAt(r.instance, e.Time)
	if !active {
		return given, "the instance was not active then", nil
	}
	known, err := r.knows(ctx, plan, e.Dimension)
	if err != nil || !known {
		return given, fmt.Sprintf("the plan has no dimension %.64q", e.Dimension), err
	}
	e.Time = e.Time.UTC()
	return reported{e, r.instance.ID, r.life, plan, r.window, r.now.UTC()}, "", nil
}

// knows says whether a plan prices a dimension, or ever did: what no price is for
// would be accepted and never billed.
func (r *report) knows(ctx context.Context, plan catalog.PlanID, dimension string) (bool, error) {
	r.asking.Lock()
	defer r.asking.Unlock()
	prices, asked := r.priced[plan]
	if !asked {
		var err error
		if prices, err = r.prices.Prices(ctx, r.instance.Service, plan); err != nil && !errors.Is(err, fault.NotFound) {
			return false, err
		}
		r.priced[plan] = prices
	}
	return slices.ContainsFunc(prices, func(p catalog.Price) bool {
		return p.Dimension == dimension && (p.Tenant == "" || p.Tenant == string(r.instance.Tenant))
	}), nil
}

// take stores an event, or compares it with the one that has its id, and says where
// the stored one is counted.
func (r *report) take(ctx context.Context, given reported) (Fate, mark, error) {
	id := eventID(given.Instance, given.Life, given.ID)
	err := r.events.Create(ctx, id, given)
	if !errors.Is(err, fault.Conflict) {
		return Fate{ID: given.ID, Outcome: Accepted}, r.mark(given), err
	}
	old, err := r.events.Get(ctx, id)
	if err != nil {
		return Fate{}, mark{}, err
	}
	if !old.same(given.Event) {
		return Fate{
			ID: given.ID, Outcome: Conflict, Reason: "another event was accepted with this id", Given: &given.Event, Stored: &old.Event,
		}, mark{}, nil
	}
	return Fate{ID: given.ID, Outcome: Duplicate}, r.mark(old), nil
}

// mark is where an event of the instance is counted.
func (r *report) mark(e reported) mark {
	t := newTally(e)
	t.attribute(r.instance)
	return mark{t, t.number(e.Time)}
}
