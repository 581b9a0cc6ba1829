package osbcheck

import "github.com/bumpwire/bumpwire/broker/api"

const unbinding = "Unbinding"

// unbindRows are DELETE …/service_bindings/:binding_id.
func unbindRows() []Row {
	return []Row{
		{"UB1", "an unbinding done within the request is 200", unbinding, 13, Must, needs(synchronousBinding), unbindNow},
		{"UB2", "an unbinding that is accepted is 202 and ends as succeeded", unbinding, 14, Must, needs(asynchronousBinding), unbindLater},
		{"UB3", "the same unbinding while it runs is 202 with the same operation", unbinding, 14, Must, needs(asynchronousBinding), unbindAgain},
		{"UB4", "a binding that is unknown or gone is 410", unbinding, 13, Must, needs(bindable), unbindGone},
		{"UB5", "service_id or plan_id missing or empty is 400", unbinding, 13, Must, needs(bindable), unbindWithoutIDs},
		{"UB6", "service_id or plan_id that are not the instance's are 400", unbinding, 13, May, needs(bindable), unbindWrongIDs},
		{"UB7", "an unbinding that is asynchronous only is 422 AsyncRequired without accepts_incomplete=true", unbinding, 14, Must, needs(onlyAsynchronousBinding), unbindNeedsAsync},
		{"UB8", "an unbinding while the binding is made stops that and removes it, or is 422 ConcurrencyError", unbinding, 14, Must, needs(asynchronousBinding), unbindUnfinished},
	}
}

func unbindNow(t *trial) {
	b, _ := t.finished()
	r := b.delete(now)
	if r.Status == 422 && r.text("error") == api.AsyncRequired {
		t.skip("unbinding is asynchronous only")
	}
	t.want(r, 200)
	t.that(r.body != nil, r, "a JSON object as the body")
	t.expect(b.delete(async), 410)
}

func unbindLater(t *trial) {
	b, _ := t.finished()
	r := b.delete(async)
	if r.Status == 200 {
		t.skip("unbinding is synchronous")
	}
	t.want(r, 202)
	t.operation(r)
	b.settle(r)
	t.expect(b.delete(async), 410)
}

func unbindAgain(t *trial) {
	b, _ := t.finished()
	first := b.delete(async)
	if first.Status == 200 {
		t.skip("unbinding is synchronous")
	}
	again := b.whileRunning(first.text("operation"), func() reply { return b.delete(async) })
	t.want(again, 202)
	t.that(again.text("operation") == first.text("operation"), again, "the operation of the first answer, %q", first.text("operation"))
	b.settle(first)
}

func unbindGone(t *trial) {
	t.expect(t.common().binding().delete(async), 410)
	t.expect(t.fresh().binding().delete(async), 410)
	b, _ := t.finished()
	b.settle(b.delete(async))
	r := b.delete(async)
	t.expect(r, 410)
	t.that(r.body != nil, r, "a JSON object as the body")
}

func unbindWithoutIDs(t *trial) {
	b, _ := t.finished()
	for _, key := range []string{"service_id", "plan_id"} {
		t.refused(t.send(request{method: "DELETE", path: b.path(), query: async.in(b.i.removal(key))}), 400)
		q := b.i.removal(key)
		q.Set(key, "")
		t.refused(t.send(request{method: "DELETE", path: b.path(), query: async.in(q)}), 400)
	}
}

func unbindWrongIDs(t *trial) {
	b, _ := t.finished()
	for _, key := range []string{"service_id", "plan_id"} {
		q := b.i.hints()
		q.Set(key, "another")
		t.expect(t.send(request{method: "DELETE", path: b.path(), query: async.in(q)}), 400)
	}
}

func unbindNeedsAsync(t *trial) {
	b, _ := t.finished()
	r := b.delete(now)
	if r.Status == 200 {
		t.skip("unbinding can be synchronous")
	}
	t.coded(r, api.AsyncRequired)
}

func unbindUnfinished(t *trial) {
	b, first := t.begun()
	r := b.whileRunning(first.text("operation"), func() reply { return b.delete(async) })
	if r.Status == 422 {
		t.coded(r, api.ConcurrencyError)
		b.settle(first)
		return
	}
	t.want(r, 200, 202)
	b.settle(r)
	t.expect(b.delete(async), 410)
}
