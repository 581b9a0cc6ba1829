package openstack

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/work"
)

// town is a broker in front of an OpenStack in which two tenants live: the one asks,
// the other has a service.
type town struct {
	t          *testing.T
	one, other *site
	server     *httptest.Server
	admin      *api.Client
	alice      *api.Client // of the one
	service    api.Service
}

const townPassword = "correct horse battery"

func newTown(t *testing.T) *town {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &town{t: t, one: newSite(t)}
	w.other = siteOn(t, w.one.fake, w.one.d)
	quiet, st := slog.New(slog.DiscardHandler), storetest.New(t)
	offers, err := catalog.New(catalog.Config{Store: st, Dir: t.TempDir(), Log: quiet})
	require.NoError(t, err)
	key, err := seal.NewKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	engine := work.New(st, quiet, work.Options{Poll: 10 * time.Millisecond})
	over := complete{steady(w.one.d)}
	services := provision.New(provision.Config{Store: st, Catalog: offers, Cloud: over, Engine: engine, Key: key, Log: quiet})
	meter, err := metering.New(metering.Config{Store: st, Instances: services, Catalog: offers, Log: quiet})
	require.NoError(t, err)
	accounts := broker.NewAccounts(st)
	accounts.Cost = bcrypt.MinCost
	require.NoError(t, accounts.SetPlatform(ctx, "cf", townPassword))
	require.NoError(t, accounts.SetOperator(ctx, "admin", townPassword))
	b, err := broker.New(broker.Config{Provision: services, Catalog: offers, Meter: meter, Engine: engine, Cloud: over, Store: st, Accounts: accounts, Log: quiet})
	require.NoError(t, err)
	w.server = httptest.NewServer(b.Handler())
	var working sync.WaitGroup
	working.Go(func() { _ = engine.Run(ctx) })
	t.Cleanup(func() {
		w.server.Close()
		cancel()
		working.Wait()
	})
	w.admin = &api.Client{URL: w.server.URL, User: "admin", Password: townPassword}
	w.furnish()
	return w
}

// furnish publishes a service, puts one of it into the other tenant's network, and knows a
// user of the one's.
func (w *town) furnish() {
	w.t.Helper()
	ctx := w.t.Context()
	var ova bytes.Buffer
	_, err := ovf.Build(ctx, filepath.Join("..", "..", "..", "testdata", "firewall"), &ova, ovf.BuildOptions{})
	require.NoError(w.t, err)
	pushed, err := w.admin.Push(ctx, "example", &ova, -1, nil)
	require.NoError(w.t, err)
	w.service, err = w.admin.Publish(ctx, string(pushed.Service.ID), api.Publication{})
	require.NoError(w.t, err)
	known, err := w.admin.AddUser(ctx, api.NewUser{Name: "alice", Role: api.Tenant, Tenant: string(w.one.tenant)})
	require.NoError(w.t, err)
	w.alice = &api.Client{URL: w.server.URL, Token: known.Token}
	_, err = w.admin.CreateInstance(ctx, api.NewInstance{ID: "theirs", Name: "theirs", Tenant: string(w.other.tenant), Service: w.service.Name,
		Plan: "small", Parameters: asked(string(w.other.fabric().Networks[0].ID))})
	require.NoError(w.t, err)
	w.follow("theirs")
}

func (w *town) follow(id string) {
	w.t.Helper()
	require.NoError(w.t, api.Wait(w.t.Context(), func(ctx context.Context) (api.Operation, error) { return w.admin.Operation(ctx, id) }, 10*time.Millisecond, nil))
}

// asked are parameters that name networks.
func asked(networks ...string) json.RawMessage {
	text, _ := json.Marshal(map[string]any{"networks": networks}) // strings always marshal
	return text
}

// say sends a request as a user of the one's, or as a platform for it, and gives status and text.
func (w *town) say(method, path, body string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	require.NoError(w.t, err)
	if strings.HasPrefix(path, "/v2/") {
		r.SetBasicAuth("cf", townPassword)
		r.Header.Set("X-Broker-API-Version", "2.17")
	} else {
		r.Header.Set("Authorization", "Bearer "+w.alice.Token)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	return answer.StatusCode, requestIDs.ReplaceAllString(string(text), "")
}

var requestIDs = regexp.MustCompile(`"request_id": ?"[^"]*"`)

// Whatever of another tenant's is named over HTTP, in whichever place: it is refused in the words
// that are said of what does not exist, and nothing is made or changed.
func TestNobodyNamesAnothersThingsOverHTTP(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	mine, theirs := w.one.fabric(), w.other.fabric()
	_, err := w.alice.CreateInstance(t.Context(), api.NewInstance{ID: "mine", Name: "mine", Service: w.service.Name, Plan: "small", Parameters: asked(string(mine.Networks[0].ID))})
	require.NoError(t, err)
	w.follow("mine")

	names := map[string][]string{"instance": {"theirs"}, "tenant": {string(w.other.tenant)}}
	for _, n := range theirs.Networks {
		names["network"] = append(names["network"], string(n.ID))
	}
	for _, c := range []string{"networks", "subnets", "ports", "routers", "servers"} {
		for _, o := range w.one.fake.list(c) {
			if c != "networks" || o.text("project_id") != string(w.one.tenant) {
				names["network"] = append(names["network"], o.text("id"))
			}
		}
	}
	plan := string(w.service.Plans[0].ID)
	order := `{"service_id":"` + string(w.service.ID) + `","plan_id":"` + plan + `","organization_guid":"` + string(w.one.tenant) + `","space_guid":"s","parameters":`
	requests := []struct{ kind, method, path, body string }{
		{"network", "PUT", "/v2/service_instances/x?accepts_incomplete=true", order + `{"networks":["NAME"]}}`},
		{"network", "PUT", "/v2/service_instances/x?accepts_incomplete=true", order + `{"networks":["` + string(mine.Networks[0].ID) + `","NAME"]}}`},
		{"network", "POST", "/v1/instances", `{"id":"x","service":"` + w.service.Name + `","plan":"small","parameters":{"networks":["NAME"]}}`},
		{"network", "PATCH", "/v1/instances/mine", `{"parameters":{"networks":["NAME"]}}`},
		{"network", "POST", "/v1/instances/mine/bindings", `{"id":"b","parameters":{"network":"NAME"}}`},
		{"network", "POST", "/v1/plan", `{"create":{"service":"` + w.service.Name + `","plan":"small","parameters":{"networks":["NAME"]}}}`},
		{"instance", "POST", "/v1/instances", `{"id":"x","service":"` + w.service.Name + `","plan":"small","parameters":{"networks":["` + string(mine.Networks[0].ID) + `"],"before":"NAME"}}`},
		{"instance", "PATCH", "/v1/instances/mine", `{"parameters":{"after":"NAME"}}`},
		{"instance", "GET", "/v1/instances/NAME", ""},
		{"instance", "GET", "/v1/instances/NAME/events", ""},
		{"instance", "PATCH", "/v1/instances/NAME", `{"name":"x"}`},
		{"instance", "DELETE", "/v1/instances/NAME", ""},
		{"instance", "POST", "/v1/instances/NAME/bypass", ""},
		{"instance", "POST", "/v1/instances/NAME/bindings", `{}`},
		{"tenant", "GET", "/v1/tenants/NAME/topology", ""},
		{"tenant", "GET", "/v1/tenants/NAME/networks", ""},
		{"tenant", "GET", "/v1/tenants/NAME/drift", ""},
		{"tenant", "POST", "/v1/instances", `{"id":"x","tenant":"NAME","service":"` + w.service.Name + `","plan":"small"}`},
	}
	before, history := w.one.all(), w.told()
	for _, r := range requests {
		nothing := strings.ReplaceAll(uuid.NewString(), "-", "")
		status, text := w.say(r.method, strings.ReplaceAll(r.path, "NAME", nothing), strings.ReplaceAll(r.body, "NAME", nothing))
		require.GreaterOrEqual(t, status, 400, "%s %s %s", r.method, r.path, text)
		require.Less(t, status, 500, text)
		for _, name := range names[r.kind] {
			got, said := w.say(r.method, strings.ReplaceAll(r.path, "NAME", name), strings.ReplaceAll(r.body, "NAME", name))
			require.Equal(t, status, got, "%s %s %s: %s", r.method, r.path, r.body, said)
			require.Equal(t, strings.ReplaceAll(text, nothing, "NAME"), strings.ReplaceAll(said, name, "NAME"), "%s %s %s", r.method, r.path, r.body)
		}
	}
	require.Equal(t, before, w.one.all(), "nothing was made, nothing changed")
	require.Equal(t, history, w.told())
	events, err := w.alice.Events(t.Context(), "")
	require.NoError(t, err)
	for _, e := range events {
		require.Equal(t, "mine", e.Instance)
	}
}

// told is the history of the other's instance.
func (w *town) told() []api.Event {
	w.t.Helper()
	all, err := w.admin.Events(w.t.Context(), "theirs")
	require.NoError(w.t, err)
	return all
}
