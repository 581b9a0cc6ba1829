package brokerapi_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const incomplete = "?accepts_incomplete=true"

// BenchmarkCatalog is GET /v2/catalog with 100 services: whole, and when the
// platform has it already, which the library answers with the whole as well.
func BenchmarkCatalog(b *testing.B) {
	w := newWorld(b)
	body, etag := w.catalog(b)
	peer := newPeer(b, body)
	b.Run("whole", func(b *testing.B) {
		compare(b, side{"brokerapi", peer, fetch, nil}, side{"bumpwire", w.address, fetch, nil})
		b.ReportMetric(float64(len(body))/1000, "kB")
	})
	b.Run("conditional", func(b *testing.B) {
		compare(b, side{"brokerapi", peer, fetch, nil}, side{"bumpwire", w.address, unless(etag), nil})
	})
}

// BenchmarkProvision is PUT of new instances, accepted with 202: by the library in
// a map, by us on disk.
func BenchmarkProvision(b *testing.B) {
	for _, tenants := range []int64{1000, 1} {
		b.Run(fmt.Sprintf("tenants=%d", tenants), func(b *testing.B) {
			w := newWorld(b)
			body, _ := w.catalog(b)
			peer := newPeer(b, body)
			orders := w.orders(tenants)
			compare(b, side{"brokerapi", peer, orders, nil}, side{"bumpwire", w.address, orders, nil})
		})
	}
}

// BenchmarkProvisionFloor has a handler in the library's place that only appends
// bodies to a file, with one flush for all that wait: what HTTP and the disk take.
func BenchmarkProvisionFloor(b *testing.B) {
	w := newWorld(b)
	orders := w.orders(1000)
	compare(b, side{"bare", newBare(b), orders, nil}, side{"bumpwire", w.address, orders, nil})
}

// BenchmarkLastOperation is polling of 1,000 instances.
func BenchmarkLastOperation(b *testing.B) {
	w := newWorld(b)
	body, _ := w.catalog(b)
	peer := newPeer(b, body)
	ids := w.ids(b, peer)
	compare(b, side{"brokerapi", peer, polls(ids), nil}, side{"bumpwire", w.address, polls(ids), nil})
}

// BenchmarkCrowded is all of it on a store with 100,000 instances, beside an empty one.
func BenchmarkCrowded(b *testing.B) {
	empty, crowded := newWorld(b), newWorld(b)
	crowded.crowd(b, 100_000)
	_, etag := crowded.catalog(b)
	for _, c := range []struct {
		name string
		next func(w *world) func() request
	}{
		{"catalog", func(*world) func() request { return fetch }},
		{"conditional catalog", func(*world) func() request { return unless(etag) }},
		{"last operation", func(w *world) func() request { return polls(w.ids(b)) }},
		{"provision", func(w *world) func() request { return w.orders(1000) }}, // last: it leaves the engine work
	} {
		b.Run(c.name, func(b *testing.B) {
			compare(b, side{"empty", empty.address, c.next(empty), empty}, side{"crowded", crowded.address, c.next(crowded), crowded})
		})
	}
}

func fetch() request { return request{method: "GET", path: "/v2/catalog", status: http.StatusOK} }

func unless(etag string) func() request {
	r := request{method: "GET", path: "/v2/catalog", header: "If-None-Match: " + etag + "\r\n", status: http.StatusNotModified}
	return func() request { return r }
}

// orders are requests for ever new instances.
func (w *world) orders(tenants int64) func() request {
	var count atomic.Int64
	return func() request {
		n := count.Add(1)
		return request{
			method: "PUT", path: "/v2/service_instances/" + rand.Text() + incomplete, status: http.StatusAccepted,
			body: fmt.Sprintf(`{"service_id":%q,"plan_id":%q,"organization_guid":"org-%d","space_guid":"space-1",`+
				`"context":{"platform":"cloudfoundry","organization_guid":"org-%[3]d","instance_name":"firewall-%d"},`+
				`"parameters":{"firewall.mtu":1400}}`, w.service.ID, w.service.Plans[0].ID, n%tenants, n),
		}
	}
}

// ids are 1,000 instances that our broker and the others know, ours in place: what is
// measured is polling, not the work that is polled.
func (w *world) ids(b *testing.B, others ...string) []string {
	b.Helper()
	var ids []string
	next := w.orders(100)
	for range 1000 {
		r := next()
		for _, address := range append(others, w.address) {
			require.NoError(b, once(address, r))
		}
		ids = append(ids, r.path[:len(r.path)-len(incomplete)])
	}
	w.settled(b)
	return ids
}

// polls are requests for the operations on these instances in turn.
func polls(ids []string) func() request {
	var count atomic.Int64
	return func() request {
		id := ids[count.Add(1)%int64(len(ids))]
		return request{method: "GET", path: id + "/last_operation", status: http.StatusOK}
	}
}
