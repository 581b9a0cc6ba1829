package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
)

func newPlatform(name string) api.NewPlatform { return api.NewPlatform{Name: name} }

func TestG1FetchedInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	r := w.get(one)
	require.Equal(t, 200, r.status)
	require.Equal(t, map[string]any{
		"service_id": string(w.service.ID), "plan_id": w.plan("small"),
		"parameters":       map[string]any{"networks": []any{"lan"}, "firewall.mtu": 1400.0, "failure": "closed"},
		"maintenance_info": map[string]any{"version": "1.2.0"},
	}, r.body, "typed as sent, with the failure policy that it got, passwords left out, nothing null")
}

func TestG2UnknownOrStillProvisioning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, 404, w.get(one).status)
	w.put(one+incomplete, w.order())
	require.Equal(t, 404, w.get(one).status)
}

func TestG6HintsThatDoNotMatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	require.Equal(t, 400, w.get(one+"?service_id=other").status)
	require.Equal(t, 400, w.get(one+"?plan_id=other").status)
	require.Equal(t, 200, w.get(one+"?service_id="+string(w.service.ID)+"&plan_id="+w.plan("small")).status)
}

func TestD2D3D4DeprovisionOnceAndForAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	first := w.delete(one + w.removal())
	require.Equal(t, 202, first.status, first.text)
	again := w.delete(one + w.removal())
	if again.status == 202 { // it may be done by now
		require.Equal(t, first.body["operation"], again.body["operation"], "D3")
	}
	w.settled(one, "succeeded")
	for range 2 {
		r := w.delete(one + w.removal())
		require.Equal(t, 410, r.status, "D4")
		require.NotNil(t, r.body, "an object, whatever is in it")
	}
	require.Equal(t, 404, w.get(one).status)
	require.Equal(t, 410, w.delete("/v2/service_instances/never"+w.removal()).status)
	require.Empty(t, w.cloud.Violations())
}

func TestD3RepeatedWhileDeleting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(one+incomplete, w.order())
	first, again := w.delete(one+w.removal()), w.delete(one+w.removal())
	require.Equal(t, 202, again.status)
	require.Equal(t, first.body["operation"], again.body["operation"])
}

func TestD5D6D7RefusedDeprovision(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	s, p := string(w.service.ID), w.plan("small")
	for query, want := range map[string]int{
		"":                      400,
		"?service_id=" + s:      400,
		"?plan_id=" + p:         400,
		"?service_id=&plan_id=": 400,
		"?service_id=other&plan_id=" + p + "&accepts_incomplete=true": 400,
		"?service_id=" + s + "&plan_id=other&accepts_incomplete=true": 400,
		"?service_id=" + s + "&plan_id=" + p:                          422,
		"?service_id=%zz":                                             400,
	} {
		r := w.delete(one + query)
		require.Equal(t, want, r.status, "%s: %s", query, r.text)
		require.NotEmpty(t, r.body["description"])
	}
	require.Equal(t, 200, w.get(one).status, "it is still there")
}

func TestD8D12DeprovisionWhileProvisioning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.put(one+incomplete, w.order())
	r := w.delete(one + w.removal())
	require.Equal(t, 202, r.status, "Cloud Foundry and Korifi clean up this way: %s", r.text)
	require.NotEqual(t, created.body["operation"], r.body["operation"])
	w.run()
	w.settled(one, "succeeded")
	require.Equal(t, 410, w.delete(one+w.removal()).status)
	f, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.Empty(t, f.Appliances, "nothing is left")
}

func TestL1L6L7LastOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	accepted := w.put(one+incomplete, w.order())
	r := w.get(one + "/last_operation")
	require.Equal(t, 200, r.status)
	require.Equal(t, "in progress", r.body["state"])
	require.NotEmpty(t, r.body["description"], "L9")
	require.Equal(t, "1", r.header.Get("Retry-After"), "R-RETRY")
	w.run()
	w.settled(one, "succeeded")
	for _, query := range []string{"", "?operation=" + accepted.body["operation"].(string), "?operation=made-up", "?service_id=x&plan_id=y"} {
		r := w.get(one + "/last_operation" + query)
		require.Equal(t, 200, r.status, query)
		require.Equal(t, "succeeded", r.body["state"], "L6: it is not forgotten")
		require.Empty(t, r.header.Get("Retry-After"))
		require.NotContains(t, r.body, "instance_usable")
	}
}

func TestL5StrictPolling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *broker.Config) { c.StrictOperation = true })
	accepted := w.put(one+incomplete, w.order())
	for query, want := range map[string]int{"": 200, "?operation=": 200, "?operation=" + accepted.body["operation"].(string): 200, "?operation=made-up": 400} {
		r := w.get(one + "/last_operation" + query)
		require.Equal(t, want, r.status, "%q: %s", query, r.text)
	}
}

func TestL2L3L5LastOperationOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, 404, w.get(one+"/last_operation").status, "L2")
	require.Equal(t, 400, w.get(one+"/last_operation?operation=%zz").status, "L5")
	w.provisioned("one")
	w.delete(one + w.removal())
	w.settled(one, "succeeded") // L3: 200 succeeded, not 410
}

func TestL8FailedProvisionIsDeletable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cloud.Inject(bootNeverWorks())
	w.run()
	require.Equal(t, 202, w.put(one+incomplete, w.order()).status)
	w.settled(one, "failed")
	require.Equal(t, 404, w.get(one).status, "G7")
	require.Equal(t, 409, w.put(one+incomplete, w.order()).status, "P7")
	require.Equal(t, 202, w.delete(one+w.removal()).status)
	w.settled(one, "succeeded")
	require.Equal(t, 410, w.delete(one+w.removal()).status)
}
