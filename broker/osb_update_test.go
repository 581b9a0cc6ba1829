package broker_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestU2U12NoEffectAndContextOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	for name, body := range map[string]map[string]any{
		"service only":  {"service_id": w.service.ID},
		"same plan":     {"service_id": w.service.ID, "plan_id": w.plan("small"), "parameters": map[string]any{}},
		"same version":  {"service_id": w.service.ID, "maintenance_info": map[string]any{"version": "1.2.0"}},
		"nulls":         {"service_id": w.service.ID, "parameters": nil, "context": nil, "maintenance_info": nil},
		"context":       {"service_id": w.service.ID, "context": map[string]any{"platform": "cloudfoundry", "instance_name": "new"}},
		"what was":      {"service_id": w.service.ID, "previous_values": map[string]any{"plan_id": w.plan("large")}},
		"R-EXT unknown": {"service_id": w.service.ID, "colour": "red"},
	} {
		r := w.patch(one, body)
		require.Equal(t, 200, r.status, "%s: %s", name, r.text)
		require.Empty(t, r.body)
	}
	i, err := w.admin.Instance(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, "new", i.Name, "U12")
	require.Equal(t, w.plan("small"), w.get(one).body["plan_id"])
}

func TestU5U6U9U10U11RefusedUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.service.ID
	require.Equal(t, 404, w.patch(one, map[string]any{"service_id": id}).status, "U11")
	w.put(one+incomplete, w.order())
	busy := w.patch(one+incomplete, map[string]any{"service_id": id})
	require.Equal(t, 422, busy.status, "U5")
	require.Equal(t, "ConcurrencyError", busy.body["error"])
	w.run()
	w.settled(one, "succeeded")

	for name, row := range map[string]struct {
		path   string
		body   any
		status int
		word   any
	}{
		"U6 synchronous":      {one, map[string]any{"service_id": id, "plan_id": w.plan("large")}, 422, "AsyncRequired"},
		"U6 accepts=TRUE":     {one + "?accepts_incomplete=TRUE", map[string]any{"service_id": id, "plan_id": w.plan("large")}, 422, "AsyncRequired"},
		"U9 maintenance":      {one + incomplete, map[string]any{"service_id": id, "maintenance_info": map[string]any{"version": "1.0.0"}}, 422, "MaintenanceInfoConflict"},
		"U9 with a plan":      {one + incomplete, map[string]any{"service_id": id, "plan_id": w.plan("large"), "maintenance_info": map[string]any{"version": "1.0.0"}}, 422, "MaintenanceInfoConflict"},
		"U10 malformed":       {one + incomplete, `{`, 400, nil},
		"U10 no service":      {one + incomplete, map[string]any{}, 400, nil},
		"U10 another service": {one + incomplete, map[string]any{"service_id": "other"}, 400, nil},
		"U10 unknown plan":    {one + incomplete, map[string]any{"service_id": id, "plan_id": "other"}, 400, nil},
		"U10 not an object":   {one + incomplete, map[string]any{"service_id": id, "parameters": "text"}, 400, nil},
		"U10 context":         {one + incomplete, map[string]any{"service_id": id, "context": "text"}, 400, nil},
		"U10 update schema":   {one + incomplete, map[string]any{"service_id": id, "parameters": map[string]any{"firewall.mtu": "many"}}, 400, nil},
	} {
		r := w.patch(row.path, row.body)
		require.Equal(t, row.status, r.status, "%s: %s", name, r.text)
		require.Equal(t, row.word, r.body["error"], name)
		require.NotEmpty(t, r.body["description"], name)
	}
	require.Equal(t, w.plan("small"), w.get(one).body["plan_id"], "U15: nothing applied")
}

func TestU3U4G3UpdateInProgress(t *testing.T) {
	t.Parallel()
	w := newWorldIn(t, memory(t), sim.New(sim.Options{BootAwaits: 30}))
	w.provisioned("one")
	grow := map[string]any{"service_id": w.service.ID, "plan_id": w.plan("large"), "maintenance_info": map[string]any{"version": "1.2.0"}}
	first := w.patch(one+incomplete, grow)
	require.Equal(t, 202, first.status, first.text)
	require.NotEmpty(t, first.body["operation"], "U3")
	again := w.patch(one+incomplete, grow)
	require.Equal(t, 202, again.status, "U4")
	require.Equal(t, first.body["operation"], again.body["operation"], "U4")
	other := w.patch(one+incomplete, map[string]any{"service_id": w.service.ID, "parameters": map[string]any{"firewall.mtu": 1300}})
	require.Equal(t, 422, other.status, "U5")
	require.Equal(t, "ConcurrencyError", other.body["error"], "U5")
	for _, plan := range []string{"small", "large"} {
		require.Equal(t, 200, w.get(one+"?plan_id="+w.plan(plan)).status, "G3: it can be told all the while, by either plan")
	}
	require.Equal(t, "in progress", w.get(one + "/last_operation?plan_id=" + w.plan("small")).body["state"])
	w.settled(one, "succeeded")
	require.Equal(t, w.plan("large"), w.get(one).body["plan_id"], "G4")
	require.Equal(t, 200, w.patch(one+incomplete, grow).status, "U4 when it is done")
	require.Empty(t, w.cloud.Violations())
}

func TestU7U8RefusalsSayWhetherToTryAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	grow := map[string]any{"service_id": w.service.ID, "plan_id": w.plan("large")}
	_, err := w.admin.SetPlatformRules(t.Context(), platformName, api.PlatformRules{Quota: api.Quota{VCPUs: 1}})
	require.NoError(t, err)
	r := w.patch(one+incomplete, grow)
	require.Equal(t, 422, r.status, "U8: %s", r.text)
	require.Equal(t, true, r.body["update_repeatable"], "U8")
	require.Equal(t, true, r.body["instance_usable"], "U8")
	require.Contains(t, r.body["description"], "the quota of")

	_, err = w.admin.SetPlatformRules(t.Context(), platformName, api.PlatformRules{})
	require.NoError(t, err)
	_, err = w.admin.Retire(t.Context(), string(w.service.ID))
	require.NoError(t, err)
	r = w.patch(one+incomplete, grow)
	require.Equal(t, 422, r.status, "U7: %s", r.text)
	require.Equal(t, false, r.body["update_repeatable"], "U7")
	r = w.patch(one+incomplete, map[string]any{"service_id": w.service.ID, "parameters": map[string]any{"firewall.mtu": 1300}})
	require.Equal(t, 202, r.status, "R-CAT-EOL: %s", r.text)
	w.settled(one, "succeeded")
	require.Equal(t, 1300.0, w.get(one).body["parameters"].(map[string]any)["firewall.mtu"])
}

func TestU15AFailedUpdateSaysThatTheInstanceIsUsable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	w.cloud.Inject(sim.Fault{Verb: topology.Boot, Err: fault.New(fault.Full, "no host has room for it")})
	require.Equal(t, 202, w.patch(one+incomplete, map[string]any{"service_id": w.service.ID, "plan_id": w.plan("large")}).status)
	w.settled(one, "failed")
	r := w.get(one + "/last_operation")
	require.Equal(t, true, r.body["instance_usable"])
	require.Equal(t, true, r.body["update_repeatable"])
	require.Contains(t, r.body["description"], "no host has room")
	require.Equal(t, w.plan("small"), w.get(one).body["plan_id"])
}

func TestD9RemovalOvertakesAnUpdate(t *testing.T) {
	t.Parallel()
	w := newWorldIn(t, memory(t), sim.New(sim.Options{BootAwaits: 30}))
	w.provisioned("one")
	require.Equal(t, 202, w.patch(one+incomplete, map[string]any{"service_id": w.service.ID, "plan_id": w.plan("large")}).status)
	gone := w.delete(one + w.removal())
	require.Equal(t, 202, gone.status, gone.text)
	r := w.patch(one+incomplete, map[string]any{"service_id": w.service.ID})
	require.Contains(t, []int{422, 404}, r.status, "U5 while deprovisioning, U11 when it is gone")
	w.settled(one, "succeeded")
	require.Equal(t, 410, w.delete(one+w.removal()).status)
	require.Empty(t, w.cloud.Violations())
}

func TestUpdateThroughTheManagementAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	u := api.InstanceUpdate{Plan: "large", Parameters: json.RawMessage(`{"networks":["lan","dmz"]}`), Name: "edge"}
	p, err := w.admin.Preview(t.Context(), api.PreviewRequest{Update: &api.UpdateTrial{Instance: "one", InstanceUpdate: u}})
	require.NoError(t, err)
	require.Contains(t, p.Text, "boot edge~1")
	accepted, err := w.admin.UpdateInstance(t.Context(), "one", u)
	require.NoError(t, err)
	require.NotEmpty(t, accepted.Change)
	w.settled(one, "succeeded")
	i, err := w.admin.Instance(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, "large", i.PlanName)
	require.Equal(t, "edge", i.Name)
	require.Equal(t, []string{"dmz", "lan"}, i.Networks)
	again, err := w.admin.UpdateInstance(t.Context(), "one", u)
	require.NoError(t, err)
	require.Empty(t, again.Change)

	_, err = w.admin.UpdateInstance(t.Context(), "one", api.InstanceUpdate{Plan: "huge"})
	require.ErrorIs(t, err, fault.Invalid)
	_, err = w.admin.UpdateInstance(t.Context(), "two", u)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = w.admin.Retire(t.Context(), string(w.service.ID))
	require.NoError(t, err)
	_, err = w.admin.UpdateInstance(t.Context(), "one", api.InstanceUpdate{Plan: "small"})
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "its instances keep their plan and version")
	_, err = w.admin.Preview(t.Context(), api.PreviewRequest{Update: &api.UpdateTrial{Instance: "one"}, Delete: &api.Removal{Instance: "one"}})
	require.ErrorIs(t, err, fault.Invalid)
}

func TestASuspendedInstanceIsNotUpdatedAndNotBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	made, err := w.admin.SuspendInstance(t.Context(), "one", api.Suspension{Reason: "unpaid"})
	require.NoError(t, err)
	require.NotEmpty(t, made.Change)
	upkept := func() {
		require.NoError(t, api.Wait(t.Context(), func(ctx context.Context) (api.Operation, error) {
			i, err := w.admin.Instance(ctx, "one")
			return i.Upkeep, err
		}, 1, nil))
	}
	upkept()
	plan := map[string]any{"service_id": w.service.ID, "plan_id": w.plan("large")}
	r := w.patch(one+incomplete, plan)
	require.Equal(t, 422, r.status, r.text)
	require.Contains(t, r.body["description"], "is suspended")
	require.Equal(t, true, r.body["instance_usable"])
	require.Equal(t, true, r.body["update_repeatable"])
	require.Equal(t, 200, w.patch(one+incomplete, map[string]any{"service_id": w.service.ID, "context": map[string]any{"platform": "cloudfoundry", "instance_name": "new"}}).status)
	r = w.put(one+"/service_bindings/b"+incomplete, map[string]any{"service_id": w.service.ID, "plan_id": w.plan("small")})
	require.Equal(t, 400, r.status, r.text)
	require.Contains(t, r.body["description"], "is suspended")
	require.ErrorIs(t, second(w.admin.SuspendInstance(t.Context(), "one", api.Suspension{Reason: strings.Repeat("x", 501)})), fault.Invalid)

	require.NoError(t, second(w.admin.ResumeInstance(t.Context(), "one", api.Suspension{})))
	upkept()
	require.Equal(t, 202, w.patch(one+incomplete, plan).status)
	w.settled(one, "succeeded")
}
