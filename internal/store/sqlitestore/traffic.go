package sqlitestore

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// traffic counts the writes of all processes on one store file, so that each knows
// which of the documents it remembers are still as they were. It is an array of
// counters in memory that the processes share, in a file beside the store (like
// SQLite's -shm, which it must not outlive and costs nothing to lose while no
// broker runs). Documents share counters; that costs a read now and then.
//
// A counter has two halves: writes begun and writes ended. A process that is killed
// between the two leaves them unequal, and then nobody remembers the documents of
// that counter.
type traffic struct {
	begun, ended []atomic.Uint32
	committed    *atomic.Uint32 // batches of the journal, and folds of it
	mapped       []byte         // the file they are in, if it is shared
}

// How many counters there are: for documents, and behind them for whole collections.
const (
	counters    = 1 << 16
	collections = 1 << 8
	allCounters = counters + collections
)

// privateTraffic counts the writes of a store that only this process has.
func privateTraffic() *traffic {
	return &traffic{begun: make([]atomic.Uint32, allCounters), ended: make([]atomic.Uint32, allCounters), committed: new(atomic.Uint32)}
}

// sharedTraffic counts those of all processes that name the same file.
func sharedTraffic(path string) (*traffic, error) {
	const size = (2*allCounters + 1) * int(unsafe.Sizeof(atomic.Uint32{}))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot write beside the store: %w", err)
	}
	defer f.Close()
	if err := allocate(f, int64(size)); err != nil { // has no effect on a file of this size
		kind := fault.Unavailable
		if errors.Is(err, syscall.ENOSPC) {
			kind = fault.Full
		}
		return nil, fault.New(kind, "cannot write beside the store: %w", err)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("cannot share %s: %w", path, err)
	}
	all := unsafe.Slice((*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(mapped))), 2*allCounters+1)
	t := &traffic{begun: all[:allCounters], ended: all[allCounters : 2*allCounters], committed: &all[2*allCounters], mapped: mapped}
	runtime.AddCleanup(t, func(m []byte) { _ = syscall.Munmap(m) }, mapped) // calls may still be under way at Close
	return t, nil
}

// counterOf is the counter of a document, the same in every process.
func counterOf(collection, id string) uint32 { return sum(collection+"\xff"+id) % counters }

// counterOfAll is the counter of a collection.
func counterOfAll(collection string) uint32 { return counters + sum(collection)%collections }

// sum is FNV-1a, 32 bits, its upper half folded onto the lower.
func sum(text string) uint32 {
	s := uint32(2166136261)
	for n := range len(text) {
		s = (s ^ uint32(text[n])) * 16777619
	}
	return s ^ s>>16
}

// quiet is the count of a counter while no write is under way.
func (t *traffic) quiet(counter uint32) (count uint32, ok bool) {
	ended := t.ended[counter].Load()
	count = t.begun[counter].Load()
	runtime.KeepAlive(t)
	return count, count == ended
}

// begin counts the writes of a group as begun. It is called with the write lock of
// the file, before anything is committed.
func (t *traffic) begin(group []*write) error {
	return t.write(func() {
		t.committed.Add(0) // advance is to find it writable
		for _, w := range group {
			t.begun[counterOf(w.collection, w.doc.ID)].Add(1)
			t.begun[counterOfAll(w.collection)].Add(1)
		}
	})
}

// end counts them as ended, committed or not. Where that cannot be written they are
// as those of a process that was killed.
func (t *traffic) end(group []*write) {
	_ = t.write(func() {
		for _, w := range group {
			t.ended[counterOf(w.collection, w.doc.ID)].Add(1)
			t.ended[counterOfAll(w.collection)].Add(1)
		}
	})
}

// generation rises with every commit of any process, after it and before it is
// acknowledged.
func (t *traffic) generation() uint32 {
	defer runtime.KeepAlive(t)
	return t.committed.Load()
}

// advance makes the next generation.
func (t *traffic) advance() (generation uint32, err error) {
	err = t.write(func() { generation = t.committed.Add(1) })
	return generation, err
}

// write changes counters. Where their file cannot be written any more the system does
// not say so but ends the program that writes to the memory, unless it asks not to be ended.
func (t *traffic) write(change func()) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // the fault
			err = fault.New(fault.Unavailable, readOnly)
		default:
			panic(r)
		}
		runtime.KeepAlive(t)
	}()
	if writable(t.mapped) != nil {
		return fault.New(fault.Unavailable, readOnly)
	}
	change()
	return nil
}
