package osbcheck

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// trial is one row being tried. Like a testing.T it carries its context and stops
// its row by unwinding it.
type trial struct {
	c        *check
	row      Row
	ctx      context.Context
	findings []Finding

	mu    sync.Mutex // rows send in parallel
	made  []*instance
	bound []*binding
	locks bool // holds the shared instance
}

// stop ends a row early.
type stop struct {
	verdict Verdict // empty: as the findings say
	reason  string
}

// judge runs the row, its needs first.
func (t *trial) judge() (verdict Verdict, reason string) {
	defer func() {
		switch p := recover().(type) {
		case nil:
			verdict = t.verdict()
		case stop:
			if verdict, reason = p.verdict, p.reason; verdict == "" {
				verdict = t.verdict()
			}
		default:
			verdict, reason = Blocked, fmt.Sprintf("the row itself is broken: %v\n%s", p, debug.Stack())
		}
		if t.ctx.Err() != nil && verdict != Passed && verdict != Skipped {
			verdict, reason = Blocked, "the run was interrupted"
		}
	}()
	if t.row.Since > t.c.o.minor() {
		t.skip("came with version 2.%d", t.row.Since)
	}
	for _, need := range t.row.needs {
		need(t)
	}
	t.row.run(t)
	return
}

func (t *trial) verdict() Verdict {
	if len(t.findings) == 0 {
		return Passed
	}
	for _, f := range t.findings {
		if f.Strength == Must || t.c.o.Strict && f.Strength == Should {
			return Failed
		}
	}
	return Warned
}

// skip ends a row that does not apply to this broker.
func (t *trial) skip(format string, args ...any) {
	panic(stop{Skipped, fmt.Sprintf(format, args...)})
}

// block ends a row that applies and cannot be tried.
func (t *trial) block(format string, args ...any) {
	panic(stop{Blocked, fmt.Sprintf(format, args...)})
}

// miss notes what was wanted and did not come; the row goes on.
func (t *trial) miss(s Strength, r reply, format string, args ...any) {
	if r.late {
		t.skip(tooLate)
	}
	f := Finding{Strength: s, Wanted: fmt.Sprintf(format, args...)}
	if r.Request != "" {
		f.Exchange = &r.Exchange
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.findings = append(t.findings, f)
}

// that notes a miss of the row's own strength unless ok, and gives ok.
func (t *trial) that(ok bool, r reply, format string, args ...any) bool {
	if !ok {
		t.miss(t.row.Strength, r, format, args...)
	}
	return ok
}

// better is that for what is only advisable.
func (t *trial) better(ok bool, r reply, format string, args ...any) {
	if !ok {
		t.miss(weaker(t.row.Strength), r, format, args...)
	}
}

func weaker(s Strength) Strength {
	if s == Must {
		return Should
	}
	return s
}

// expect notes an unexpected status; the row goes on.
func (t *trial) expect(r reply, statuses ...int) bool {
	return t.that(slices.Contains(statuses, r.Status), r, "status %s", either(statuses))
}

// want ends the row at an unexpected status.
func (t *trial) want(r reply, statuses ...int) {
	if !t.expect(r, statuses...) {
		panic(stop{})
	}
}

func either(statuses []int) string {
	s := ""
	for n, status := range statuses {
		switch {
		case n == 0:
		case n == len(statuses)-1:
			s += " or "
		default:
			s += ", "
		}
		s += fmt.Sprint(status)
	}
	return s
}

// refused expects a refusal with a sentence for people.
func (t *trial) refused(r reply, statuses ...int) bool {
	if !t.expect(r, statuses...) {
		return false
	}
	t.better(r.text("description") != "" || r.Status == 410 || r.Status == 409, r, "a description that helps")
	return true
}

// coded expects 422 with one of the standard's words.
func (t *trial) coded(r reply, word string) bool {
	return t.expect(r, 422) && t.that(r.text("error") == word, r, `"error": %q`, word)
}

// send makes a request; a row whose request gets no answer ends there. A request
// under way is not given up when the run is interrupted: the broker might carry it
// out after what it makes was removed.
func (t *trial) send(r request) reply {
	if t.ctx.Err() != nil {
		t.block("the run was interrupted")
	}
	out, err := t.c.send(context.WithoutCancel(t.ctx), r)
	if err != nil {
		t.that(false, out, "an answer: %s", err)
		panic(stop{})
	}
	return out
}

// atOnce makes requests at the same moment and gives their answers.
func (t *trial) atOnce(n int, do func(n int) reply) []reply {
	replies := make([]reply, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for k := range n {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					if _, stopped := p.(stop); !stopped {
						panic(p)
					}
				}
			}()
			<-start
			replies[k] = do(k)
		})
	}
	close(start)
	all.Wait()
	return replies
}
