package work

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// The state machine: what an event does to a change. Nothing here has an effect
// outside the Change it is called on.

// advance moves a change to its next step and marks the intent of it, unless it
// has to wait. A step that was begun and not looked after for longer than patience
// (the broker was down) has its time again.
func (c *Change) advance(now time.Time, patience time.Duration) {
	if why := c.turnsBack(now); why != "" {
		c.turn(why)
	}
	if c.Ended() || c.NotBefore.After(now) {
		return
	}
	unattended := now.Sub(c.NotBefore) > patience
	c.NotBefore = time.Time{}
	if c.begun() {
		if unattended {
			c.Since = now
		}
		return
	}
	c.begin(now)
}

// begun reports whether the step in hand has its intent marked.
func (c *Change) begun() bool {
	switch c.Status {
	case Planning, Settling:
		return true
	}
	return c.inHand() >= 0
}

// inHand is the index of the task whose do or undo is to be called, or -1.
func (c *Change) inHand() int {
	want := TaskDoing
	if c.Status == Undoing {
		want = TaskUndoing
	}
	for i, t := range c.Tasks {
		if t.Status == want {
			return i
		}
	}
	return -1
}

// begin marks the intent of the next step.
func (c *Change) begin(now time.Time) {
	c.Since, c.Attempt = now, 0
	switch c.Status {
	case Queued:
		c.Status, c.Started = Planning, now
	case Doing:
		c.beginDo(now)
	case Undoing:
		c.beginUndo()
	}
}

func (c *Change) beginDo(now time.Time) {
	for i := range c.Tasks {
		if t := &c.Tasks[i]; t.Status == TaskTodo {
			t.Status, t.Started = TaskDoing, now
			return
		}
	}
	c.settle(Done)
}

func (c *Change) beginUndo() {
	for i := len(c.Tasks) - 1; i >= 0; i-- {
		if t := &c.Tasks[i]; t.Status == TaskDoing || t.Status == TaskDone {
			t.Status, t.Attempt, t.Note = TaskUndoing, 0, ""
			return
		}
	}
	c.settle(Undone)
}

// turnsBack says why a change that still goes forward must not; "" when it may.
func (c *Change) turnsBack(now time.Time) string {
	switch c.Status {
	case Queued, Planning, Doing:
	default:
		return ""
	}
	switch {
	case c.final():
		return ""
	case c.Cancelled:
		return "it was cancelled"
	case !c.Deadline.IsZero() && !now.Before(c.Deadline):
		return "it was not done in time"
	}
	return ""
}

// final reports whether the change can only go forward.
func (c *Change) final() bool {
	return slices.ContainsFunc(c.Tasks, func(t Task) bool { return t.Final && t.Status == TaskDone })
}

// turn sends a change back.
func (c *Change) turn(why string) {
	if c.Error == "" {
		c.Error = why
	}
	c.NotBefore = time.Time{}
	if c.Status == Doing {
		c.Status = Undoing
		return
	}
	c.settle(Undone)
}

// settle decides the outcome.
func (c *Change) settle(outcome Status) {
	c.Status, c.Ending, c.Attempt = Settling, outcome, 0
}

// result is what a handler answered.
type result struct {
	tasks []Task // of a Plan
	err   error
}

// apply enters a result: the step has passed, has failed for good, or is to be
// called again later.
func (c *Change) apply(r result, now time.Time, o Options) {
	var later *later
	switch {
	case r.err == nil:
		c.pass(r.tasks, now)
	case errors.As(r.err, &later):
		if now.Add(later.after).Sub(c.Since) > o.TaskDeadline {
			c.fail(fmt.Sprintf("%s; given up after %v", later.note, o.TaskDeadline), now)
			return
		}
		c.pause(now.Add(later.after))
		if i := c.inHand(); i >= 0 {
			c.Tasks[i].Note = later.note
		}
	default:
		c.stumble(r.err, now, o)
	}
}

// stumble counts a failed attempt and ends the step when it was the last.
func (c *Change) stumble(err error, now time.Time, o Options) {
	c.Attempt++
	if i := c.inHand(); i >= 0 {
		c.Tasks[i].Attempt, c.Tasks[i].Error = c.Attempt, fault.Message(err)
	}
	passing := fault.Passing(err)
	// Nothing is won by giving up at the first error where there is no other way.
	again := c.Status == Undoing || c.Status == Settling || c.final() || passing
	patient := passing && now.Sub(c.Since) < o.Patience
	if !again || c.Attempt >= o.MaxAttempts && !patient {
		c.fail(fault.Message(err), now)
		return
	}
	c.pause(now.Add(max(o.Backoff(c.Attempt), min(fault.After(err), o.Patience))))
}

// pause puts the step in hand off, at most until the change is to be turned round.
func (c *Change) pause(until time.Time) {
	if !c.Deadline.IsZero() && c.Deadline.Before(until) && (c.Status == Planning || c.Status == Doing) && !c.final() {
		until = c.Deadline
	}
	c.NotBefore = until
}

func (c *Change) pass(tasks []Task, now time.Time) {
	switch c.Status {
	case Planning:
		for _, t := range tasks {
			c.Tasks = append(c.Tasks, Task{Kind: t.Kind, Summary: t.Summary, Args: t.Args, Final: t.Final, Status: TaskTodo})
		}
		c.Status = Doing
	case Doing:
		t := &c.Tasks[c.inHand()]
		t.Status, t.Finished, t.Note = TaskDone, now, ""
	case Undoing:
		t := &c.Tasks[c.inHand()]
		t.Status, t.Finished, t.Note = TaskUndone, now, ""
	case Settling:
		c.Status, c.Finished = c.Ending, now
	}
}

func (c *Change) fail(why string, now time.Time) {
	if i := c.inHand(); i >= 0 {
		c.Tasks[i].Error, c.Tasks[i].Note = why, ""
	}
	switch {
	case c.Status == Doing && c.final():
		c.Reason = fmt.Sprintf("cannot finish %q: %s", c.Tasks[c.inHand()].title(), why)
		c.settle(Parked)
	case c.Status == Planning, c.Status == Doing:
		c.turn(why)
	case c.Status == Undoing:
		c.Reason = fmt.Sprintf("cannot undo %q: %s", c.Tasks[c.inHand()].title(), why)
		c.settle(Parked)
	case c.Status == Settling:
		c.Reason = fmt.Sprintf("cannot make the outcome (%s) known: %s", c.Ending, why)
		c.Status, c.Finished = Parked, now
	}
}

// resume lets a parked change go on where it stopped.
func (c *Change) resume() {
	c.Attempt, c.Reason, c.Finished = 0, "", time.Time{}
	switch {
	case c.Ending != Parked:
		c.Status = Settling
	case c.final():
		c.Status, c.Ending = Doing, ""
	default:
		c.Status, c.Ending = Undoing, ""
	}
}

// abandon gives a parked change up. One whose settling failed is not settled
// again, as that would only fail again.
func (c *Change) abandon(reason string, now time.Time) {
	c.Reason = reason
	if c.Ending == Parked {
		c.settle(Abandoned)
		return
	}
	c.Status, c.Ending, c.Finished = Abandoned, Abandoned, now
}

func (t Task) title() string {
	if t.Summary != "" {
		return t.Summary
	}
	return string(t.Kind)
}
