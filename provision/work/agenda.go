package work

import (
	"sync"
	"time"
)

// agenda is what this process knows of the lanes: when each has something to do,
// and which it works on. It is a hint; the store decides.
type agenda struct {
	mu   sync.Mutex
	due  map[Lane]time.Time
	busy map[Lane]bool
	wake chan struct{} // has one element when something has become due earlier
}

func newAgenda() *agenda {
	return &agenda{due: map[Lane]time.Time{}, busy: map[Lane]bool{}, wake: make(chan struct{}, 1)}
}

// note says that a lane has something to do at a time, or earlier if that was known.
func (a *agenda) note(l Lane, at time.Time) {
	a.mu.Lock()
	if due, known := a.due[l]; !known || at.Before(due) {
		a.due[l] = at
	}
	a.mu.Unlock()
	a.stir()
}

// take picks a lane that is due and not worked on, and marks it as worked on. If
// there is none, it says how long until there is, at most longest.
func (a *agenda) take(now time.Time, longest time.Duration) (l Lane, ok bool, pause time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pause = longest
	// The order of a map differs between brokers, so they seldom want the same lane.
	for l, at := range a.due {
		if a.busy[l] {
			continue
		}
		if !at.After(now) {
			delete(a.due, l)
			a.busy[l] = true
			return l, true, 0
		}
		pause = min(pause, at.Sub(now))
	}
	return "", false, pause
}

// leave ends the work on a lane, which has something to do again at a time; zero:
// nothing known.
func (a *agenda) leave(l Lane, again time.Time) {
	a.mu.Lock()
	delete(a.busy, l)
	a.mu.Unlock()
	if !again.IsZero() {
		a.note(l, again)
		return
	}
	a.stir()
}

func (a *agenda) stir() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// bell wakes all who wait for its next ring.
type bell struct {
	mu sync.Mutex
	ch chan struct{}
}

func newBell() *bell { return &bell{ch: make(chan struct{})} }

// next is closed at the next ring.
func (b *bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}
