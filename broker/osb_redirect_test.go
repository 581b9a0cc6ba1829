package broker_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
)

// redirectable publishes the firewall as one that can be redirected to.
func (w *world) redirectable() {
	w.t.Helper()
	var err error
	w.service, err = w.catalog.Publish(w.t.Context(), w.service.ID, &catalog.Insertion{
		Modes: []string{"in-path", "redirect"}, HA: []string{"none", "cluster:2"}})
	require.NoError(w.t, err)
}

func TestRedirectIsAskedForByParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := w.get("/v2/catalog").text
	for _, key := range []string{`"mode"`, `"match"`, `"members"`} {
		require.NotContains(t, plain, key+`:{`, "no parameter of a service that only stands in path")
	}
	w.redirectable()
	require.Contains(t, w.get("/v2/catalog").text, `"match":{`)

	asked := map[string]any{"mode": "redirect", "networks": []any{"lan"},
		"match": map[string]any{"direction": "outbound", "protocols": []any{"tcp"}, "ports": []any{json.Number("443"), "8000-8010"}, "remote": []any{"203.0.113.0/24"}}}
	order := w.order()
	order["parameters"] = asked
	require.Equal(t, 202, w.put(one+incomplete, order).status)
	w.run()
	w.settled(one, "succeeded")
	require.Equal(t, 200, w.put(one+incomplete, order).status, "the same again")
	got, err := json.Marshal(w.get(one).body["parameters"])
	require.NoError(t, err)
	asked["members"], asked["failure"] = 2, "closed"
	want, err := json.Marshal(asked)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got), "as it was sent, with the members and the failure policy that it got")

	second := w.order()
	second["parameters"] = map[string]any{"mode": "redirect", "networks": []any{"lan"}, "match": map[string]any{"ports": []any{443}}}
	r := w.put("/v2/service_instances/two"+incomplete, second)
	require.Equal(t, 400, r.status)
	require.Contains(t, r.body["description"], "some flows are both")
	require.Equal(t, 404, w.get("/v2/service_instances/two").status)

	i, err := w.admin.Instance(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, "redirect", i.Mode)
	require.Equal(t, "outbound tcp port 443, 8000-8010 with 203.0.113.0/24", i.Match)
	require.Len(t, i.Members, 2)
	require.Equal(t, i.Management, i.Members[0].Management)

	bind := map[string]any{"service_id": w.service.ID, "plan_id": w.plan("small"), "parameters": map[string]any{"match": map[string]any{}}}
	r = w.put(one+"/service_bindings/b"+incomplete, bind)
	require.Equal(t, 400, r.status)
	require.Contains(t, r.body["description"], "match is about a network")
}
