package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

var update = flag.Bool("update", false, "write golden files anew")

// user adds a user and gives a client that uses its token.
func (w *world) user(n api.NewUser) *api.Client {
	w.t.Helper()
	s, err := w.admin.AddUser(w.t.Context(), n)
	require.NoError(w.t, err)
	return &api.Client{URL: w.server.URL, Token: s.Token}
}

func TestTenantsSeeTheirOwnOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	ctx := t.Context()
	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	other := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "org-2"})

	list, err := own.Instances(ctx, api.InstanceFilter{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, []string{"lan"}, list[0].Networks)
	require.Equal(t, "example-firewall", list[0].ServiceName)

	list, err = other.Instances(ctx, api.InstanceFilter{Tenant: tenant})
	require.NoError(t, err)
	require.Empty(t, list)
	for name, err := range map[string]error{
		"instance": second(other.Instance(ctx, "one")),
		"events":   second(other.Events(ctx, "one")),
		"delete":   second(other.DeleteInstance(ctx, "one")),
		"bind":     second(other.CreateBinding(ctx, "one", api.NewBinding{})),
		"topology": second(other.Topology(ctx, tenant)),
		"networks": second(other.Networks(ctx, tenant)),
		"create":   second(other.CreateInstance(ctx, api.NewInstance{Tenant: tenant, Service: "example-firewall"})),
		"preview":  second(other.Preview(ctx, api.PreviewRequest{Delete: &api.Removal{Instance: "one"}})),
	} {
		require.ErrorIs(t, err, fault.NotFound, name)
	}
	changes, err := other.Changes(ctx, "")
	require.NoError(t, err)
	require.Empty(t, changes)
	changes, err = own.Changes(ctx, "")
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.ErrorIs(t, second(other.Change(ctx, changes[0].ID)), fault.NotFound)
	require.ErrorIs(t, second(own.Packages(ctx, "")), fault.Forbidden)
	require.ErrorIs(t, second(own.Platforms(ctx)), fault.Forbidden)
}

// second is the error of a call whose value does not matter.
func second[T any](_ T, err error) error { return err }

func TestVendorsSeeTheirOwnOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	own := w.user(api.NewUser{Name: "vera", Role: api.Vendor, Vendor: "example"})
	other := w.user(api.NewUser{Name: "otto", Role: api.Vendor, Vendor: "other"})

	packages, err := own.Packages(ctx, "")
	require.NoError(t, err)
	require.Len(t, packages, 1)
	_, err = own.Package(ctx, string(packages[0].ID)) // an id with slash and at sign
	require.NoError(t, err)
	packages, err = other.Packages(ctx, "")
	require.NoError(t, err)
	require.Empty(t, packages)
	require.ErrorIs(t, second(other.Package(ctx, "example/firewall@1.2.0")), fault.NotFound)
	require.ErrorIs(t, second(other.Service(ctx, w.service.Name)), fault.NotFound)
	require.ErrorIs(t, second(other.Retire(ctx, w.service.Name)), fault.NotFound)
	require.ErrorIs(t, second(other.Instances(ctx, api.InstanceFilter{})), fault.Forbidden)
	_, err = other.Push(ctx, "example", bytes.NewReader(firewallOVA(t)), -1, nil)
	require.ErrorIs(t, err, fault.Forbidden)
	pushed, err := other.Push(ctx, "", bytes.NewReader(firewallOVA(t)), -1, nil)
	require.NoError(t, err)
	require.Equal(t, "other", pushed.Package.Vendor)
}

func TestPushRefusesWhatIsWrongAndKeepsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ova := firewallOVA(t)
	altered := bytes.Replace(ova, []byte("512 MiB of memory"), []byte("513 MiB of memory"), 1)
	for name, body := range map[string][]byte{"truncated": ova[:len(ova)/2], "altered": altered, "no archive": []byte("hello")} {
		_, err := w.admin.Push(t.Context(), "fresh", bytes.NewReader(body), int64(len(body)), nil)
		require.ErrorIs(t, err, fault.Invalid, name)
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.NotEmpty(t, f.Message+strings.Join(f.Details, ""), name)
	}
	packages, err := w.admin.Packages(t.Context(), "fresh")
	require.NoError(t, err)
	require.Empty(t, packages)
}

func TestPushTellsItsProgress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ova := firewallOVA(t)
	var last int64
	_, err := w.admin.Push(t.Context(), "fresh", bytes.NewReader(ova), int64(len(ova)), func(sent int64) { last = sent })
	require.NoError(t, err)
	require.Equal(t, int64(len(ova)), last)
}

func TestPackagesInUseStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	require.ErrorIs(t, w.admin.RemovePackage(t.Context(), "example/firewall@1.2.0"), fault.Conflict)
}

func TestPreviewDoesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	before, err := w.admin.Topology(ctx, tenant)
	require.NoError(t, err)
	n := api.NewInstance{Tenant: tenant, Service: "example-firewall", Parameters: json.RawMessage(`{"networks":["lan"]}`)}
	p, err := w.admin.Preview(ctx, api.PreviewRequest{Create: &n})
	require.NoError(t, err)
	require.NotEmpty(t, p.Steps)
	require.Contains(t, p.Text, "move")
	after, err := w.admin.Topology(ctx, tenant)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.ErrorIs(t, second(w.admin.Preview(ctx, api.PreviewRequest{})), fault.Invalid)
}

func TestDrawings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	for format, want := range map[string]string{"text": "lan-host", "svg": "<svg", "dot": "graph", "json": `"appliances"`} {
		drawing, err := w.admin.Drawing(t.Context(), tenant, format)
		require.NoError(t, err)
		require.Contains(t, string(drawing), want)
	}
	require.ErrorIs(t, second(w.admin.Drawing(t.Context(), tenant, "gif")), fault.Invalid)
}

func TestPlatformPasswordsRotateWithoutGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	first, err := w.admin.AddPlatform(ctx, api.NewPlatform{Name: "k8s", PlatformRules: api.PlatformRules{Tenant: "team"}})
	require.NoError(t, err)
	works := func(password string) bool {
		return (second((&api.OSB{URL: w.server.URL, User: "k8s", Password: password}).Catalog(ctx)) == nil)
	}
	require.True(t, works(first.Password))
	next, err := w.admin.RotatePlatform(ctx, "k8s")
	require.NoError(t, err)
	require.True(t, works(first.Password), "the one before stays valid until the next rotation")
	require.True(t, works(next.Password))
	last, err := w.admin.RotatePlatform(ctx, "k8s")
	require.NoError(t, err)
	require.False(t, works(first.Password))
	require.True(t, works(next.Password))
	require.True(t, works(last.Password))
	require.NoError(t, w.admin.RemovePlatform(ctx, "k8s"))
	require.False(t, works(last.Password))
	require.ErrorIs(t, w.admin.RemovePlatform(ctx, "k8s"), fault.NotFound)
	require.ErrorIs(t, second(w.admin.AddPlatform(ctx, api.NewPlatform{Name: "no:colon"})), fault.Invalid)
	require.ErrorIs(t, second(w.admin.AddPlatform(ctx, api.NewPlatform{Name: platformName})), fault.Conflict)
	for _, secret := range []string{first.Password, next.Password, last.Password} {
		require.NotContains(t, w.log.String(), secret)
	}
}

func TestPlatformTiedToATenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, err := w.admin.AddPlatform(t.Context(), api.NewPlatform{Name: "tied", PlatformRules: api.PlatformRules{Tenant: tenant}})
	require.NoError(t, err)
	r := w.send("PUT", one+incomplete, with(w.order(), "organization_guid", "whatever", "context", nil),
		func(r *http.Request) { r.SetBasicAuth("tied", s.Password) })
	require.Equal(t, 202, r.status, r.text)
	i, err := w.admin.Instance(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, tenant, i.Tenant)
}

func TestKubernetesNamespaceIsTheTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.put(one+incomplete, with(w.order(), "organization_guid", "cluster", "parameters", nil,
		"context", map[string]any{"platform": "kubernetes", "namespace": "team-a", "clusterid": "c"}))
	require.Equal(t, 202, r.status, r.text)
	i, err := w.admin.Instance(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, "team-a", i.Tenant)
}

func TestErrorsHaveOneShape(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	as := func(r *http.Request) { r.SetBasicAuth(adminName, password) }
	for _, row := range []struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		{"GET", "/v1/no-such-thing", nil, 404, "not_found"},
		{"GET", "/v1/instances/none", nil, 404, "not_found"},
		{"POST", "/v1/instances", `{"servise": "typo"}`, 400, "invalid"},
		{"POST", "/v1/instances", `{"tenant": "t", "service": "none"}`, 400, "invalid"},
		{"POST", "/v1/users", `{"name": "x", "role": "king"}`, 400, "invalid"},
		{"DELETE", "/v1/users/admin", nil, 409, "conflict"},
		{"PUT", "/v1/instances", nil, 405, "method_not_allowed"},
		{"POST", "/v1/tenants/" + tenant + "/networks", `{"id": "x", "cidr": "10.0.0.5/24"}`, 400, "invalid"},
		{"POST", "/v1/changes/none/retry", nil, 404, "not_found"},
	} {
		r := w.send(row.method, row.path, row.body, as)
		require.Equal(t, row.status, r.status, "%s: %s", row.path, r.text)
		require.Equal(t, row.code, r.body["error"], row.path)
		require.NotEmpty(t, r.body["message"], row.path)
		require.Equal(t, r.header.Get("X-Request-Id"), r.body["request_id"], row.path)
	}
}

func TestRequestsOfOtherOriginsAreForbidden(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.send("POST", "/v1/services/"+w.service.Name+"/retire", nil, func(r *http.Request) {
		r.SetBasicAuth(adminName, password)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	})
	require.Equal(t, 403, r.status, r.text)
}

// panicky is a cloud with a mistake in it.
type panicky struct{ cloud.Cloud }

func (panicky) Name() string { return "panicky" }

func (panicky) Check(context.Context) []cloud.Problem { panic("a mistake of ours") }

func TestAPanicIsA500WithItsIdAndNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *broker.Config) { c.Cloud = panicky{} })
	r := w.send("GET", "/v1/health", nil, func(r *http.Request) {
		r.SetBasicAuth(adminName, password)
		r.Header.Set("X-Request-Id", "the-id")
	})
	require.Equal(t, 500, r.status)
	require.Equal(t, "internal", r.body["error"])
	require.Equal(t, "the-id", r.body["request_id"])
	require.NotContains(t, r.text, "mistake")
	require.Equal(t, 1, strings.Count(w.log.String(), "a request's handler panicked"))
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nobody := func(r *http.Request) { r.Header.Del("Authorization") }
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/v1/openapi.json"} {
		require.Equal(t, 200, w.send("GET", path, nil, nobody).status, path)
	}
	o, err := w.admin.Health(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, "ok", o.Status)
	metrics := w.send("GET", "/metrics", nil, nobody).text
	require.Contains(t, metrics, `bumpwire_http_request_seconds_count{method="GET",route="/readyz",status="200"} 1`)
}

func TestConsoleShowsWhatRunsAndEscapesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	order := with(w.order(), "context", map[string]any{"instance_name": "<script>alert(1)</script>"})
	require.Equal(t, 202, w.put(one+incomplete, order).status)
	w.settled(one, "succeeded")
	r := w.send("GET", "/", nil, func(r *http.Request) { r.SetBasicAuth(adminName, password) })
	require.Equal(t, 200, r.status)
	require.Contains(t, r.header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Contains(t, r.text, "Example Firewall")
	require.Contains(t, r.text, "/v1/tenants/org-1/topology?format=svg")
	require.NotContains(t, r.text, "<script>")
	require.Equal(t, 401, w.get("/").status, "platforms are not users")
}

func TestOpenAPIDocumentIsFresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.get("/v1/openapi.json").text
	file := filepath.Join("..", "docs", "openapi.json")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.True(t, string(want) == got, "docs/openapi.json is stale; make generate writes it anew")
}

func TestOpenAPIDocumentHoldsEveryRouteAndResolves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := w.get("/v1/openapi.json").text
	var doc struct {
		OpenAPI    string                               `json:"openapi"`
		Paths      map[string]map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]any `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &doc))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	rows := 0
	for _, line := range strings.Split(string(read(t, "routes.go")), "\n") {
		var method, path string
		if parts := strings.Split(line, `"`); len(parts) > 4 && strings.HasPrefix(strings.TrimSpace(line), "{") {
			method, path = strings.ToLower(parts[1]), parts[3]
			require.NotEmpty(t, doc.Paths[path][method]["summary"], "%s %s", method, path)
			rows++
		}
	}
	require.Greater(t, rows, 50)
	for _, part := range strings.Split(text, `"$ref": "#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		require.Contains(t, doc.Components.Schemas, name)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return text
}

func TestInstanceLifeThroughTheManagementAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	ctx := t.Context()
	alice := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	made, err := alice.CreateInstance(ctx, api.NewInstance{Service: "example-firewall", Name: "wall", Parameters: json.RawMessage(`{"networks":["lan"]}`)})
	require.NoError(t, err)
	require.NoError(t, api.Wait(ctx, func(ctx context.Context) (api.Operation, error) { return alice.Operation(ctx, made.Instance) }, 1, nil))
	i, err := alice.Instance(ctx, made.Instance)
	require.NoError(t, err)
	require.Equal(t, "active", i.State)
	require.Equal(t, "wall", i.Name)
	require.Equal(t, 404, w.get("/v2/service_instances/"+made.Instance).status, "platforms do not see it")

	b, err := alice.CreateBinding(ctx, made.Instance, api.NewBinding{ID: "b"})
	require.NoError(t, err)
	require.Empty(t, b.Change)
	shown, err := alice.Binding(ctx, made.Instance, "b")
	require.NoError(t, err)
	require.NotEmpty(t, shown.Credentials.Password)
	require.NoError(t, second(alice.DeleteBinding(ctx, made.Instance, "b")))

	require.NoError(t, second(w.admin.DeleteInstance(ctx, made.Instance)), "operators may remove any")
	require.NoError(t, api.Wait(ctx, func(ctx context.Context) (api.Operation, error) { return alice.Operation(ctx, made.Instance) }, 1, nil))
	events, err := alice.Events(ctx, made.Instance)
	require.NoError(t, err)
	require.Equal(t, "deleted", events[len(events)-1].State)
	require.ErrorIs(t, second(alice.Instance(ctx, made.Instance)), fault.NotFound)
}
