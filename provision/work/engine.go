package work

import (
	"context"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
)

// Options tune an engine. The zero value is sane.
type Options struct {
	Owner        string                          // names this process in leases, unique among all; "": made up
	Workers      int                             // lanes at work at the same time; 0: 16
	Lease        time.Duration                   // how long a lane stays claimed by a process that died; 0: 10 s
	Poll         time.Duration                   // how often to look for work submitted by other processes; 0: 1 s
	MaxAttempts  int                             // at a step before it has failed; 0: 10
	Patience     time.Duration                   // for a part that does not answer, however many attempts that takes; 0: 1 h
	Backoff      func(attempt int) time.Duration // pause after the given failed attempt, from 1; nil: 1 s, doubling to 1 min, with jitter
	TaskDeadline time.Duration                   // for one call of a handler, and for a task that answers Retry; 0: 10 min
	Grace        time.Duration                   // for handlers to return when Run is to end; 0: 30 s
	// Takeover says that no other process works on this store: at its start Run
	// ends all leases, instead of waiting for them to expire.
	Takeover bool
}

func (o Options) filled() Options {
	o.Workers = or(o.Workers, 16)
	o.Lease = or(o.Lease, 10*time.Second)
	o.Poll = or(o.Poll, time.Second)
	o.MaxAttempts = or(o.MaxAttempts, 10)
	o.Patience = or(o.Patience, time.Hour)
	o.TaskDeadline = or(o.TaskDeadline, 10*time.Minute)
	o.Grace = or(o.Grace, 30*time.Second)
	if o.Backoff == nil {
		o.Backoff = backoff
	}
	if o.Owner == "" {
		o.Owner = store.LeaseOwner()
	}
	return o
}

func or[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// backoff is half fixed and half random, so that those who failed together do not
// come back together.
func backoff(attempt int) time.Duration {
	d := min(time.Second<<min(attempt-1, 10), time.Minute)
	return d/2 + mathrand.N(d/2)
}

// Func does or undoes a task. It may be called again after it succeeded, and an
// undo for a task that never had an effect. Its context ends when the engine must
// stop or has lost the lane, and after Options.TaskDeadline. See the package
// comment for what its error means.
type Func func(ctx context.Context, c Change, t Task) error

// Planner handles one kind of change.
type Planner struct {
	// Plan works out the tasks; none is fine. It is called again when the process
	// died before its answer was stored.
	Plan func(ctx context.Context, c Change) ([]Task, error)
	// Settle makes c.Outcome() known. It may be called again.
	Settle func(ctx context.Context, c Change) error
}

type handler struct{ do, undo Func }

// Engine runs changes. All its methods may be called at the same time, except
// that Change and Task come before everything else.
type Engine struct {
	changes  store.Collection[Change]
	lanes    store.Collection[lane]
	log      *slog.Logger
	opts     Options
	planners map[Kind]Planner
	handlers map[TaskKind]handler
	waiting  *waiting
	agenda   *agenda
	ended    *bell
}

// New is an engine on a store. It does nothing until Run.
func New(s *store.Store, log *slog.Logger, o Options) *Engine {
	return &Engine{
		changes:  store.In(s, "changes", keys),
		lanes:    store.In(s, "lanes", laneKeys),
		log:      log,
		opts:     o.filled(),
		planners: map[Kind]Planner{},
		handlers: map[TaskKind]handler{},
		waiting:  newWaiting(),
		agenda:   newAgenda(),
		ended:    newBell(),
	}
}

// Change says how changes of a kind are planned and settled.
func (e *Engine) Change(kind Kind, p Planner) { e.planners[kind] = p }

// Task says how tasks of a kind are done and undone; undo is nil when there is
// nothing to undo.
func (e *Engine) Task(kind TaskKind, do, undo Func) { e.handlers[kind] = handler{do, undo} }

// later is the error that Retry makes.
type later struct {
	after time.Duration
	note  string
}

func (l *later) Error() string { return l.note }

// Retry is a handler's answer "not yet": it is called again after that time,
// until Options.TaskDeadline has passed since its first call. The note, a
// sentence without secrets, is shown to users meanwhile.
func Retry(after time.Duration, format string, args ...any) error {
	return &later{after: max(after, 0), note: fmt.Sprintf(format, args...)}
}
