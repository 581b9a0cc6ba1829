// Package work carries out durable changes: lists of tasks, each with its undo,
// that survive the death of the process at any instant. It knows no cloud.
//
//	 Submit                                   Retry (goes on where it stopped)
//	   │                        ┌─────────────────────────────────────┐
//	   ▼     Plan       tasks   ▼                Settle               │
//	queued ──▶ planning ──▶ doing ──all done──▶ settling ──▶ done     │
//	   │          │           │                  ▲  │ │ └──▶ undone   │
//	   │       fails    fails, cancelled,        │  │ └────▶ parked ──┤
//	   │          │       out of time            │  │                 │
//	   │          │           ▼                  │  └──▶ abandoned    │
//	   │          │        undoing ──all undone, ┤          ▲         │
//	   │          │           or cannot undo ────┤          └─────────┘
//	   └cancelled─┴──────────────────────────────┘            Abandon
//
// The rules:
//   - A task's intent is on disk before its handler is called, its result before
//     the next one's. A handler may therefore be called again for a task whose
//     effect has happened, and an undo for one whose effect has not: both must
//     bear that.
//   - The task that failed is undone too, then the ones before it, in reverse.
//   - Behind a task that is Final there is no way back: once it is done, the change
//     cannot be cancelled or run out of time, and a task that fails is tried again
//     whatever the error. When its attempts are exhausted, the change is parked
//     until Retry (goes on doing) or Abandon.
//   - An error that passes by itself (fault.Passing) is tried again with a growing
//     pause, no shorter than the error asks for, until Options.Patience is at its
//     end; Retry means "not yet" and is asked again; every other error of a task
//     turns the change round. An undo that fails is tried again whatever the
//     error. When its attempts are exhausted, the change is parked with its reason
//     until Retry or Abandon.
//   - A change with a deadline is turned round when it has passed, whatever it
//     waits for; its way back has no deadline.
//   - Settle is called with the outcome (Change.Outcome), at least once for each:
//     a change can be settled as parked and later as undone.
//   - Changes of one lane run one at a time, in the order they were submitted;
//     lanes run in parallel. A parked change does not hold up its lane.
//   - A lane is claimed with a lease and a rising fence. Every write of a change
//     carries the fence and is refused once a higher one was seen, so a broker that
//     was paused past its lease does no harm to the record. Leases are compared by
//     the clock: those of the brokers should agree to well within Options.Lease.
//
// What is stored: collection "changes", one Change each; collection "lanes", the
// queue and the lease of each lane. A change is on disk before it is queued; one
// that a crash left out of its queue is found and queued again by any engine.
package work

import (
	"encoding/json"
	"time"
)

// ChangeID names a change; the submitter chooses it, unique for ever.
type ChangeID string

// Lane is what changes run one at a time in: a tenant.
type Lane string

// Kind says how a change is planned and settled.
type Kind string

// TaskKind says how a task is done and undone.
type TaskKind string

// Status is where a change is in its life.
type Status string

// The states of a change. The last four are ends; only a parked change can go on.
const (
	Queued    Status = "queued"    // waits for its turn in its lane
	Planning  Status = "planning"  // its tasks are being worked out
	Doing     Status = "doing"     // its tasks are being done, in order
	Undoing   Status = "undoing"   // its tasks are being undone, in reverse
	Settling  Status = "settling"  // its outcome is decided and is being made known
	Done      Status = "done"      // all tasks are done
	Undone    Status = "undone"    // it failed or was cancelled, and nothing of it is left
	Parked    Status = "parked"    // it cannot go on without a person; Reason says why
	Abandoned Status = "abandoned" // a person gave it up; something of it may be left
)

// TaskStatus is where a task is in its life.
type TaskStatus string

// The states of a task.
const (
	TaskTodo    TaskStatus = "todo"
	TaskDoing   TaskStatus = "doing"   // begun; its effect may have happened
	TaskDone    TaskStatus = "done"    // its effect has happened
	TaskUndoing TaskStatus = "undoing" // undo begun
	TaskUndone  TaskStatus = "undone"  // no effect of it is left
)

// Change is a durable unit of work on one lane. It is stored as it stands here:
// alterations to it must still read what was stored earlier.
type Change struct {
	ID        ChangeID        `json:"id"`
	Lane      Lane            `json:"lane"`
	Kind      Kind            `json:"kind"`
	Subject   string          `json:"subject,omitempty"` // what it is about, for its handlers and for List
	Args      json.RawMessage `json:"args,omitempty"`    // for its handlers; no secrets
	NotBefore time.Time       `json:"not_before,omitzero"`
	Deadline  time.Time       `json:"deadline,omitzero"` // when it is turned round if not done; zero: never

	// All below is the engine's.
	Status    Status    `json:"status"`
	Ending    Status    `json:"ending,omitempty"` // see Outcome
	Tasks     []Task    `json:"tasks,omitempty"`
	Error     string    `json:"error,omitempty"`  // the first failure, for users
	Reason    string    `json:"reason,omitempty"` // why it was parked or abandoned
	Cancelled bool      `json:"cancelled,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Started   time.Time `json:"started,omitzero"`
	Finished  time.Time `json:"finished,omitzero"`
	Since     time.Time `json:"since,omitzero"`    // when the step in hand (plan, task, settle) began
	Attempt   int       `json:"attempt,omitempty"` // failed attempts at the step in hand
	Fence     int64     `json:"fence,omitempty"`   // the highest that wrote it
	Version   int64     `json:"version,omitempty"` // counts the engine's writes
}

// Task is one step of a change.
type Task struct {
	Kind    TaskKind        `json:"kind"`
	Summary string          `json:"summary,omitempty"` // for people: "create network F"
	Args    json.RawMessage `json:"args,omitempty"`    // for its handlers; no secrets
	Final   bool            `json:"final,omitempty"`   // once it is done, the change goes forward only

	// All below is the engine's.
	Status   TaskStatus `json:"status"`
	Attempt  int        `json:"attempt,omitempty"` // failed attempts, in the direction it is going
	Started  time.Time  `json:"started,omitzero"`  // of its do
	Finished time.Time  `json:"finished,omitzero"` // of its do, and later of its undo
	Note     string     `json:"note,omitempty"`    // what it waits for
	Error    string     `json:"error,omitempty"`   // its latest failure, for users
}

// Outcome is what the change ends in, once that is decided (from Settling on):
// Done, Undone, Parked or Abandoned; "" before.
func (c Change) Outcome() Status { return c.Ending }

// Ended reports whether nothing more happens with the change by itself.
func (c Change) Ended() bool {
	switch c.Status {
	case Done, Undone, Parked, Abandoned:
		return true
	}
	return false
}

// keys of a change in the store.
func keys(c Change) map[string]string {
	k := map[string]string{"lane": string(c.Lane), "status": string(c.Status), "subject": c.Subject}
	if !c.Ended() {
		k["open"] = yes
	}
	return k
}

const yes = "yes"
