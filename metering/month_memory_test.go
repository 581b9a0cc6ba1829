package metering_test

import (
	"context"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

// To close a month of more instances, and to issue its statements, does not keep more in memory at any time, and
// takes as much for each. Not parallel: it measures.
func TestAMonthOfMoreInstancesTakesNoMoreMemory(t *testing.T) {
	few, many := monthMemory(t, 1000), monthMemory(t, 2000)
	require.Less(t, many.most-few.most, int64(4<<20), "1000 instances more, of 20 KiB each as they are stored")
	require.Less(t, many.each, few.each*3/2, "bytes allocated for each instance")
	require.Less(t, many.each, int64(600<<10))
}

// taken is how much memory closing and issuing took, in bytes.
type taken struct {
	most int64 // of what was in use at once
	each int64 // allocated in all, for an instance
}

func monthMemory(t *testing.T, instances int) (all taken) {
	file, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "month.db"))
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // nothing is read afterwards
	month := lastMonth()
	loadMonth(t, store.New(file), instances, 0, month)
	require.NoError(t, file.Folded(t.Context()))

	d := &measuredDriver{Driver: file}
	m := monthMeter(t, store.New(d))
	var before, after runtime.MemStats
	d.most = inUse()
	base := d.most
	runtime.ReadMemStats(&before)
	_, err = m.Close(t.Context(), month[1].Add(time.Hour))
	require.NoError(t, err)
	issued, err := m.Issue(t.Context())
	require.NoError(t, err)
	require.Equal(t, instances/10, issued)
	runtime.ReadMemStats(&after)
	return taken{d.most - base, int64(after.TotalAlloc-before.TotalAlloc) / int64(instances)}
}

// measuredDriver looks now and then at what is in use. What it has to store of statements' pages, it has not: the journal would
// be measured.
type measuredDriver struct {
	*sqlitestore.Driver
	mu    sync.Mutex // guards all below
	calls int
	most  int64
}

func (d *measuredDriver) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.calls++; d.calls%25 == 0 {
		d.most = max(d.most, inUse())
	}
}

func (d *measuredDriver) Scan(ctx context.Context, collection string, q store.Query) ([]store.Doc, error) {
	defer d.look()
	return d.Driver.Scan(ctx, collection, q)
}

func (d *measuredDriver) Put(ctx context.Context, collection string, doc store.Doc) error {
	if collection == "statement-pages" {
		return nil
	}
	defer d.look()
	return d.Driver.Put(ctx, collection, doc)
}

// inUse is how much memory is reachable, in bytes.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
