package broker_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

const connections = 32

// BenchmarkProvision counts provision requests accepted durably (202, on disk in
// SQLite) over 32 connections, each from another of 1,000 tenants.
func BenchmarkProvision(b *testing.B) {
	driver, err := sqlitestore.Open(context.Background(), filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	w := newWorldOn(b, driver)
	order := fmt.Sprintf(`{"service_id":%q,"plan_id":%q,"organization_guid":"org-%%d","space_guid":"s","context":{}}`, w.service.ID, w.plan("small"))
	w.load(b, func(n int64) *http.Request {
		r, err := http.NewRequest("PUT", fmt.Sprintf("%s/v2/service_instances/bench-%d%s", w.server.URL, n, incomplete), strings.NewReader(fmt.Sprintf(order, n%1000)))
		require.NoError(b, err)
		return r
	}, http.StatusAccepted)
}

// BenchmarkCatalog counts catalogs served over 32 connections.
func BenchmarkCatalog(b *testing.B) {
	w := newWorld(b)
	w.load(b, func(int64) *http.Request {
		r, err := http.NewRequest("GET", w.server.URL+"/v2/catalog", nil)
		require.NoError(b, err)
		return r
	}, http.StatusOK)
}

// BenchmarkLastOperation counts polls over 32 connections.
func BenchmarkLastOperation(b *testing.B) {
	w := newWorld(b)
	require.Equal(b, 202, w.put(one+incomplete, w.order()).status)
	w.load(b, func(int64) *http.Request {
		r, err := http.NewRequest("GET", w.server.URL+one+"/last_operation", nil)
		require.NoError(b, err)
		return r
	}, http.StatusOK)
}

// load sends b.N requests over 32 connections and reports requests per second.
func (w *world) load(b *testing.B, request func(n int64) *http.Request, want int) {
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	var next atomic.Int64
	var wrong atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range connections {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				r := request(n)
				r.SetBasicAuth(platformName, password)
				r.Header.Set(api.HeaderVersion, api.Version)
				res, err := transport.RoundTrip(r)
				if err != nil || res.StatusCode != want {
					wrong.Add(1)
				}
				if err == nil {
					res.Body.Close()
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	require.Zero(b, wrong.Load())
}
