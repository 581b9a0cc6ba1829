package storetest

import (
	"context"
	"sync"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// Op is one call of a driver, as a Faulty's Fault sees it.
type Op struct {
	N          int    // counts this kind of calls (writes, or reads) from 1
	Write      bool   // Put or Delete; otherwise Get or Scan
	Collection string // of the document
	ID         string // "" for a Scan
	Doc        store.Doc
}

// Outcome is what becomes of a call.
type Outcome int

// The outcomes. The failing ones answer fault.Unavailable.
const (
	Works       Outcome = iota
	FailsBefore         // nothing is written
	FailsAfter          // it is written, and the answer is lost
	DiesBefore          // as FailsBefore, and no later call works: the process is dead
	DiesAfter           // as FailsAfter, and no later call works
)

// Faulty is a driver that fails when it is told to.
type Faulty struct {
	store.Driver
	// Fault decides about each call; nil: all work. It is called under a lock, so
	// it may count, and must not call the driver.
	Fault func(Op) Outcome

	mu     sync.Mutex
	writes int
	reads  int
	dead   chan struct{}
}

// NewFaulty wraps a driver.
func NewFaulty(d store.Driver, decide func(Op) Outcome) *Faulty {
	return &Faulty{Driver: d, Fault: decide, dead: make(chan struct{})}
}

// Dead is closed once the driver has died.
func (f *Faulty) Dead() <-chan struct{} { return f.dead }

// Kill lets no later call work, as if the process had died now.
func (f *Faulty) Kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.die()
}

func (f *Faulty) die() {
	select {
	case <-f.dead:
	default:
		close(f.dead)
	}
}

// Writes is how many writes have been asked for so far.
func (f *Faulty) Writes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.writes
}

// Get implements store.Driver.
func (f *Faulty) Get(ctx context.Context, collection, id string) (d store.Doc, err error) {
	err = f.call(Op{Collection: collection, ID: id}, func() error {
		d, err = f.Driver.Get(ctx, collection, id)
		return err
	})
	return d, err
}

// Scan implements store.Driver.
func (f *Faulty) Scan(ctx context.Context, collection string, q store.Query) (docs []store.Doc, err error) {
	err = f.call(Op{Collection: collection}, func() error {
		docs, err = f.Driver.Scan(ctx, collection, q)
		return err
	})
	return docs, err
}

// Put implements store.Driver.
func (f *Faulty) Put(ctx context.Context, collection string, d store.Doc) error {
	return f.call(Op{Write: true, Collection: collection, ID: d.ID, Doc: d}, func() error {
		return f.Driver.Put(ctx, collection, d)
	})
}

// Delete implements store.Driver.
func (f *Faulty) Delete(ctx context.Context, collection, id string, revision int64) error {
	return f.call(Op{Write: true, Collection: collection, ID: id}, func() error {
		return f.Driver.Delete(ctx, collection, id, revision)
	})
}

func (f *Faulty) call(op Op, do func() error) error {
	switch f.decide(op) {
	case Works:
		return do()
	case FailsAfter, DiesAfter:
		if err := do(); err != nil {
			return err
		}
		return fault.New(fault.Unavailable, "the store's answer was lost (injected)")
	}
	return fault.New(fault.Unavailable, "the store does not answer (injected)")
}

func (f *Faulty) decide(op Op) Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.dead:
		return DiesBefore
	default:
	}
	count := &f.reads
	if op.Write {
		count = &f.writes
	}
	*count++
	op.N = *count
	if f.Fault == nil {
		return Works
	}
	outcome := f.Fault(op)
	if outcome == DiesBefore || outcome == DiesAfter {
		f.die()
	}
	return outcome
}
