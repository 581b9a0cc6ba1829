package broker_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

type sink struct {
	h      http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.h }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(n int)           { s.status = n }

func zreq(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RequestURI = path
	r.SetBasicAuth(platformName, password)
	r.Header.Set(api.HeaderVersion, api.Version)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func BenchmarkZLast(b *testing.B) {
	driver, err := sqlitestore.Open(context.Background(), filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	w := newWorldOn(b, driver)
	require.Equal(b, 202, w.put(one+incomplete, w.order()).status)
	h := w.server.Config.Handler
	r := zreq("GET", one+"/last_operation", "")
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		s := &sink{h: http.Header{}}
		h.ServeHTTP(s, r)
		if s.status != 200 {
			b.Fatal(s.status)
		}
	}
}

func BenchmarkZCond(b *testing.B) {
	w := newWorld(b)
	h := w.server.Config.Handler
	s := &sink{h: http.Header{}}
	h.ServeHTTP(s, zreq("GET", "/v2/catalog", ""))
	r := zreq("GET", "/v2/catalog", "")
	r.Header.Set("If-None-Match", s.h.Get("ETag"))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		s := &sink{h: http.Header{}}
		h.ServeHTTP(s, r)
		if s.status != 304 {
			b.Fatal(s.status)
		}
	}
}

func BenchmarkZProv(b *testing.B) {
	driver, err := sqlitestore.Open(context.Background(), filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	w := newWorldOn(b, driver)
	h := w.server.Config.Handler
	order := fmt.Sprintf(`{"service_id":%q,"plan_id":%q,"organization_guid":"org-%%d","space_guid":"space-1","context":{"platform":"cloudfoundry","organization_guid":"org-%%[1]d","instance_name":"firewall-%%[1]d"},"parameters":{"firewall.mtu":1400}}`, w.service.ID, w.plan("small"))
	var n atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			k := n.Add(1)
			s := &sink{h: http.Header{}}
			h.ServeHTTP(s, zreq("PUT", fmt.Sprintf("/v2/service_instances/bench-%d%s", k, incomplete), fmt.Sprintf(order, k%1000)))
			if s.status != 202 {
				b.Error(s.status)
				return
			}
		}
	})
}
