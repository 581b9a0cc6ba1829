package monitor

import (
	"context"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const (
	pageSize = 500 // instances that are read at a time

	// many appliances must be there for most of them to be suspicious.
	many = 8

	// held bounds the instances that wait for the end of a round to be found dead. More
	// come to it in the next: by then these are known to be.
	held = 1000
)

// Run probes in rounds until ctx ends.
func (m *Monitor) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		began := time.Now()
		rested, err := m.round(ctx)
		if err != nil && ctx.Err() == nil {
			m.log.Error("cannot probe the appliances", "error", err)
		}
		took := time.Since(began)
		rest(ctx, max(m.config.Every-took, took-2*rested))
	}
	return nil
}

// Rounds is how many rounds have ended and how long the latest took: where that is
// longer than Config.Every, appliances are probed as often as rounds end.
func (m *Monitor) Rounds() (ended int, latest time.Duration) {
	return int(m.rounds.Load()), time.Duration(m.latest.Load())
}

// Round probes every active instance once and records the verdicts.
func (m *Monitor) Round(ctx context.Context) error {
	_, err := m.round(ctx)
	return err
}

// round rests after each page but the last for as long as that took, so that a round
// of many does not crowd requests out; rested is for how long in all.
func (m *Monitor) round(ctx context.Context) (rested time.Duration, err error) {
	begun := time.Now()
	t := tour{monitor: m, slots: make(chan struct{}, m.config.Parallel)}
	defer t.looking.Wait()
	for after := topology.InstanceID(""); ; {
		began := time.Now()
		page, next, err := m.provision.Watched(ctx, after, pageSize)
		if err != nil {
			return rested, err
		}
		for _, i := range page {
			t.visit(ctx, i)
		}
		if next == "" {
			break
		}
		worked := time.Since(began)
		rest(ctx, worked)
		rested, after = rested+worked, next
	}
	t.looking.Wait()
	if ctx.Err() == nil {
		t.accuse(ctx)
		m.files.turn()
		m.latest.Store(int64(time.Since(begun)))
		m.rounds.Add(1)
	}
	return rested, nil
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// tour is a round under way.
type tour struct {
	monitor *Monitor
	slots   chan struct{}
	looking sync.WaitGroup

	mu       sync.Mutex // guards all below
	looked   int        // appliances
	suspects int
	waiting  []round // with suspects
}

// visit looks at an instance as soon as there is a slot. A verdict without suspects
// is recorded at once.
func (t *tour) visit(ctx context.Context, i provision.Instance) {
	t.slots <- struct{}{}
	t.looking.Go(func() {
		defer func() { <-t.slots }()
		r := t.monitor.look(ctx, i)
		if ctx.Err() != nil {
			return
		}
		t.count(r)
		if r.suspects == 0 {
			t.monitor.record(ctx, r)
		}
	})
}

func (t *tour) count(r round) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looked, t.suspects = t.looked+r.looked, t.suspects+r.suspects
	if r.suspects > 0 && len(t.waiting) < held {
		t.waiting = append(t.waiting, r)
	}
}

// accuse records the verdicts on those who run and do not answer, unless there are so
// many at once that it is more likely this broker who cannot see.
func (t *tour) accuse(ctx context.Context) {
	if t.looked >= many && 2*t.suspects > t.looked {
		t.monitor.log.Error("most appliances seem to have failed at once: no verdict", "appliances", t.looked, "failed", t.suspects)
		return
	}
	for _, r := range t.waiting {
		t.monitor.record(ctx, r)
	}
}
