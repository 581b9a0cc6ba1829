package sqlitestore

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
)

// What the journal takes in memory is what its bound counts, of small documents with keys as of large
// ones. Not parallel: it measures.
func TestTheJournalTakesTheMemoryThatItCounts(t *testing.T) {
	keys := func(n int) map[string]string {
		return map[string]string{"tenant": fmt.Sprint("tenant-", n/10), "state": "active"}
	}
	for name, c := range map[string]struct {
		records int
		record  func(n int) record
	}{
		"large": {300, func(n int) record {
			return record{collection: "statement-pages", doc: store.Doc{ID: fmt.Sprint(n), Revision: 1, Body: make([]byte, 30_000)}}
		}},
		"small, with keys": {10_000, func(n int) record {
			return record{collection: "events", doc: store.Doc{ID: fmt.Sprint(n), Revision: 1, Keys: keys(n), Body: make([]byte, 300)}}
		}},
		"small, without": {10_000, func(n int) record {
			return record{collection: "events", doc: store.Doc{ID: fmt.Sprint(n), Revision: 1, Body: make([]byte, 10)}}
		}},
		"one again and again": {10_000, func(n int) record {
			return record{collection: "windows", doc: store.Doc{ID: "progress", Revision: int64(n + 1), Keys: keys(1), Body: make([]byte, 300)}}
		}},
		"gone": {10_000, func(n int) record {
			return record{collection: "events", doc: store.Doc{ID: fmt.Sprint(n)}, deleted: true}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o, before := newOverlay(), inUse()
			for n := range c.records {
				records, err := decode(encode([]record{c.record(n)}))
				require.NoError(t, err)
				o.add(batch{int64(n + 1), records})
			}
			taken := inUse() - before
			require.Less(t, taken, int64(o.size())*5/4, "it takes more than it counts")
			require.Greater(t, taken*4, int64(o.size()), "it counts far more than it takes")
			o.drop(int64(c.records))
			require.Zero(t, o.size())
		})
	}
}

// inUse is how much memory is reachable, in bytes.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one finalized
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
