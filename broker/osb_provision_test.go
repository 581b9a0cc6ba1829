package broker_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The names of these tests are the rows of the OSB fact sheet: R headers, P
// provision, G fetch, U update, D deprovision, L last operation, B bind.

const one = "/v2/service_instances/one"

func TestP2NewAsync(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.put(one+incomplete, w.order())
	require.Equal(t, 202, r.status, r.text)
	require.NotEmpty(t, r.body["operation"])
	require.NotContains(t, r.body, "dashboard_url", "P18: omitted when there is none")
}

func TestP3AsyncOnlyNeedsAcceptsIncomplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{"", "?accepts_incomplete=false", "?accepts_incomplete=TRUE", "?accepts_incomplete=1"} {
		r := w.put(one+query, w.order())
		require.Equal(t, 422, r.status, r.text)
		require.Equal(t, "AsyncRequired", r.body["error"])
		require.Equal(t, "This service plan requires client support for asynchronous service operations.", r.body["description"])
	}
	require.Equal(t, 410, w.delete(one+w.removal()).status, "nothing was created")
}

func TestP4SameAgainWhenProvisioned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	for _, query := range []string{incomplete, ""} {
		r := w.put(one+query, w.order())
		require.Equal(t, 200, r.status, r.text)
		require.NotContains(t, r.body, "operation")
	}
}

func TestP5SameAgainWhileProvisioning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.put(one+incomplete, w.order())
	again := w.put(one+incomplete, with(w.order(), "context", map[string]any{
		"platform": "cloudfoundry", "organization_guid": tenant, "organization_name": "renamed", "instance_name": "renamed",
	}))
	require.Equal(t, 202, again.status, "names in the context may change: %s", again.text)
	require.Equal(t, first.body["operation"], again.body["operation"])
}

func TestP6OtherAttributesConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, 202, w.put(one+incomplete, w.order()).status)
	for name, other := range map[string]map[string]any{
		"plan":         with(w.order(), "plan_id", w.plan("large")),
		"parameters":   with(w.order(), "parameters", map[string]any{"networks": []string{"dmz"}}),
		"organization": with(w.order(), "organization_guid", "org-2", "context", nil),
		"space":        with(w.order(), "space_guid", "space-2"),
	} {
		r := w.put(one+incomplete, other)
		require.Equal(t, 409, r.status, "%s: %s", name, r.text)
		require.NotContains(t, r.body, "instance_usable", "R-ERR-4: only of a failed update or deprovision")
	}
}

func TestP8SameAgainWithoutAcceptsIncomplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(one+incomplete, w.order())
	r := w.put(one, w.order())
	require.Equal(t, 422, r.status)
	require.Equal(t, "AsyncRequired", r.body["error"])
}

func TestP9MalformedBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bodies := map[string]any{
		"malformed": `{"service_id": `, "array": `[]`, "string": `"x"`, "null": `null`, "empty": ``, "two": `{}{}`,
		"number for text": with(w.order(), "service_id", 5), "context no object": with(w.order(), "context", "text"),
		"parameters no object": with(w.order(), "parameters", []int{1}),
	}
	for _, key := range []string{"service_id", "plan_id", "organization_guid", "space_guid"} {
		bodies["without "+key] = with(w.order(), key, nil)
		bodies["empty "+key] = with(w.order(), key, "")
	}
	for name, body := range bodies {
		r := w.put(one+incomplete, body)
		require.Equal(t, 400, r.status, "%s: %s", name, r.text)
		require.NotEmpty(t, r.body["description"], name)
	}
	require.Equal(t, 410, w.delete(one+w.removal()).status, "nothing was created")
}

func TestP10UnknownServiceOrPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, body := range []map[string]any{
		with(w.order(), "service_id", "no-such-service"), with(w.order(), "plan_id", "no-such-plan"),
	} {
		r := w.put(one+incomplete, body)
		require.Equal(t, 400, r.status, r.text)
		require.Contains(t, r.body["description"], "no-such")
	}
}

func TestP11ParametersAgainstTheSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, parameters := range map[string]map[string]any{
		"firewall.mtu":             {"networks": []string{"lan"}, "firewall.mtu": "big"},
		"firewall.colour":          {"networks": []string{"lan"}, "firewall.colour": "red"},
		"management.password":      {"networks": []string{"lan"}, "management.password": "short"},
		"no-such-network":          {"networks": []string{"no-such-network"}},
		"firewall.block-tcp-ports": {"networks": []string{"lan"}, "firewall.block-tcp-ports": strings.Repeat("1,", 1000)},
	} {
		r := w.put(one+incomplete, with(w.order(), "parameters", parameters))
		require.Equal(t, 400, r.status, r.text)
		require.Contains(t, r.body["description"], name)
		require.NotContains(t, r.text, "short", "a value may be a secret")
	}
}

func TestP12MaintenanceInfoConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.put(one+incomplete, with(w.order(), "maintenance_info", map[string]any{"version": "9.9.9", "more": 1}))
	require.Equal(t, 422, r.status)
	require.Equal(t, "MaintenanceInfoConflict", r.body["error"])
	require.Equal(t, 410, w.delete(one+w.removal()).status)
}

func TestP13BeingDeprovisioned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(one+incomplete, w.order())
	require.Equal(t, 202, w.delete(one+w.removal()).status)
	r := w.put(one+incomplete, w.order())
	require.Equal(t, 422, r.status, r.text)
	require.Equal(t, "ConcurrencyError", r.body["error"])
	require.Equal(t, "The Service Broker does not support concurrent requests that mutate the same resource.", r.body["description"])
}

func TestP14IdOfADeletedInstanceMayBeUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	require.Equal(t, 202, w.delete(one+w.removal()).status)
	w.settled(one, "succeeded")
	w.provisioned("one")
}

func TestP16IdenticalRequestsAtOnceCreateOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var mu sync.Mutex
	operations := map[any]bool{}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			r := w.put(one+incomplete, w.order())
			mu.Lock()
			defer mu.Unlock()
			if r.status == 202 {
				operations[r.body["operation"]] = true
			} else if r.status != 422 {
				t.Errorf("status %d: %s", r.status, r.text)
			}
		})
	}
	all.Wait()
	require.Len(t, operations, 1)
}

func TestP19UnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.put(one+incomplete+"&more=1", with(w.order(), "extra", map[string]any{"a": 1}))
	require.Equal(t, 202, r.status, r.text)
}

func TestRURLIdsMayHoldAnything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	for _, id := range []string{"a%2Fb", "a%20b", "%C3%BC%E2%82%AC", "..", "%2e", "a%252Fb", "a+b", "a%3Fb%23c"} {
		path := "/v2/service_instances/" + id
		r := w.put(path+incomplete, with(w.order(), "parameters", nil))
		require.Equal(t, 202, r.status, "%s: %s", id, r.text)
		w.settled(path, "succeeded")
		require.Equal(t, 200, w.get(path).status, id)
	}
	for _, id := range []string{"%ff", "a%00b", strings.Repeat("x", 10_000)} {
		r := w.put("/v2/service_instances/"+id+incomplete, w.order())
		require.Equal(t, 400, r.status, "%.20s: %s", id, r.text)
	}
}

func TestRVERVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for given, want := range map[string]int{"": 412, "1.0": 412, "3.0": 412, "2": 412, "two": 412, "2.13": 200, "2.17": 200, "2.99": 200} {
		r := w.send("GET", "/v2/catalog", nil, func(r *http.Request) {
			r.Header.Del("X-Broker-API-Version")
			if given != "" {
				r.Header.Set("X-Broker-API-Version", given)
			}
		})
		require.Equal(t, want, r.status, "version %q", given)
		if want == 412 {
			require.Contains(t, r.body["description"], "2.17")
		}
	}
}

func TestRAUTHOnEveryRoute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/v2/catalog", one, one + "/last_operation", one + "/service_bindings/b", one + "/service_bindings/b/last_operation"} {
		for name, change := range map[string]func(*http.Request){
			"none":           func(r *http.Request) { r.Header.Del("Authorization") },
			"wrong user":     func(r *http.Request) { r.SetBasicAuth("nobody", password) },
			"wrong password": func(r *http.Request) { r.SetBasicAuth(platformName, "wrong") },
			"a user":         func(r *http.Request) { r.SetBasicAuth(adminName, password) },
			"before version": func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Del("X-Broker-API-Version") },
		} {
			r := w.send("GET", path, nil, change)
			require.Equal(t, 401, r.status, "%s with %s", path, name)
			require.Contains(t, r.header.Get("WWW-Authenticate"), "Basic")
			require.NotEmpty(t, r.body["description"])
		}
	}
}

func TestRRIDIsEchoed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/v2/catalog", one, "/v2/no-such-route"} {
		r := w.send("GET", path, nil, func(r *http.Request) { r.Header.Set("X-Broker-API-Request-Identity", "id-42") })
		require.Equal(t, "id-42", r.header.Get("X-Broker-API-Request-Identity"), path)
	}
}

func TestROIDIsAuditedAndNeverRequired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, value := range []string{"cloudfoundry eyJ1c2VyX2lkIjoiYWxpY2UifQ==", "garbage", "cloudfoundry !!!", ""} {
		r := w.send("PUT", one+incomplete, w.order(), func(r *http.Request) { r.Header.Set("X-Broker-API-Originating-Identity", value) })
		require.Equal(t, 202, r.status, "%q: %s", value, r.text)
	}
	require.Contains(t, w.log.String(), "on_behalf_of=cloudfoundry/alice")
}

func TestRCTContentType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for media, want := range map[string]int{"": 202, "application/json": 202, "application/json; charset=utf-8": 202, "text/plain": 400, "application/xml": 400, "///": 400} {
		r := w.send("PUT", one+incomplete, w.order(), func(r *http.Request) {
			if media != "" {
				r.Header.Set("Content-Type", media)
			}
		})
		require.Equal(t, want, r.status, "%q: %s", media, r.text)
	}
}

func TestBodiesEndAtOneMebibyte(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.put(one+incomplete, with(w.order(), "parameters", map[string]any{"x": strings.Repeat("y", 1<<20)}))
	require.Equal(t, 413, r.status)
	require.Contains(t, r.body["description"], "1048576")
}

func TestOnePlatformDoesNotSeeAnothersInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	other, err := w.admin.AddPlatform(t.Context(), newPlatform("other"))
	require.NoError(t, err)
	as := func(r *http.Request) { r.SetBasicAuth("other", other.Password) }
	require.Equal(t, 404, w.send("GET", one, nil, as).status)
	require.Equal(t, 404, w.send("GET", one+"/last_operation", nil, as).status)
	require.Equal(t, 410, w.send("DELETE", one+w.removal(), nil, as).status)
	require.Equal(t, 409, w.send("PUT", one+incomplete, w.order(), as).status, "the id is taken all the same")
	require.Equal(t, 200, w.get(one).status)
}
