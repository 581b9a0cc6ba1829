package osbcheck

import "github.com/bumpwire/bumpwire/broker/api"

const fetching = "Fetching a Service Instance"

// fetchRows are GET /v2/service_instances/:instance_id.
func fetchRows() []Row {
	return []Row{
		{"G1", "an instance is 200 with service_id and plan_id", fetching, 14, Must, needs(retrievable), fetchThere},
		{"G2", "an instance that is unknown or still provisioned is 404", fetching, 14, Must, needs(retrievable), fetchNotYet},
		{"G3", "an instance that is updated is 200 or 422 ConcurrencyError", fetching, 14, Must, needs(retrievable, asynchronousUpdate), fetchUpdated},
		{"G4", "an instance can be fetched as soon as last_operation says that it succeeded", fetching, 14, Must, needs(retrievable), fetchAtOnce},
		{"G5", "an instance that is removed is 404 at the end", fetching, 14, Must, needs(retrievable), fetchRemoved},
		{"G6", "service_id or plan_id that are not the instance's are 400", fetching, 16, Field, needs(retrievable), fetchHints},
		{"G7", "an instance that failed to provision is 404", fetching, 14, Field, needs(retrievable, asynchronous, provoked(ProvisionFails)), fetchFailed},
	}
}

func fetchThere(t *trial) {
	i := t.common()
	r := i.get()
	t.want(r, 200)
	t.that(r.body["service_id"] == i.order["service_id"], r, "service_id %v", i.order["service_id"])
	t.that(r.body["plan_id"] == i.order["plan_id"], r, "plan_id %v", i.order["plan_id"])
	t.absentOr(r, "the instance", r.body, "parameters", "an object", isObject)
	t.absentOr(r, "the instance", r.body, "dashboard_url", "a text, or absent: Cloud Foundry refuses null", isText)
	t.absentOr(r, "the instance", r.body, "maintenance_info", "an object", isObject)
	t.dashboard(r)
	t.expect(i.get("service_id", i.hints().Get("service_id"), "plan_id", i.hints().Get("plan_id")), 200)
}

func fetchNotYet(t *trial) {
	i := t.fresh()
	t.expect(i.get(), 404)
	if first := i.put(async); first.Status == 202 {
		t.expect(i.whileRunning(first.text("operation"), func() reply { return i.get() }), 404)
	}
}

func fetchUpdated(t *trial) {
	i := t.provisioned()
	first := i.change202()
	r := i.whileRunning(first.text("operation"), func() reply { return i.get() })
	t.that(r.Status == 200 || r.Status == 422 && r.text("error") == api.ConcurrencyError, r, "200 or 422 ConcurrencyError")
	i.settle(first)
	t.updated(i)
}

// change202 begins an update that goes on.
func (i *instance) change202() reply {
	body, why := i.change()
	if why != "" {
		i.t.skip("%s", why)
	}
	r := i.patch(async, body)
	if r.Status != 202 {
		i.t.block("%s", failure("updating was answered", r))
	}
	return r
}

func fetchAtOnce(t *trial) { t.expect(t.provisioned().get(), 200) }

func fetchRemoved(t *trial) {
	i := t.provisioned()
	r := i.delete(async)
	if r.Status == 202 {
		t.expect(i.get(), 200, 404)
		i.settle(r)
	}
	t.expect(i.get(), 404)
}

func fetchHints(t *trial) {
	i := t.common()
	t.expect(i.get("service_id", "another"), 400)
	t.expect(i.get("plan_id", "another"), 400)
}

func fetchFailed(t *trial) { t.expect(t.failing().get(), 404) }
