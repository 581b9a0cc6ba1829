package work

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// call calls the handler of the step in hand.
func (e *Engine) call(ctx context.Context, c Change) (r result) {
	ctx, cancel := context.WithTimeout(ctx, e.opts.TaskDeadline)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			r = result{err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	switch c.Status {
	case Planning:
		r.tasks, r.err = e.plan(ctx, c)
	case Settling:
		r.err = e.settle(ctx, c)
	default:
		r.err = e.move(ctx, c, c.Tasks[c.inHand()])
	}
	if r.err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		message := fmt.Sprintf("not finished within %v", e.opts.TaskDeadline)
		r.err = &fault.Error{Kind: fault.Internal, Message: message, Err: r.err}
	}
	return r
}

func (e *Engine) plan(ctx context.Context, c Change) ([]Task, error) {
	p, known := e.planners[c.Kind]
	if !known {
		return nil, fmt.Errorf("nothing handles changes of kind %q", c.Kind)
	}
	tasks, err := p.Plan(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		if _, known := e.handlers[t.Kind]; !known {
			return nil, fmt.Errorf("nothing handles tasks of kind %q", t.Kind)
		}
	}
	return tasks, nil
}

func (e *Engine) settle(ctx context.Context, c Change) error {
	p, known := e.planners[c.Kind]
	if !known {
		return fmt.Errorf("nothing handles changes of kind %q", c.Kind)
	}
	return p.Settle(ctx, c)
}

// move does or undoes a task.
func (e *Engine) move(ctx context.Context, c Change, t Task) error {
	h, known := e.handlers[t.Kind]
	switch {
	case !known:
		return fmt.Errorf("nothing handles tasks of kind %q", t.Kind)
	case t.Status == TaskDoing:
		return h.do(ctx, c, t)
	case h.undo == nil:
		return nil
	}
	return h.undo(ctx, c, t)
}

// report logs a failed step, once for each attempt: the change keeps only what
// users may read.
func (e *Engine) report(c Change, err error) {
	var later *later
	if err == nil || errors.As(err, &later) {
		return
	}
	log := e.log.With("change", c.ID, "kind", c.Kind, "lane", c.Lane, "status", c.Status, "attempt", c.Attempt+1)
	if i := c.inHand(); i >= 0 {
		log = log.With("task", c.Tasks[i].title())
	}
	log.Warn("a step of a change failed", "error", err)
}
