package sqlitestore_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
)

const writers = 64

var benchBody = []byte(`{"id":"00000000-0000-0000-0000-000000000000","state":"active","history":[{"seq":1,"at":"2026-01-01T00:00:00Z"}]}`)

// BenchmarkWrites is 64 writers that each wait for their write to be on disk.
func BenchmarkWrites(b *testing.B) {
	d := open(b, filepath.Join(b.TempDir(), "store.db"))
	concurrently(b, func(ctx context.Context, n int64) error {
		return d.Put(ctx, "instances", store.Doc{ID: fmt.Sprint(n), Keys: map[string]string{"tenant": "t"}, Body: benchBody})
	})
}

// BenchmarkWritesPlain is the same 64 writers over a plain database/sql handle with
// a transaction, and so a flush, for each write.
func BenchmarkWritesPlain(b *testing.B) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "plain.db")+
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE documents (collection TEXT, id TEXT, revision INTEGER, body BLOB, PRIMARY KEY (collection, id))`)
	require.NoError(b, err)
	concurrently(b, func(ctx context.Context, n int64) error {
		_, err := db.ExecContext(ctx, `INSERT INTO documents VALUES (?, ?, 1, ?)`, "instances", fmt.Sprint(n), benchBody)
		return err
	})
}

// BenchmarkReads is 64 readers of single documents among 10,000.
func BenchmarkReads(b *testing.B) {
	d := open(b, filepath.Join(b.TempDir(), "store.db"))
	concurrentlyN(b, 10_000, func(ctx context.Context, n int64) error {
		return d.Put(ctx, "instances", store.Doc{ID: fmt.Sprint(n), Body: benchBody})
	})
	b.ResetTimer()
	concurrently(b, func(ctx context.Context, n int64) error {
		_, err := d.Get(ctx, "instances", fmt.Sprint(n%10_000+1))
		return err
	})
}

func concurrently(b *testing.B, do func(ctx context.Context, n int64) error) {
	b.ResetTimer()
	concurrentlyN(b, int64(b.N), do)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
}

func concurrentlyN(b *testing.B, total int64, do func(ctx context.Context, n int64) error) {
	var count atomic.Int64
	errs := make(chan error, writers)
	for range writers {
		go func() {
			for n := count.Add(1); n <= total; n = count.Add(1) {
				if err := do(b.Context(), n); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		require.NoError(b, <-errs)
	}
}
