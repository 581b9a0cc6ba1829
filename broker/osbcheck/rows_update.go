package osbcheck

import (
	"reflect"

	"github.com/bumpwire/bumpwire/broker/api"
)

const updating = "Updating a Service Instance"

// updateRows are PATCH /v2/service_instances/:instance_id.
func updateRows() []Row {
	return []Row{
		{"U1", "an update done within the request is 200", updating, 13, Must, needs(synchronousUpdate), updateNow},
		{"U2", "an update without effect is 200", updating, 13, Must, needs(offered), updateNothing},
		{"U3", "an update that is accepted is 202 and ends as succeeded", updating, 13, Must, needs(asynchronousUpdate), updateLater},
		{"U4", "the same update while it runs is 202 with the same operation", updating, 14, Must, needs(asynchronousUpdate), updateAgain},
		{"U5", "another update while one runs, or the instance is made or removed, is 422 ConcurrencyError", "Blocking Operations", 14, Must, needs(asynchronous), updateBusy},
		{"U6", "an update that is asynchronous only is 422 AsyncRequired without accepts_incomplete=true", updating, 13, Must, needs(onlyAsynchronousUpdate), updateNeedsAsync},
		{"U7", "a plan change that is not supported is 422 with update_repeatable false", updating, 13, Must, needs(planFixed), updatePlanFixed},
		{"U8", "an update that the present state forbids is 422 with update_repeatable true", updating, 16, Must, needs(provoked(UpdateRefused)), updateForbidden},
		{"U9", "another maintenance_info.version than the catalog's is 422 MaintenanceInfoConflict", updating, 15, Must, needs(maintained), updateMaintenanceConflict},
		{"U10", "a malformed body, no service, another service, an unknown plan, forbidden parameters are 400", updating, 13, Must, needs(offered), updateMalformed},
		{"U11", "an update of an unknown instance is 404", updating, 13, Field, needs(offered), updateUnknown},
		{"U12", "an update of the context alone is 200 and changes neither plan nor parameters", updating, 15, Must, needs(contextUpdates), updateContext},
		{"U13", "an update of the maintenance alone is accepted", updating, 15, Must, needs(maintained), updateMaintenance},
		{"U14", "dashboard_url in an answer is a URL, or absent", updating, 14, Must, needs(updateable), updateDashboard},
		{"U15", "a failed update changes nothing", updating, 13, Must, needs(retrievable, provoked(UpdateFails)), updateFails},
	}
}

func (i *instance) update(t *trial, a accept) reply {
	body, why := i.change()
	if why != "" {
		t.skip("%s", why)
	}
	return i.patch(a, body)
}

func updateNow(t *trial) {
	i := t.provisioned()
	r := i.update(t, now)
	t.want(r, 200)
	t.that(r.body != nil, r, "a JSON object as the body")
	t.updated(i)
}

// updated expects the plan to be the one asked for, which a removal names from now on.
func (t *trial) updated(i *instance) {
	body, _ := i.change()
	if body["plan_id"] == nil {
		return
	}
	i.order["plan_id"] = body["plan_id"]
	if v, _ := t.offer().service["instances_retrievable"].(bool); v {
		r := i.get()
		t.that(r.body["plan_id"] == body["plan_id"], r, "plan_id %v", body["plan_id"])
	}
}

func updateNothing(t *trial) {
	i := t.provisioned()
	r := i.patch(async, object{"service_id": i.order["service_id"]})
	t.want(r, 200, 202)
	t.that(r.body != nil, r, "a JSON object as the body")
	i.settle(r)
}

func updateLater(t *trial) {
	i := t.provisioned()
	r := i.update(t, async)
	t.want(r, 202)
	t.that(r.body != nil, r, "a JSON object as the body")
	t.operation(r)
	i.settle(r)
	t.updated(i)
}

func updateAgain(t *trial) {
	i := t.provisioned()
	first := i.change202()
	again := i.whileRunning(first.text("operation"), func() reply { return i.update(t, async) })
	t.want(again, 202)
	t.that(again.text("operation") == first.text("operation"), again, "the operation of the first answer, %q", first.text("operation"))
	i.settle(first)
	t.updated(i)
}

func updateBusy(t *trial) {
	i, first := t.running()
	patch := func() reply {
		return i.patch(async, object{"service_id": i.order["service_id"], "parameters": object{"osb-check": 1}})
	}
	r := i.whileRunning(first.text("operation"), patch)
	t.busy(r)
	i.settle(first)
	if removal := i.delete(async); removal.Status == 202 {
		t.busy(i.whileRunning(removal.text("operation"), patch))
	}
}

// busy expects ConcurrencyError; a request that is invalid anyhow may be refused
// for that.
func (t *trial) busy(r reply) {
	if r.Status != 400 {
		t.coded(r, api.ConcurrencyError)
	}
}

func updateNeedsAsync(t *trial) {
	i := t.provisioned()
	t.coded(i.update(t, now), api.AsyncRequired)
}

func updatePlanFixed(t *trial) {
	i := t.common()
	for _, p := range t.offer().plans {
		if p["id"] == i.order["plan_id"] {
			continue
		}
		r := i.patch(async, object{"service_id": i.order["service_id"], "plan_id": p["id"]})
		if t.refused(r, 422) {
			t.better(r.body["update_repeatable"] == false, r, `"update_repeatable": false`)
		}
	}
	if v, _ := t.offer().service["instances_retrievable"].(bool); v {
		r := i.get()
		t.that(r.body["plan_id"] == i.order["plan_id"], r, "the plan to be what it was")
	}
}

func updateForbidden(t *trial) {
	i := t.provisioned()
	r := i.patch(async, object{"service_id": i.order["service_id"], "parameters": t.c.o.Provoke[UpdateRefused]})
	if t.refused(r, 422) {
		v, there := r.body["update_repeatable"]
		t.that(!there || v == true, r, `"update_repeatable": true, or absent`)
	}
}

func updateMaintenanceConflict(t *trial) {
	i := t.provisioned()
	r := i.patch(async, object{"service_id": i.order["service_id"], "maintenance_info": object{"version": "0.0.0-osb-check"}})
	t.coded(r, api.MaintenanceInfoConflict)
}

func updateMalformed(t *trial) {
	i := t.provisioned()
	id := i.order["service_id"]
	for _, body := range malformed() {
		t.refused(i.patch(async, body), 400)
	}
	for _, body := range []object{
		{}, {"service_id": ""}, {"service_id": 5}, {"service_id": "no-such-service"},
		{"service_id": id, "plan_id": "no-such-plan"}, {"service_id": id, "parameters": "text"}, {"service_id": id, "context": "text"},
	} {
		t.refused(i.patch(async, body), 400)
	}
	if bad, err := t.offer().violation("service_instance", "update", nil); err == nil {
		t.refused(i.patch(async, object{"service_id": id, "parameters": bad}), 400)
	}
}

func updateUnknown(t *trial) {
	i := t.fresh()
	t.refused(i.patch(async, object{"service_id": i.order["service_id"]}), 404)
}

func updateContext(t *trial) {
	i := t.provisioned()
	before := i.seen()
	context := with(i.order["context"].(object), "instance_name", "renamed")
	r := i.patch(async, object{"service_id": i.order["service_id"], "context": context})
	t.want(r, 200, 202)
	i.settle(r)
	t.that(reflect.DeepEqual(before, i.seen()), r, "neither plan nor parameters to change")
}

// seen is what can be seen of an instance's plan and parameters.
func (i *instance) seen() object {
	if v, _ := i.t.offer().service["instances_retrievable"].(bool); !v {
		return nil
	}
	r := i.get()
	return object{"plan_id": r.body["plan_id"], "parameters": r.body["parameters"]}
}

func updateMaintenance(t *trial) {
	i := t.provisioned()
	r := i.patch(async, object{"service_id": i.order["service_id"], "maintenance_info": t.offer().plan["maintenance_info"]})
	t.want(r, 200, 202)
	i.settle(r)
}

func updateDashboard(t *trial) {
	i := t.provisioned()
	r := i.update(t, async)
	t.want(r, 200, 202)
	t.dashboard(r)
	i.settle(r)
	t.updated(i)
}

func updateFails(t *trial) {
	i := t.provisioned()
	before := i.seen()
	r := i.patch(async, object{"service_id": i.order["service_id"], "parameters": t.c.o.Provoke[UpdateFails]})
	if r.Status == 202 {
		r = i.wait(r.text("operation"))
		t.that(r.text("state") == "failed", r, "the operation to fail")
	} else {
		t.that(r.Status >= 400, r, "a refusal")
	}
	for _, key := range []string{"instance_usable", "update_repeatable"} {
		t.absentOr(r, "the answer", r.body, key, "true or false", isBool)
	}
	if r.body["instance_usable"] != false {
		t.that(reflect.DeepEqual(before, i.seen()), r, "neither plan nor parameters to change")
	}
}
