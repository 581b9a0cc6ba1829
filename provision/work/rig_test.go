package work_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/work"
)

// site is a fake of what tasks act on: it holds what stands, writes down what was
// called, and misbehaves as its setup says. Each task makes the one thing it is
// named after.
type site struct {
	tasks []work.TaskKind
	stay  time.Duration // how long each handler takes

	mu      sync.Mutex
	setup   map[string]int // "boot:do-fail" → how many calls more
	calls   []string
	stands  map[string]bool
	settled map[work.ChangeID]work.Status
	inside  map[work.Lane]int
	overlap bool // two handlers were in one lane at the same time
	during  func(ctx context.Context, call string) error
}

// newSite reads a setup such as "boot:do-fail port:undo-fail*2".
func newSite(setup string, tasks ...work.TaskKind) *site {
	s := &site{
		tasks: tasks, setup: map[string]int{}, stands: map[string]bool{},
		settled: map[work.ChangeID]work.Status{}, inside: map[work.Lane]int{},
	}
	for _, word := range strings.Fields(setup) {
		name, times, many := strings.Cut(word, "*")
		s.setup[name] = 1
		if many {
			s.setup[name], _ = strconv.Atoi(times)
		}
	}
	return s
}

func (s *site) register(e *work.Engine) {
	e.Change("build", work.Planner{Plan: s.plan, Settle: s.settle})
	for _, k := range s.tasks {
		e.Task(k, s.do, s.undo)
	}
}

func (s *site) plan(ctx context.Context, c work.Change) ([]work.Task, error) {
	return s.tasksOf(), s.act(ctx, "plan", c.Lane, nil)
}

func (s *site) tasksOf() (tasks []work.Task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.tasks {
		tasks = append(tasks, work.Task{Kind: k, Summary: "make " + string(k), Final: s.setup[string(k)+":final"] > 0})
	}
	return tasks
}

func (s *site) settle(ctx context.Context, c work.Change) error {
	return s.act(ctx, "settle-"+string(c.Outcome()), c.Lane, func() { s.settled[c.ID] = c.Outcome() })
}

func (s *site) do(ctx context.Context, c work.Change, t work.Task) error {
	return s.act(ctx, string(t.Kind)+":do", c.Lane, func() { s.stands[string(c.ID)+"/"+string(t.Kind)] = true })
}

func (s *site) undo(ctx context.Context, c work.Change, t work.Task) error {
	return s.act(ctx, string(t.Kind)+":undo", c.Lane, func() { delete(s.stands, string(c.ID)+"/"+string(t.Kind)) })
}

// act is every call: it takes its time, notes itself, and has its effect or not.
func (s *site) act(ctx context.Context, call string, lane work.Lane, effect func()) error {
	s.enter(call, lane)
	err := s.pass(ctx, call)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside[lane]--
	if err != nil {
		return err
	}
	err = s.misbehave(call)
	if effect != nil && (err == nil || errors.Is(err, errAfter)) {
		effect()
	}
	return err
}

// pass is the time that a call takes.
func (s *site) pass(ctx context.Context, call string) error {
	if s.during != nil {
		if err := s.during(ctx, call); err != nil {
			return err
		}
	}
	if s.stay == 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.stay):
		return nil
	}
}

func (s *site) enter(call string, lane work.Lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	s.inside[lane]++
	s.overlap = s.overlap || s.inside[lane] > 1
}

var errAfter = errors.New("failed after the effect")

func (s *site) misbehave(call string) error {
	for _, b := range []struct {
		how string
		err func() error
	}{
		{"-fail", func() error { return fault.New(fault.Full, "no room for %s", call) }},
		{"-break", func() error { return fmt.Errorf("broken: %w", errors.New("secret detail")) }},
		{"-fail-after", func() error { return fault.New(fault.Conflict, "%s: %w", call, errAfter) }},
		{"-unavailable", func() error { return fault.New(fault.Unavailable, "the cloud sleeps") }},
		{"-wait", func() error { return work.Retry(time.Second, "%s has not come up yet", call) }},
		{"-panic", func() error { panic("boom in " + call) }},
	} {
		if s.setup[call+b.how] > 0 {
			s.setup[call+b.how]--
			return b.err()
		}
	}
	return nil
}

func (s *site) sentence() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.calls, " ")
}

// outcome is what a change was last settled as.
func (s *site) outcome(id work.ChangeID) work.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settled[id]
}

func (s *site) left() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stands) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Sorted(maps.Keys(s.stands)), " ")
}

// bubble runs a test in a synctest bubble with a fresh back end.
func bubble(t *testing.T, run func(t *testing.T, d store.Driver)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { run(t, storetest.Memory(t)) })
}

func engine(t *testing.T, d store.Driver, s *site, o work.Options) *work.Engine {
	e := work.New(store.New(d), slog.New(slog.NewTextHandler(t.Output(), nil)), o)
	s.register(e)
	return e
}

// start runs an engine until stop is called, or the test ends.
func start(t *testing.T, e *work.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

func build(id, lane string) work.Change {
	return work.Change{ID: work.ChangeID(id), Lane: work.Lane(lane), Kind: "build", Subject: "subject of " + id}
}

func wait(t *testing.T, e *work.Engine, id string) work.Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
	defer cancel()
	c, err := e.Wait(ctx, work.ChangeID(id))
	require.NoError(t, err, "%+v", c)
	return c
}

func submit(t *testing.T, e *work.Engine, changes ...work.Change) {
	t.Helper()
	for _, c := range changes {
		require.NoError(t, e.Submit(t.Context(), c))
	}
}
