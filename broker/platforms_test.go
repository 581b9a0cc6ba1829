package broker_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// as adds a platform with these rules and sends its requests.
func (w *world) as(name string, rules api.PlatformRules) func(*http.Request) {
	w.t.Helper()
	s, err := w.admin.AddPlatform(w.t.Context(), api.NewPlatform{Name: name, PlatformRules: rules})
	require.NoError(w.t, err)
	return func(r *http.Request) { r.SetBasicAuth(name, s.Password) }
}

// ended polls as a platform until the operation is over.
func (w *world) ended(path string, who func(*http.Request)) reply {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		r := w.send("GET", path+"/last_operation", nil, who)
		if r.body["state"] != "in progress" {
			return r
		}
		require.True(w.t, time.Now().Before(deadline), "still in progress: %s", r.text)
	}
}

func TestWhoseAnInstanceIs(t *testing.T) {
	t.Parallel()
	object := func(pairs ...any) map[string]any { return with(nil, pairs...) }
	for _, c := range []struct {
		name    string
		rules   api.PlatformRules
		context any
		want    string // a tenant, or a refusal
	}{
		{"cloudfoundry", api.PlatformRules{}, object("platform", "cloudfoundry", "organization_guid", "o"), "o"},
		{"kubernetes", api.PlatformRules{}, object("platform", "kubernetes", "namespace", "n", "clusterid", "c"), "n"},
		{"any other: organization_guid of the request", api.PlatformRules{}, object("platform", "market"), "guid"},
		{"no context", api.PlatformRules{}, nil, "guid"},
		{"fixed", api.PlatformRules{Tenant: "fixed"}, object("organization_guid", "o"), "fixed"},
		{"prefix", api.PlatformRules{TenantPrefix: "cf-"}, object("organization_guid", "o"), "cf-o"},
		{"generic key", api.PlatformRules{TenantKey: "project_id"}, object("platform", "market", "project_id", "p"), "p"},
		{"space instead of organization", api.PlatformRules{TenantKey: "space_guid"}, object("platform", "cloudfoundry", "organization_guid", "o", "space_guid", "s"), "s"},
		{"mapped", api.PlatformRules{TenantMap: map[string]string{"o": "project-7"}}, object("organization_guid", "o"), "project-7"},
		{"not mapped", api.PlatformRules{TenantMap: map[string]string{"o": "project-7"}}, object("organization_guid", "x"), `the organization_guid "x" is no tenant's here`},
		{"key missing", api.PlatformRules{TenantKey: "project_id"}, object("platform", "market"), "context.project_id is needed"},
		{"key no string", api.PlatformRules{TenantKey: "project_id"}, object("project_id", 7), "context.project_id must be a string"},
		{"context no object", api.PlatformRules{}, []string{"o"}, "context must be a JSON object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.send("PUT", one+incomplete, with(w.order(), "organization_guid", "guid", "context", c.context, "parameters", nil), w.as("p", c.rules))
			if r.status != 202 {
				require.Equal(t, 400, r.status, r.text)
				require.Contains(t, r.body["description"], c.want)
				return
			}
			i, err := w.admin.Instance(t.Context(), "one")
			require.NoError(t, err)
			require.Equal(t, c.want, i.Tenant)
		})
	}
}

func TestAPlatformSeesOnlyWhatIsShownToIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	small := w.as("small", api.PlatformRules{Services: []string{w.service.Name + "/small"}})
	none := w.as("none", api.PlatformRules{Services: []string{"something-else"}})
	plans := func(who func(*http.Request)) (names []string) {
		var c api.Catalog
		require.NoError(t, json.Unmarshal([]byte(w.send("GET", "/v2/catalog", nil, who).text), &c))
		for _, s := range c.Services {
			for _, p := range s.Plans {
				names = append(names, p.Name)
			}
		}
		return names
	}
	require.Equal(t, []string{"small"}, plans(small))
	require.Empty(t, plans(none))
	require.Len(t, plans(func(*http.Request) {}), len(w.service.Plans), "others see everything")

	order := with(w.order(), "plan_id", w.plan("large"))
	r := w.send("PUT", one+incomplete, order, small)
	require.Equal(t, 400, r.status, r.text)
	require.Equal(t, 202, w.send("PUT", one+incomplete, w.order(), small).status)
	w.ended(one, small)

	// What was shown once and is shown no longer can still be removed.
	_, err := w.admin.SetPlatformRules(t.Context(), "small", api.PlatformRules{Services: []string{"something-else"}})
	require.NoError(t, err)
	require.Empty(t, plans(small))
	require.Equal(t, 202, w.send("DELETE", one+w.removal(), nil, small).status)
}

func TestAQuotaIsRefusedForGoodAndInWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	who := w.as("p", api.PlatformRules{Quota: api.Quota{Instances: 2}, TenantQuota: api.Quota{Instances: 1}})
	order := func(tenant string) map[string]any {
		return with(w.order(), "organization_guid", tenant, "context", nil, "parameters", nil)
	}
	require.Equal(t, 202, w.send("PUT", "/v2/service_instances/a"+incomplete, order("t1"), who).status)
	r := w.send("PUT", "/v2/service_instances/b"+incomplete, order("t1"), who)
	require.Equal(t, 400, r.status, "CF takes 422 and 5xx for a reason to delete, and 400 for final: %s", r.text)
	require.Contains(t, r.body["description"], `the quota of tenant "t1" on platform "p" is 1 instances`)
	require.Equal(t, 202, w.send("PUT", "/v2/service_instances/b"+incomplete, order("t2"), who).status)
	r = w.send("PUT", "/v2/service_instances/c"+incomplete, order("t3"), who)
	require.Contains(t, r.body["description"], `the quota of platform "p" is 2 instances: 2 are used and this needs 1`)
	require.Equal(t, 410, w.send("DELETE", "/v2/service_instances/c"+w.removal(), nil, who).status, "nothing was made")
}

func TestDialects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	who := w.as("p", api.PlatformRules{Dialect: api.Dialect{MissingVersionStatus: 400, GoneAfterDelete: true, UnbindFirst: true, WithoutSchemas: true}})

	noVersion := func(r *http.Request) { r.Header.Del(api.HeaderVersion) }
	require.Equal(t, 400, w.send("GET", "/v2/catalog", nil, who, noVersion).status)
	require.Equal(t, 412, w.send("GET", "/v2/catalog", nil, noVersion).status)

	require.NotContains(t, w.send("GET", "/v2/catalog", nil, who).text, `"schemas"`)
	require.Contains(t, w.get("/v2/catalog").text, `"schemas"`)

	require.Equal(t, 202, w.send("PUT", one+incomplete, w.order(), who).status)
	require.Equal(t, 200, w.ended(one, who).status)
	bind := map[string]any{"service_id": w.service.ID, "plan_id": w.plan("small")}
	require.Equal(t, 201, w.send("PUT", one+"/service_bindings/b", bind, who).status)
	r := w.send("DELETE", one+w.removal(), nil, who)
	require.Equal(t, 400, r.status)
	require.Contains(t, r.body["description"], "has 1 bindings; remove them first")
	require.Equal(t, 200, w.send("DELETE", one+"/service_bindings/b"+w.removal(), nil, who).status)
	require.Equal(t, 202, w.send("DELETE", one+w.removal(), nil, who).status)
	require.Equal(t, 410, w.ended(one, who).status)
}

func TestTheAuditTrailSaysOnWhoseBehalf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	user := base64.StdEncoding.EncodeToString([]byte(`{"user_id":"683ea748"}`))
	r := w.send("PUT", one+incomplete, w.order(), func(r *http.Request) {
		r.Header.Set(api.HeaderOriginatingIdentity, "cloudfoundry "+user)
		r.Header.Set(api.HeaderRequestIdentity, "e26cee84-6b38-4456-b34e-d1a9f002c956")
	})
	require.Equal(t, 202, r.status, r.text)
	require.Equal(t, "e26cee84-6b38-4456-b34e-d1a9f002c956", r.header.Get(api.HeaderRequestIdentity))
	events, err := w.admin.Events(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, platformName, events[0].By)
	require.Equal(t, "cloudfoundry/683ea748", events[0].For)
	require.Equal(t, "e26cee84-6b38-4456-b34e-d1a9f002c956", events[0].Request)
	require.Contains(t, w.log.String(), "on_behalf_of=cloudfoundry/683ea748")
}

func TestRulesThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range []api.PlatformRules{
		{Tenant: "bad\nname"}, {TenantMap: map[string]string{"o": ""}}, {Services: []string{""}},
		{Quota: api.Quota{Instances: -1}}, {TenantQuota: api.Quota{MemoryBytes: -1}},
		{Dialect: api.Dialect{MissingVersionStatus: 500}},
		{Tenant: "t", TenantKey: "k"}, {TenantPrefix: "p", TenantMap: map[string]string{"o": "t"}},
	} {
		require.ErrorIs(t, second(w.admin.AddPlatform(t.Context(), api.NewPlatform{Name: "p", PlatformRules: r})), fault.Invalid, "%+v", r)
		require.ErrorIs(t, second(w.admin.SetPlatformRules(t.Context(), platformName, r)), fault.Invalid, "%+v", r)
	}
	require.ErrorIs(t, second(w.admin.SetPlatformRules(t.Context(), "nobody", api.PlatformRules{})), fault.NotFound)
	require.ErrorIs(t, second(w.admin.Platform(t.Context(), "nobody")), fault.NotFound)

	// A typing error in a rule must not leave a platform unrestricted.
	req, err := http.NewRequest("PUT", w.server.URL+"/v1/platforms/"+platformName+"/rules", bytes.NewReader([]byte(`{"servises":["x"]}`)))
	require.NoError(t, err)
	req.SetBasicAuth(adminName, password)
	require.Equal(t, 400, w.do(req).status)
}
