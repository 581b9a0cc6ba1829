package osbcheck

import "reflect"

const (
	fetchingBinding = "Fetching a Service Binding"
	pollingBinding  = "Polling Last Operation for Service Bindings"
)

// bindingRows are GET …/service_bindings/:binding_id and its last_operation.
func bindingRows() []Row {
	return []Row{
		{"GB1", "a binding is 200 with the credentials that were handed out", fetchingBinding, 14, Must, needs(bindingsRetrievable), fetchBinding},
		{"GB2", "a binding that is unknown, in progress or removed is 404", fetchingBinding, 14, Must, needs(bindingsRetrievable), fetchBindingNotYet},
		{"GB3", "a binding can be fetched, with credentials, as soon as last_operation says that it succeeded", fetchingBinding, 14, Must, needs(bindingsRetrievable, asynchronousBinding), fetchBindingAtOnce},
		{"GB4", "what a binding does not have is absent, not null", fetchingBinding, 14, Field, needs(bindingsRetrievable), fetchBindingAbsent},
		{"LB1", "a binding's operation is 200 with a state of the standard", pollingBinding, 14, Must, needs(asynchronousBinding), bindingStates},
		{"LB2", "an unknown binding's operation is 404", pollingBinding, 14, Must, needs(asynchronousBinding), bindingUnknown},
		{"LB3", "a finished removal of a binding is 200 succeeded, or 410", pollingBinding, 14, Must, needs(asynchronousBinding), bindingRemoved},
		{"LB5", "a malformed query is 400", pollingBinding, 14, Must, needs(asynchronousBinding), bindingQuery},
		{"LB6", "asked again, a binding's finished operation is the same", pollingBinding, 14, Should, needs(asynchronousBinding), bindingAgain},
		{"LB7", "without an operation a binding's latest is meant", pollingBinding, 14, Must, needs(asynchronousBinding), bindingLatest},
		{"LB9", "a binding's operation has neither instance_usable nor update_repeatable, and no empty description", pollingBinding, 16, Must, needs(asynchronousBinding), bindingFields},
	}
}

func fetchBinding(t *trial) {
	b, first := t.finished()
	r := b.get()
	t.want(r, 200)
	if first.Status != 202 {
		t.that(reflect.DeepEqual(first.body["credentials"], r.body["credentials"]), r, "the credentials that were handed out")
	}
	t.absentOr(r, "the binding", r.body, "parameters", "an object", isObject)
}

func fetchBindingNotYet(t *trial) {
	b := t.common().binding()
	t.expect(b.get(), 404)
	first := b.put(async)
	if first.Status == 202 {
		t.expect(b.whileRunning(first.text("operation"), b.get), 404)
		b.settle(first)
	}
	b.settle(b.delete(async))
	t.expect(b.get(), 404)
}

func fetchBindingAtOnce(t *trial) {
	b, _ := t.finished()
	r := b.get()
	t.want(r, 200)
	t.that(isObject(r.body["credentials"]), r, "credentials: there was no other way to have them")
}

func fetchBindingAbsent(t *trial) {
	b, _ := t.finished()
	r := b.get()
	t.want(r, 200)
	for key, v := range r.body {
		t.that(v != nil, r, "%s to be absent, not null: Cloud Foundry refuses that", key)
	}
}

// begun is a binding that was accepted.
func (t *trial) begun() (*binding, reply) {
	b := t.common().binding()
	r := b.put(async)
	if r.Status != 202 {
		t.block("%s", failure("binding was answered", r))
	}
	return b, r
}

func bindingStates(t *trial) {
	b, first := t.begun()
	r := b.poll(first.text("operation"))
	t.want(r, 200)
	t.state(r, "in progress", "succeeded")
	end := b.wait(first.text("operation"))
	t.want(end, 200)
	t.state(end, "succeeded")
}

func bindingUnknown(t *trial) { t.expect(t.common().binding().poll(""), 404) }

func bindingRemoved(t *trial) {
	b, first := t.begun()
	b.settle(first)
	r := b.delete(async)
	if r.Status != 202 {
		t.skip("unbinding is synchronous")
	}
	end := b.wait(r.text("operation"))
	t.that(end.Status == 410 || end.Status == 200 && end.text("state") == "succeeded", end, "200 succeeded, or 410")
}

func bindingQuery(t *trial) {
	b, first := t.begun()
	t.expect(t.send(request{method: "GET", path: b.path() + "/last_operation", raw: "operation=%zz"}), 400)
	b.settle(first)
}

func bindingAgain(t *trial) {
	b, first := t.begun()
	end := b.wait(first.text("operation"))
	for range 3 {
		r := b.poll(first.text("operation"))
		t.that(r.Status == end.Status && r.text("state") == end.text("state"), r, "%s, as before", end.body["state"])
	}
}

func bindingLatest(t *trial) {
	b, first := t.begun()
	r := t.send(request{method: "GET", path: b.path() + "/last_operation"})
	t.want(r, 200)
	t.state(r, "in progress", "succeeded")
	b.settle(first)
}

func bindingFields(t *trial) {
	b, first := t.begun()
	for _, r := range []reply{b.poll(first.text("operation")), b.wait(first.text("operation"))} {
		for _, key := range []string{"instance_usable", "update_repeatable"} {
			_, there := r.body[key]
			t.that(!there, r, "no %s", key)
		}
		t.absentOr(r, "the answer", r.body, "description", "a text that is not empty", func(v any) bool { return isText(v) && v != "" })
	}
}
