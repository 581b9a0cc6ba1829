package sqlitestore_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

const writers = 64

var benchBody = []byte(`{"id":"00000000-0000-0000-0000-000000000000","state":"active","history":[{"seq":1,"at":"2026-01-01T00:00:00Z"}]}`)

// BenchmarkWrites is 64 writers that each wait for their write to be on disk.
func BenchmarkWrites(b *testing.B) {
	d := opened(b, filepath.Join(b.TempDir(), "store.db"))
	concurrently(b, func(ctx context.Context, n int64) error {
		return d.Put(ctx, "instances", store.Doc{ID: fmt.Sprint(n), Keys: map[string]string{"tenant": "t"}, Body: benchBody})
	})
}

// BenchmarkWritesPlain is the same 64 writers and rows over a plain database/sql
// handle with a transaction, and so a flush, for each write.
func BenchmarkWritesPlain(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	d, err := sqlitestore.Open(b.Context(), path) // makes the tables
	require.NoError(b, err)
	require.NoError(b, d.Close())
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_txlock=immediate")
	require.NoError(b, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	concurrently(b, func(ctx context.Context, n int64) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // without effect after Commit
		id := fmt.Sprint(n)
		if _, err := tx.Exec(`INSERT INTO document VALUES (?, ?, 1, '{"tenant":"t"}', ?)`, "instances", id, benchBody); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO keys VALUES (?, 'tenant', 't', ?)`, "instances", id); err != nil {
			return err
		}
		return tx.Commit()
	})
}

// BenchmarkReads is 64 readers of single documents among 10,000.
func BenchmarkReads(b *testing.B) {
	d := opened(b, filepath.Join(b.TempDir(), "store.db"))
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

// BenchmarkCreates is 64 writers that each create documents as large as an
// instance, with random ids and keys that many of them share, up to 100,000.
func BenchmarkCreates(b *testing.B) {
	d := opened(b, filepath.Join(b.TempDir(), "store.db"))
	body := fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 2000))
	concurrently(b, func(ctx context.Context, n int64) error {
		keys := map[string]string{"live": fmt.Sprint("tenant-", n%1000), "pending": "yes"}
		return d.Put(ctx, "instances", store.Doc{ID: rand.Text(), Keys: keys, Body: body})
	})
}
