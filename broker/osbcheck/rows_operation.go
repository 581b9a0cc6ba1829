package osbcheck

import "fmt"

const polling = "Polling Last Operation for Service Instances"

// operationRows are GET /v2/service_instances/:instance_id/last_operation.
func operationRows() []Row {
	return []Row{
		{"L1", "an operation is 200 with a state of the standard", polling, 13, Must, needs(asynchronous), operationStates},
		{"L2", "an unknown instance is 404", polling, 13, Must, needs(offered), operationUnknown},
		{"L3", "a finished removal is 200 succeeded; 410 makes checkers fail", polling, 13, Field, needs(asynchronous), operationRemoved},
		{"L4", "410 is never answered while an instance is made", polling, 13, Must, needs(asynchronous), operationNeverGone},
		{"L5", "a malformed query is 400; an operation that nobody knows is no failure", polling, 13, Must, needs(asynchronous), operationQuery},
		{"L6", "asked again, a finished operation is the same", polling, 14, Should, needs(asynchronous), operationAgain},
		{"L7", "without an operation the latest is meant", polling, 13, Must, needs(asynchronous), operationLatest},
		{"L8", "an instance that failed to provision can be removed", polling, 13, Must, needs(asynchronous, provoked(ProvisionFails)), operationFailed},
		{"L9", "description, where there is one, is a text that is not empty", polling, 13, Must, needs(asynchronous), operationDescription},
		{"L10", "an instance that was made in the request is no fault of the broker's", polling, 13, Field, needs(synchronous), operationNever},
	}
}

func operationStates(t *trial) {
	i, first := t.running()
	r := i.poll(first.text("operation"))
	t.want(r, 200)
	t.state(r, "in progress", "succeeded")
	end := i.wait(first.text("operation"))
	t.want(end, 200)
	t.state(end, "succeeded")
}

func (t *trial) state(r reply, states ...string) {
	for _, s := range states {
		if r.text("state") == s {
			return
		}
	}
	t.that(false, r, "a state of %q, not %v", states, r.body["state"])
}

func operationUnknown(t *trial) { t.expect(t.fresh().poll(""), 404) }

func operationRemoved(t *trial) {
	i := t.provisioned()
	r := i.delete(async)
	if r.Status != 202 {
		t.skip("deprovisioning is synchronous")
	}
	end := i.wait(r.text("operation"))
	if end.Status == 410 {
		t.miss(Field, end, "200 succeeded: checkers do not take 410")
		return
	}
	if end.Status != 200 || end.text("state") != "succeeded" {
		t.miss(Must, end, "200 succeeded, or 410")
	}
}

func operationNeverGone(t *trial) {
	i, first := t.running()
	end := i.wait(first.text("operation"))
	t.that(end.Status != 410, end, "any status but 410")
}

func operationQuery(t *trial) {
	i := t.common()
	t.expect(t.send(request{method: "GET", path: i.path() + "/last_operation", raw: "operation=%zz"}), 400)
	for _, made := range []string{"provision", "update", "osb-check-made-up"} {
		r := i.poll(made)
		t.that(r.Status == 200 || r.Status == 400, r, "status 200 or 400")
		if r.Status == 400 {
			t.miss(Field, r, "the latest operation: a published checker makes operations up")
		}
	}
	r := t.send(request{method: "GET", path: i.path() + "/last_operation", raw: "service_id=another&plan_id=another"})
	t.expect(r, 200, 400)
}

func operationAgain(t *trial) {
	i, first := t.running()
	end := i.wait(first.text("operation"))
	for range 3 {
		r := i.poll(first.text("operation"))
		t.that(r.Status == end.Status && r.text("state") == end.text("state"), r, "%s, as before", end.body["state"])
	}
}

func operationLatest(t *trial) {
	i, _ := t.running()
	r := i.poll("")
	t.want(r, 200)
	t.state(r, "in progress", "succeeded")
	r = t.send(request{method: "GET", path: i.path() + "/last_operation"})
	t.want(r, 200)
	i.settle(reply{Exchange: Exchange{Request: "PUT " + i.path(), Status: 202}})
}

func operationFailed(t *trial) {
	i := t.failing()
	r := i.delete(async)
	t.want(r, 200, 202)
	i.settle(r)
	t.expect(i.delete(async), 410)
}

func operationDescription(t *trial) {
	i, first := t.running()
	for _, r := range []reply{i.poll(first.text("operation")), i.wait(first.text("operation"))} {
		t.absentOr(r, "the answer", r.body, "description", "a text that is not empty", func(v any) bool { return isText(v) && v != "" })
		for _, key := range []string{"instance_usable", "update_repeatable"} {
			_, there := r.body[key]
			t.better(!there || r.text("state") == "failed", r, "no %s: nothing failed", key)
		}
	}
}

func operationNever(t *trial) {
	i := t.fresh()
	if r := i.put(now); r.Status/100 != 2 {
		t.block("%s", failure("provisioning was answered", r))
	}
	r := i.poll("")
	t.that(r.Status < 500, r, "no fault of the broker's")
	t.that(r.Status != 200 || r.text("state") == "succeeded", r, "succeeded, not %s", fmt.Sprint(r.body["state"]))
}
