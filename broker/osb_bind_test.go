package broker_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const bound = one + "/service_bindings/b"

// bootNeverWorks makes every boot fail for good.
func bootNeverWorks() sim.Fault {
	return sim.Fault{Verb: topology.Boot, Times: -1, Err: fault.New(fault.Invalid, "no machine boots today")}
}

func (w *world) bindOrder() map[string]any {
	return map[string]any{"service_id": w.service.ID, "plan_id": w.plan("small"), "bind_resource": map[string]any{"app_guid": "app"}}
}

func TestB1B3BindAtOnceAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	first := w.put(bound, w.bindOrder())
	require.Equal(t, 201, first.status, first.text)
	credentials := first.body["credentials"].(map[string]any)
	require.Equal(t, "admin", credentials["username"])
	require.NotEmpty(t, credentials["password"])
	require.True(t, strings.HasPrefix(credentials["uri"].(string), "http://"))
	require.NotContains(t, credentials["uri"], credentials["password"])
	endpoint := first.body["endpoints"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"8080"}, endpoint["ports"], "ports are strings")

	again := w.put(bound+incomplete, w.bindOrder())
	require.Equal(t, 200, again.status, "Korifi reads credentials so")
	require.Equal(t, first.body["credentials"], again.body["credentials"])
	require.Equal(t, first.body["credentials"], w.get(bound).body["credentials"])
	require.NotContains(t, w.log.String(), credentials["password"], "credentials are never logged")
}

func TestEndpointsAreForPlatformsThatKnowThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	for version, want := range map[string]bool{"2.13": false, "2.14": false, "2.15": true, "2.17": true} {
		r := w.send("PUT", bound, w.bindOrder(), func(r *http.Request) { r.Header.Set("X-Broker-API-Version", version) })
		require.Equal(t, want, r.body["endpoints"] != nil, "version %s: %s", version, r.text)
	}
}

func TestB2B4BindThatStitches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	order := with(w.bindOrder(), "parameters", map[string]any{"network": "dmz"})
	require.Equal(t, "AsyncRequired", w.put(bound, order).body["error"], "B6")
	first := w.put(bound+incomplete, order)
	require.Equal(t, 202, first.status, first.text)
	require.NotContains(t, first.body, "credentials", "B2")
	if again := w.put(bound+incomplete, order); again.status == 202 {
		require.Equal(t, first.body["operation"], again.body["operation"], "B4")
	}
	w.settled(bound, "succeeded")
	fetched := w.get(bound)
	require.Equal(t, 200, fetched.status)
	require.NotEmpty(t, fetched.body["credentials"])
	require.Equal(t, map[string]any{"network": "dmz"}, fetched.body["parameters"])
	passed, reached, err := w.cloud.Trace(t.Context(), tenant, "dmz-host")
	require.NoError(t, err)
	require.True(t, reached)
	require.Len(t, passed, 1, "the dmz passes through the firewall")

	require.Equal(t, 202, w.delete(bound+w.removal()).status)
	w.settled(bound, "succeeded")
	require.Equal(t, 410, w.delete(bound+w.removal()).status)
	passed, reached, err = w.cloud.Trace(t.Context(), tenant, "dmz-host")
	require.NoError(t, err)
	require.True(t, reached)
	require.Empty(t, passed)
	require.Empty(t, w.cloud.Violations())
}

func TestB5OtherAttributesConflict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	require.Equal(t, 201, w.put(bound, w.bindOrder()).status)
	r := w.put(bound+incomplete, with(w.bindOrder(), "bind_resource", map[string]any{"app_guid": "other"}))
	require.Equal(t, 409, r.status, r.text)
	r = w.put(bound+incomplete, with(w.bindOrder(), "parameters", map[string]any{"network": "dmz"}))
	require.Equal(t, 409, r.status, r.text)
}

func TestB9B13RefusedBindings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	for name, body := range map[string]any{
		"malformed": `{`, "no service": with(w.bindOrder(), "service_id", nil), "empty plan": with(w.bindOrder(), "plan_id", ""),
		"other service": with(w.bindOrder(), "service_id", "other"), "other plan": with(w.bindOrder(), "plan_id", w.plan("large")),
		"schema":                with(w.bindOrder(), "parameters", map[string]any{"colour": "red"}),
		"no object":             with(w.bindOrder(), "parameters", "text"),
		"network of nobody":     with(w.bindOrder(), "parameters", map[string]any{"network": "no-such-network"}),
		"B13 rotation":          map[string]any{"predecessor_binding_id": "a"},
		"B13 rotation, in full": with(w.bindOrder(), "predecessor_binding_id", "a"),
	} {
		r := w.put(bound+incomplete, body)
		require.Equal(t, 400, r.status, "%s: %s", name, r.text)
		require.NotEmpty(t, r.body["description"], name)
	}
	require.Equal(t, 404, w.get(bound).status)
}

func TestB11B12BindToWhatIsNotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, 404, w.put(bound, w.bindOrder()).status, "B11")
	w.put(one+incomplete, w.order())
	r := w.put(bound, w.bindOrder())
	require.Equal(t, 422, r.status, "B12")
	require.Equal(t, "ConcurrencyError", r.body["error"])
}

func TestUnbindRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	require.Equal(t, 410, w.delete(bound+w.removal()).status, "unknown binding")
	require.Equal(t, 410, w.delete("/v2/service_instances/never/service_bindings/b"+w.removal()).status, "unknown instance")
	require.Equal(t, 201, w.put(bound, w.bindOrder()).status)
	require.Equal(t, 400, w.delete(bound).status)
	require.Equal(t, 400, w.delete(bound+"?service_id=other&plan_id="+w.plan("small")).status)
	require.Equal(t, 200, w.delete(bound+w.removal()).status, "done in the request")
	require.Equal(t, 410, w.delete(bound+w.removal()).status)
	require.Equal(t, 404, w.get(bound).status)
}

func TestD10DeprovisionTakesBindingsAlong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	require.Equal(t, 201, w.put(bound, w.bindOrder()).status)
	require.Equal(t, 202, w.delete(one+w.removal()).status)
	w.settled(one, "succeeded")
	require.Equal(t, 404, w.get(bound).status)
}

func TestB14B15Rotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rotatable()
	w.provisioned("one")
	require.Equal(t, "AsyncRequired", w.put(bound, w.bindOrder()).body["error"], "B6: the appliance must learn the login first")
	require.Equal(t, 202, w.put(bound+incomplete, w.bindOrder()).status)
	w.settled(bound, "succeeded")
	old := w.get(bound).body["credentials"].(map[string]any)

	const next = one + "/service_bindings/next"
	for name, body := range map[string]any{
		"unknown predecessor": map[string]any{"predecessor_binding_id": "nobody"},
		"of another service":  map[string]any{"predecessor_binding_id": "b", "service_id": "other"},
	} {
		require.Equal(t, 400, w.put(next+incomplete, body).status, "B13: %s", name)
	}
	rotation := map[string]any{"predecessor_binding_id": "b"}
	first := w.put(next+incomplete, rotation)
	require.Equal(t, 202, first.status, first.text)
	w.settled(next, "succeeded")
	again := w.put(next+incomplete, rotation)
	require.Equal(t, 200, again.status, "B15")
	fresh := again.body["credentials"].(map[string]any)
	require.NotEqual(t, old["password"], fresh["password"])
	require.Equal(t, old, w.get(bound).body["credentials"], "B14: the old one is valid alongside")
	require.Equal(t, 409, w.put(next+incomplete, map[string]any{"predecessor_binding_id": "other"}).status, "B15")
	require.NotContains(t, w.log.String(), fresh["password"])

	require.Equal(t, 202, w.delete(bound+w.removal()).status)
	w.settled(bound, "succeeded")
	require.Equal(t, 200, w.get(next).status)
}

func TestBindingsTellWhenTheyExpire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rotatable()
	w.provisioned("one")
	require.Equal(t, 202, w.put(bound+incomplete, w.bindOrder()).status)
	w.settled(bound, "succeeded")
	metadata := w.get(bound).body["metadata"].(map[string]any)
	for _, key := range []string{"expires_at", "renew_before"} {
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\dZ$`, metadata[key])
	}
	require.Less(t, metadata["renew_before"], metadata["expires_at"])
}

func TestTheCatalogSaysWhatCanBeRotated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NotContains(t, w.get("/v2/catalog").text, `"binding_rotatable":true`)
	w.rotatable()
	require.Contains(t, w.get("/v2/catalog").text, `"binding_rotatable":true`)
}
