package osbcheck

import "github.com/bumpwire/bumpwire/broker/api"

const deprovisioning = "Deprovisioning"

// deprovisionRows are DELETE /v2/service_instances/:instance_id.
func deprovisionRows() []Row {
	return []Row{
		{"D1", "a removal done within the request is 200", deprovisioning, 13, Must, needs(synchronous), removeNow},
		{"D2", "a removal that is accepted is 202 and ends as succeeded", deprovisioning, 13, Must, needs(asynchronous), removeLater},
		{"D3", "the same removal while it runs is 202 with the same operation", deprovisioning, 13, Must, needs(asynchronous), removeAgain},
		{"D4", "an instance that is unknown or gone is 410 with an object", deprovisioning, 13, Must, needs(offered), removeGone},
		{"D5", "service_id or plan_id missing or empty is 400", deprovisioning, 13, Must, needs(offered), removeWithoutIDs},
		{"D6", "service_id or plan_id that are not the instance's are 400", deprovisioning, 13, May, needs(offered), removeWrongIDs},
		{"D7", "a removal that is asynchronous only is 422 AsyncRequired without accepts_incomplete=true", deprovisioning, 13, Must, needs(onlyAsynchronous), removeNeedsAsync},
		{"D8", "a removal while the instance is provisioned stops that and removes it: platforms clean up so", deprovisioning, 14, Must, needs(asynchronous), removeUnfinished},
		{"D9", "a removal while an update runs is accepted, or 422 ConcurrencyError", deprovisioning, 14, Must, needs(asynchronousUpdate), removeUpdated},
		{"D10", "a removal of an instance with bindings takes them along or is refused", deprovisioning, 13, Must, needs(bindable), removeBound},
		{"D11", "a removal that fails says so, and can be asked for again", deprovisioning, 13, Must, needs(provoked(DeprovisionFails)), removeFails},
		{"D12", "cleaning up after a request whose answer was lost succeeds, and can be repeated", "Orphan Mitigation", 13, Must, needs(offered), removeLost},
	}
}

func removeNow(t *trial) {
	i := t.provisioned()
	r := i.delete(now)
	if r.Status == 422 && r.text("error") == api.AsyncRequired {
		t.skip("deprovisioning is asynchronous only")
	}
	t.want(r, 200)
	t.that(r.body != nil, r, "a JSON object as the body")
	t.expect(i.delete(async), 410)
}

func removeLater(t *trial) {
	i := t.provisioned()
	r := i.delete(async)
	t.want(r, 202)
	t.operation(r)
	i.settle(r)
	t.expect(i.delete(async), 410)
}

func removeAgain(t *trial) {
	i := t.provisioned()
	first := i.delete(async)
	if first.Status != 202 {
		t.skip("deprovisioning is synchronous")
	}
	again := i.whileRunning(first.text("operation"), func() reply { return i.delete(async) })
	t.want(again, 202)
	t.that(again.text("operation") == first.text("operation"), again, "the operation of the first answer, %q", first.text("operation"))
}

func removeGone(t *trial) {
	i := t.fresh()
	never := i.delete(async)
	t.expect(never, 410)
	t.that(never.body != nil, never, "a JSON object as the body")
	i = t.provisioned()
	i.settle(i.delete(async))
	r := i.delete(async)
	t.expect(r, 410)
	t.that(r.body != nil, r, "a JSON object as the body")
}

func removeWithoutIDs(t *trial) {
	i := t.provisioned()
	for _, key := range []string{"service_id", "plan_id"} {
		t.refused(t.send(request{method: "DELETE", path: i.path(), query: async.in(i.removal(key))}), 400)
		q := i.removal(key)
		q.Set(key, "")
		t.refused(t.send(request{method: "DELETE", path: i.path(), query: async.in(q)}), 400)
	}
}

func removeWrongIDs(t *trial) {
	i := t.provisioned()
	for _, key := range []string{"service_id", "plan_id"} {
		q := i.hints()
		q.Set(key, "another")
		t.expect(t.send(request{method: "DELETE", path: i.path(), query: async.in(q)}), 400)
	}
}

func removeNeedsAsync(t *trial) {
	i := t.provisioned()
	r := i.delete(now)
	if r.Status == 200 {
		t.skip("deprovisioning can be synchronous")
	}
	t.coded(r, api.AsyncRequired)
}

func removeUnfinished(t *trial) {
	i, first := t.running()
	r := i.whileRunning(first.text("operation"), func() reply { return i.delete(async) })
	if r.Status == 422 {
		t.coded(r, api.ConcurrencyError)
		t.miss(Field, r, "the removal accepted: Cloud Foundry cleans up so, and Korifi takes 422 for final")
		return
	}
	t.want(r, 200, 202)
	i.settle(r)
	t.expect(i.delete(async), 410)
}

func removeUpdated(t *trial) {
	i := t.provisioned()
	first := i.change202()
	r := i.whileRunning(first.text("operation"), func() reply { return i.delete(async) })
	if r.Status == 422 {
		t.coded(r, api.ConcurrencyError)
		i.settle(first)
		t.updated(i)
		return
	}
	t.want(r, 200, 202)
	i.settle(r)
}

func removeBound(t *trial) {
	i := t.provisioned()
	b := i.binding()
	first := b.put(async)
	t.want(first, 201, 202)
	b.settle(first)
	r := i.delete(async)
	if !t.expect(r, 200, 202, 400, 409, 422) || r.Status >= 400 {
		return
	}
	i.settle(r)
	t.expect(b.delete(async), 410)
}

func removeFails(t *trial) {
	i := t.fresh()
	i.order["parameters"] = t.c.o.Provoke[DeprovisionFails]
	if err := i.make(); err != nil {
		t.block("no instance can be had: %s", err)
	}
	r := i.delete(async)
	if r.Status == 202 {
		r = i.wait(r.text("operation"))
		t.that(r.Status == 200 && r.text("state") == "failed", r, "last_operation to say failed")
	} else {
		t.that(r.Status >= 400, r, "an error")
	}
	t.absentOr(r, "the answer", r.body, "instance_usable", "true or false", isBool)
	t.expect(i.delete(async), 200, 202)
}

func removeLost(t *trial) {
	i := t.fresh()
	t.lost(request{method: "PUT", path: i.path(), query: async.in(nil), body: i.order})
	for range 2 {
		r := i.delete(async)
		t.want(r, 200, 202, 410)
		i.settle(r)
	}
	t.expect(i.delete(async), 410)
}
