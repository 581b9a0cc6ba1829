package work

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/bumpwire/bumpwire/internal/fault"
)

const (
	// maxQueue is how many changes a lane's document holds at most before more are
	// taken in: it is written anew with every step between two changes.
	maxQueue = 64
	// maxWaiting is how many enlisted changes are held in memory, some 400 bytes each.
	maxWaiting = 100_000
)

// waiting is the changes that were enlisted and are not stored yet.
type waiting struct {
	mu    sync.Mutex
	lanes map[Lane][]ChangeID  // in the order they came
	known map[ChangeID]*Change // also those that are being stored
}

func newWaiting() *waiting {
	return &waiting{lanes: map[Lane][]ChangeID{}, known: map[ChangeID]*Change{}}
}

// add puts a change in, unless it is there; not when there is no room. First says
// that nothing else waits for its lane.
func (w *waiting) add(c Change) (first, here bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, here := w.known[c.ID]; here {
		return false, true
	}
	if len(w.known) >= maxWaiting {
		return false, false
	}
	w.known[c.ID] = &c
	w.lanes[c.Lane] = append(w.lanes[c.Lane], c.ID)
	return len(w.lanes[c.Lane]) == 1, true
}

// take gives up to n changes of a lane, which stay known until they are dropped.
func (w *waiting) take(l Lane, n int) (changes []Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := w.lanes[l]
	ids = ids[:min(n, len(ids))]
	for _, id := range ids {
		changes = append(changes, *w.known[id])
	}
	if w.lanes[l] = w.lanes[l][len(ids):]; len(w.lanes[l]) == 0 {
		delete(w.lanes, l)
	}
	return changes
}

// drop forgets a change that was taken and gives it as it was at last: it may have
// been cancelled meanwhile.
func (w *waiting) drop(id ChangeID) Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, here := w.known[id]
	delete(w.known, id)
	if !here {
		return Change{}
	}
	return *c
}

// back puts changes that could not be stored in front of their lane again.
func (w *waiting) back(l Lane, changes []Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []ChangeID
	for _, c := range changes {
		ids = append(ids, c.ID)
	}
	w.lanes[l] = append(ids, w.lanes[l]...)
}

func (w *waiting) get(id ChangeID) (Change, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, here := w.known[id]
	if !here {
		return Change{}, false
	}
	return *c, true
}

// cancel marks a change, if it is here.
func (w *waiting) cancel(id ChangeID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, here := w.known[id]; here {
		c.Cancelled = true
	}
}

// any says whether a lane has changes here that nobody has taken.
func (w *waiting) any(l Lane) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lanes[l]) > 0
}

// list is the changes that f lets pass, by id.
func (w *waiting) list(f Filter) (list []Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.known {
		if f.passes(*c) {
			list = append(list, *c)
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// Enlist is Submit for a change that its submitter has on disk already, in a form
// of its own, and enlists again after a crash. It writes nothing and returns at
// once: the engine stores the change, together with others of its lane, when the
// lane has room. Until then this engine's other methods know it, and those of
// other processes do not. A fault.Full says that too many changes wait: enlist it
// again later.
func (e *Engine) Enlist(c Change) error {
	c, err := e.fresh(c)
	if err != nil {
		return err
	}
	first, here := e.waiting.add(c)
	switch {
	case !here:
		return fault.New(fault.Full, "too many changes wait to be stored")
	case first: // whoever attends to the lane for this one takes in the next ones too
		e.agenda.note(c.Lane, c.Created)
	}
	return nil
}

// admit stores changes that wait for a lane and queues them, as many as there is
// room for.
func (e *Engine) admit(ctx context.Context, id Lane) error {
	if !e.waiting.any(id) {
		return nil
	}
	l, err := e.lanes.Get(ctx, string(id))
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	changes := e.waiting.take(id, maxQueue-len(l.Queue))
	if len(changes) == 0 {
		return nil
	}
	open, err := e.createAll(ctx, changes)
	if err == nil && len(open) > 0 {
		err = e.enqueue(ctx, id, open...)
	}
	if err != nil {
		e.waiting.back(id, changes) // storing and queueing again has no effect
		return fmt.Errorf("cannot take in changes of lane %q: %w", id, err)
	}
	for _, c := range changes {
		if last := e.waiting.drop(c.ID); last.Cancelled && !c.Cancelled {
			err = errors.Join(err, e.Cancel(ctx, c.ID))
		}
	}
	return err
}

// createAll stores changes, all at the same time so that they share a flush, and
// gives those that have not ended.
func (e *Engine) createAll(ctx context.Context, changes []Change) (open []ChangeID, err error) {
	ended, errs := make([]bool, len(changes)), make([]error, len(changes))
	var all sync.WaitGroup
	for n, c := range changes {
		all.Go(func() { ended[n], errs[n] = e.create(ctx, c) })
	}
	all.Wait()
	for n, c := range changes {
		if !ended[n] {
			open = append(open, c.ID)
		}
	}
	return open, errors.Join(errs...)
}
