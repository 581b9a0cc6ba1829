package broker_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

// soakRequests is how many requests the soak sends, unless BUMPWIRE_SOAK says.
const soakRequests = 5000

// TestSoak sends all kinds of requests, valid and not, from many clients that often
// leave before the answer. In the end store and cloud agree, and what is then
// removed leaves nothing.
func TestSoak(t *testing.T) {
	t.Parallel()
	total := int64(soakRequests)
	if text := os.Getenv("BUMPWIRE_SOAK"); text != "" {
		var err error
		total, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
	}
	driver, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "soak.db"))
	require.NoError(t, err)
	w := newWorldOn(t, driver)
	w.run()
	for n := range soakTenants {
		_, err := w.admin.CreateNetwork(t.Context(), fmt.Sprintf("soak-%d", n), api.Network{ID: "lan", CIDR: "10.0.0.0/24"})
		require.NoError(t, err)
	}
	var sent, failed atomic.Int64
	var clients sync.WaitGroup
	for n := range 16 {
		clients.Go(func() {
			luck := rand.New(rand.NewPCG(uint64(n), 1))
			for sent.Add(1) <= total {
				if w.soakOnce(luck) >= http.StatusInternalServerError {
					failed.Add(1)
				}
			}
		})
	}
	clients.Wait()
	require.Zero(t, failed.Load(), "no request may fail for a reason of ours")
	w.requireAgreement()
	w.clear()
	w.requireAgreement()
	resources, err := w.cloud.Resources(t.Context())
	require.NoError(t, err)
	for _, r := range resources {
		require.NotEqual(t, "server", r.Kind, "%+v", r)
		require.False(t, r.Kind == "network" && r.Detail != "tenant", "%+v", r)
	}
	require.Empty(t, w.cloud.Violations())
}

const (
	soakTenants   = 4
	soakInstances = 40
)

// soakOnce sends one request and gives its status; 0 when the client left first.
func (w *world) soakOnce(luck *rand.Rand) int {
	n := luck.IntN(soakInstances)
	instance := fmt.Sprintf("/v2/service_instances/soak-%d", n)
	binding := fmt.Sprintf("%s/service_bindings/soak-%d-%d", instance, n, luck.IntN(3))
	offer := fmt.Sprintf(`"service_id":%q,"plan_id":%q`, w.service.ID, w.plan("small"))
	order := fmt.Sprintf(`{%s,"organization_guid":"soak-%d","space_guid":"s","parameters":{"networks":["lan"]}}`, offer, n%soakTenants)
	kinds := []struct{ method, path, body string }{
		{"PUT", instance + incomplete, order},
		{"PUT", instance + incomplete, order},
		{"PUT", instance + incomplete, strings.Replace(order, `"s"`, `"other"`, 1)},
		{"PUT", instance, order},
		{"PATCH", instance + incomplete, fmt.Sprintf(`{"service_id":%q,"plan_id":%q}`, w.service.ID, w.plan("large"))},
		{"PUT", binding + incomplete, "{" + offer + "}"},
		{"DELETE", binding + w.removal(), ""},
		{"DELETE", instance + w.removal(), ""},
		{"GET", instance + "/last_operation", ""},
		{"GET", instance, ""},
		{"GET", binding, ""},
		{"GET", "/v2/catalog", ""},
		{"PUT", instance + incomplete, `{"service_id":`},
		{"PUT", "/v2/service_instances/" + strings.Repeat("x", 10<<10) + incomplete, order},
		{"DELETE", instance, ""},
		{"POST", instance, "[]"},
	}
	k := kinds[luck.IntN(len(kinds))]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	if luck.IntN(5) == 0 {
		ctx, cancel = context.WithTimeout(context.Background(), time.Duration(luck.IntN(3000))*time.Microsecond)
	}
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, k.method, w.server.URL+k.path, strings.NewReader(k.body))
	if err != nil {
		return http.StatusInternalServerError
	}
	r.SetBasicAuth(platformName, password)
	r.Header.Set(api.HeaderVersion, api.Version)
	res, err := w.server.Client().Do(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body) // the client may leave here too
	return res.StatusCode
}

// requireAgreement waits until nothing is in progress; then nothing may disagree.
func (w *world) requireAgreement() {
	w.t.Helper()
	var found []api.Disagreement
	require.Eventually(w.t, func() bool {
		var err error
		found, err = w.admin.Orphans(context.Background())
		for _, d := range found {
			if d.Busy {
				return false
			}
		}
		return err == nil
	}, 2*time.Minute, 20*time.Millisecond)
	require.Empty(w.t, found)
}

// clear removes all that the soak left.
func (w *world) clear() {
	w.t.Helper()
	for n := range soakInstances {
		id := fmt.Sprintf("/v2/service_instances/soak-%d", n)
		for _, plan := range []string{"small", "large"} {
			query := "?accepts_incomplete=true&service_id=" + string(w.service.ID) + "&plan_id=" + w.plan(plan)
			require.Contains(w.t, []int{202, 410, 400}, w.delete(id+query).status)
		}
	}
}
