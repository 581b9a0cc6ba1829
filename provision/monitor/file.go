package monitor

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// member is one start of one appliance.
type member struct {
	appliance topology.ApplianceID // no two instances have the same
	start     int
}

// file is what has to be known of one from one round to the next.
type file struct {
	since    time.Duration // first looked at, from the monitor's beginning
	round    uint32        // last looked at
	missed   uint16        // probes without an answer, in a row
	answered bool          // its health endpoint has, at least once
}

// files are kept by a hash of 64 bits, for there may be a million: two of so many
// share a file once in 30 million monitors, and then one's missed probes count for
// the other as well.
type files struct {
	began time.Time
	seed  maphash.Seed

	mu    sync.Mutex // guards all below
	round uint32
	of    map[uint64]file
}

func newFiles() *files {
	return &files{began: time.Now(), seed: maphash.MakeSeed(), of: map[uint64]file{}}
}

func (f *files) age(at *file) time.Duration { return time.Since(f.began) - at.since }

// open gives a member's file to enter something, and puts it away if it has to be
// kept, or says anything.
func (f *files) open(m member, keep bool, enter func(*file)) {
	key := maphash.Comparable(f.seed, m)
	f.mu.Lock()
	defer f.mu.Unlock()
	at, known := f.of[key]
	if !known {
		at.since = time.Since(f.began)
	}
	at.round = f.round
	enter(&at)
	at.missed = min(at.missed, math.MaxUint16-1) // the next one is to have room
	if keep || at.missed > 0 {
		f.of[key] = at
	} else if known {
		delete(f.of, key)
	}
}

// turn ends a round: what nobody looked at in it is not looked at any more, and is
// forgotten.
func (f *files) turn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, at := range f.of {
		if at.round != f.round {
			delete(f.of, key)
		}
	}
	f.round++
}
