package osbcheck

import (
	"context"
	"net/http"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
)

const mitigation = "Orphan Mitigation"

// orphanRows are what lets a platform clean up, and what happens when several
// requests for the same thing meet.
func orphanRows() []Row {
	return []Row{
		{"O1", "what was refused with 4xx was not created", mitigation, 13, Must, needs(offered), refusedLeavesNothing},
		{"O2", "unbinding after a bind whose answer was lost succeeds, and can be repeated", mitigation, 13, Must, needs(bindable), unbindLost},
		{"O3", "422 for a provision or a bind has one of the standard's words: Cloud Foundry cleans up after others", mitigation, 13, Field, needs(offered), codedRefusals},
		{"O4", "cleaning up needs no originating identity", mitigation, 13, Must, needs(offered), mitigateUnidentified},
		{"O5", "last_operation never forgets what a platform still cleans up after", mitigation, 13, Must, needs(asynchronous), mitigateTwice},
		{"X1", "identical removals at the same moment remove once and name one operation", "Blocking Operations", 14, Must, needs(offered), removeAtOnce},
		{"X2", "a request and the removal of the same instance at the same moment leave something that can be removed", "Blocking Operations", 14, Must, needs(offered), makeAndRemoveAtOnce},
		{"X3", "identical unbindings at the same moment unbind once", "Blocking Operations", 14, Must, needs(bindable), unbindAtOnce},
	}
}

// lost sends a request whose answer nobody waits for.
func (t *trial) lost(r request) {
	if t.ctx.Err() != nil {
		t.block("the run was interrupted")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.ctx)) // as in send
	silent := *t.c.http
	silent.Transport = hangingUp{cancel, silent.Transport}
	broken := &check{o: t.c.o, http: &silent, identity: t.c.identity}
	_, _ = broken.send(ctx, r) // the error is what is wanted
	cancel()
}

// hangingUp gives a request up as soon as its headers were answered, before the
// answer can be read.
type hangingUp struct {
	cancel context.CancelFunc
	next   http.RoundTripper
}

func (h hangingUp) RoundTrip(r *http.Request) (*http.Response, error) {
	next := h.next
	if next == nil {
		next = http.DefaultTransport
	}
	res, err := next.RoundTrip(r)
	h.cancel()
	return res, err
}

func refusedLeavesNothing(t *trial) {
	i := t.fresh()
	for _, body := range []any{"{", with(i.order, "service_id", nil), with(i.order, "plan_id", "no-such-plan"), with(i.order, "organization_guid", "")} {
		r := i.put(async, body)
		t.that(r.Status/100 == 4, r, "a refusal")
	}
	t.expect(i.delete(async), 410)
	t.expect(i.poll(""), 404)
}

func unbindLost(t *trial) {
	b := t.common().binding()
	t.lost(request{method: "PUT", path: b.path(), query: async.in(nil), body: b.order})
	for range 2 {
		r := b.delete(async)
		t.want(r, 200, 202, 410)
		b.settle(r)
	}
	t.expect(b.delete(async), 410)
}

var words = []string{api.AsyncRequired, api.ConcurrencyError, api.RequiresApp, api.MaintenanceInfoConflict}

func codedRefusals(t *trial) {
	i := t.fresh()
	b := i.binding()
	for _, r := range []reply{
		i.put(async, with(i.order, "plan_id", "no-such-plan")), i.put(async, with(i.order, "parameters", object{"osb-check": object{}})), b.put(async),
		b.put(async, with(b.order, "service_id", "no-such-service")), i.put(async, "{"), i.put(now),
	} {
		t.that(r.Status != 422 || slices.Contains(words, r.text("error")), r, "one of %v with 422, or another status", words)
	}
}

func mitigateUnidentified(t *trial) {
	i := t.provisioned()
	r := t.send(request{method: "DELETE", path: i.path(), query: async.in(i.hints()), header: http.Header{http.CanonicalHeaderKey(api.HeaderOriginatingIdentity): {""}}})
	t.want(r, 200, 202)
	i.settle(r)
}

func mitigateTwice(t *trial) {
	i := t.provisioned()
	r := i.delete(async)
	t.want(r, 200, 202)
	i.settle(r)
	again := i.poll(r.text("operation"))
	t.that(again.Status == 410 || again.Status == 404 || again.Status == 200 && again.text("state") == "succeeded", again, "200 succeeded, 404 or 410")
	t.expect(i.delete(async), 410)
}

func removeAtOnce(t *trial) {
	i := t.provisioned()
	operations := map[string]bool{}
	for _, r := range t.atOnce(8, func(int) reply { return i.delete(async) }) {
		if t.expect(r, 200, 202, 410) && r.Status == 202 {
			operations[r.text("operation")] = true
		}
	}
	t.that(len(operations) <= 1, reply{}, "one operation for all, not %d", len(operations))
	for operation := range operations {
		i.wait(operation)
	}
	t.expect(i.delete(async), 410)
}

func makeAndRemoveAtOnce(t *trial) {
	i := t.fresh()
	for _, r := range t.atOnce(2, func(n int) reply {
		if n == 0 {
			return i.put(async)
		}
		return i.delete(async)
	}) {
		t.expect(r, 200, 201, 202, 409, 410, 422)
	}
	r := i.delete(async)
	t.want(r, 200, 202, 410)
	i.settle(r)
	t.expect(i.delete(async), 410)
}

func unbindAtOnce(t *trial) {
	b, _ := t.finished()
	operations, removed := map[string]bool{}, 0
	for _, r := range t.atOnce(8, func(int) reply { return b.delete(async) }) {
		if !t.expect(r, 200, 202, 410) {
			continue
		}
		switch r.Status {
		case 200:
			removed++
		case 202:
			operations[r.text("operation")] = true
		}
	}
	t.that(removed+len(operations) == 1, reply{}, "one removal, not %d", removed+len(operations))
	for operation := range operations {
		b.wait(operation)
	}
	t.expect(b.delete(async), 410)
}
