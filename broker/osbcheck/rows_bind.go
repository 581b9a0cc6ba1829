package osbcheck

import (
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
)

const bindSection = "Binding"

// bindRows are PUT …/service_bindings/:binding_id.
func bindRows() []Row {
	return []Row{
		{"B1", "a new binding, made within the request, is 201", bindSection, 13, Must, needs(bindable), bindNow},
		{"B2", "a new binding that is accepted is 202, without credentials, and ends as succeeded", bindSection, 14, Must, needs(asynchronousBinding), bindLater},
		{"B3", "the same request for a binding that is there is 200 with the same credentials", bindSection, 13, Should, needs(bindable), bindAgain},
		{"B4", "the same request while binding is 202 with the same operation", bindSection, 14, Must, needs(asynchronousBinding), bindAgainMeanwhile},
		{"B5", "another request for the same binding is 409 and changes nothing", bindSection, 13, Must, needs(bindable), bindOther},
		{"B6", "a binding that is asynchronous only is 422 AsyncRequired without accepts_incomplete=true", bindSection, 14, Must, needs(onlyAsynchronousBinding), bindNeedsAsync},
		{"B7", "a binding that needs an application and gets none is 422 RequiresApp", bindSection, 13, Must, needs(bindable), bindNeedsApp},
		{"B8", "identical requests at the same moment create once", "Blocking Operations", 14, Must, needs(bindable), bindAtOnce},
		{"B9", "a malformed body, a mandatory field missing, empty or of another type, other ids than the instance's, forbidden parameters are 400", bindSection, 13, Must, needs(bindable), bindMalformed},
		{"B10", "a binding of a plan that is not bindable is refused", bindSection, 13, Must, needs(notBindable), bindUnbindable},
		{"B11", "a binding of an unknown instance is 404", bindSection, 13, Field, needs(bindable), bindUnknown},
		{"B12", "a binding of an instance that is being made is 422 ConcurrencyError", bindSection, 14, Must, needs(bindable, asynchronous), bindBusy},
		{"B16", "the id of another instance's binding is refused, or another binding", bindSection, 13, Must, needs(bindable), bindForeign},
		{"B17", "expires_at and renew_before are UTC times, the latter not after the former", "Binding Metadata Object", 16, Must, needs(bindable), bindTimes},
		{"B18", "endpoints have a host, ports as texts, and a protocol that there is", "Endpoint Object", 15, Must, needs(bindable), bindEndpoints},
		{"B19", "drains, routes and volumes come only with the permission that the service requires", bindSection, 13, Must, needs(bindable), bindPermissions},
		{"B20", "credentials are an object", bindSection, 13, Must, needs(bindable), bindCredentials},
	}
}

func bindNow(t *trial) {
	b := t.common().binding()
	r := b.put(now)
	if r.Status == 422 && slices.Contains([]string{api.AsyncRequired, api.RequiresApp}, r.text("error")) {
		t.skip("binding is refused with %s", r.text("error"))
	}
	t.want(r, 201)
	t.that(r.body != nil, r, "a JSON object as the body")
}

func bindLater(t *trial) {
	b := t.common().binding()
	r := b.put(async)
	t.want(r, 202)
	t.operation(r)
	_, there := r.body["credentials"]
	t.that(!there, r, "no credentials: they are for GET")
	b.settle(r)
}

func bindAgain(t *trial) {
	b, first := t.finished()
	again := b.put(async)
	t.want(again, 200)
	t.better(again.body["credentials"] != nil, again, "credentials: a published platform reads them so")
	if first.Status != 202 {
		t.that(reflect.DeepEqual(first.body["credentials"], again.body["credentials"]), again, "the credentials of the first answer")
	}
}

func bindAgainMeanwhile(t *trial) {
	b := t.common().binding()
	first := b.put(async)
	t.want(first, 202)
	again := b.whileRunning(first.text("operation"), func() reply { return b.put(async) })
	t.want(again, 202)
	t.that(again.text("operation") == first.text("operation"), again, "the operation of the first answer, %q", first.text("operation"))
	b.settle(first)
}

func bindOther(t *trial) {
	b, first := t.finished()
	t.expect(b.put(async, with(b.order, "bind_resource", object{"app_guid": "another"})), 409)
	again := b.put(async)
	if again.Status == 200 && first.Status != 202 {
		t.that(reflect.DeepEqual(first.body["credentials"], again.body["credentials"]), again, "the credentials of the first answer")
	}
}

func bindNeedsAsync(t *trial) { t.coded(t.common().binding().put(now), api.AsyncRequired) }

func bindNeedsApp(t *trial) {
	b := t.common().binding()
	r := b.put(async, with(b.order, "bind_resource", nil))
	if r.Status/100 == 2 {
		b.settle(r)
		t.skip("the plan needs no application")
	}
	t.coded(r, api.RequiresApp)
}

// bindAtOnce: a broker may refuse all but one with ConcurrencyError.
func bindAtOnce(t *trial) {
	b := t.common().binding()
	replies := t.atOnce(8, func(int) reply { return b.put(async) })
	operations, credentials, created := map[string]bool{}, []any{}, 0
	for _, r := range replies {
		switch {
		case r.Status == 202:
			operations[r.text("operation")] = true
		case r.Status == 200, r.Status == 201:
			credentials = append(credentials, r.body["credentials"])
			created += r.Status - 200
		case r.Status != 422 || r.text("error") != api.ConcurrencyError:
			t.expect(r, 200, 201, 202, 422)
		}
	}
	t.that(len(operations) <= 1 && created <= 1, replies[0], "one binding, not %d", max(created, len(operations)))
	for _, c := range credentials {
		t.that(reflect.DeepEqual(c, credentials[0]), replies[0], "the same credentials for all")
	}
	for operation := range operations {
		b.wait(operation)
	}
}

func bindMalformed(t *trial) {
	b := t.common().binding()
	for _, body := range malformed() {
		t.refused(b.put(async, body), 400)
	}
	for _, key := range []string{"service_id", "plan_id"} {
		for _, v := range []any{nil, "", 5, "another"} {
			t.refused(b.put(async, with(b.order, key, v)), 400)
		}
	}
	t.refused(b.put(async, with(b.order, "parameters", "text")), 400)
	if bad, err := t.offer().violation("service_binding", "create", b.order["parameters"]); err == nil {
		t.refused(b.put(async, with(b.order, "parameters", bad)), 400)
	}
	t.expect(b.delete(async), 410)
}

func bindUnbindable(t *trial) {
	b := t.common().binding()
	r := b.put(async)
	t.that(r.Status/100 == 4, r, "a refusal, such as 400")
}

func bindUnknown(t *trial) { t.refused(t.fresh().binding().put(async), 404) }

func bindBusy(t *trial) {
	i, first := t.running()
	t.coded(i.whileRunning(first.text("operation"), func() reply { return i.binding().put(async) }), api.ConcurrencyError)
}

func bindForeign(t *trial) {
	b, first := t.finished()
	other := &binding{i: t.provisioned(), id: b.id, order: b.order}
	t.bound = append(t.bound, other)
	r := other.put(async)
	if r.Status/100 != 2 {
		t.that(r.Status/100 == 4, r, "a refusal")
		return
	}
	t.that(first.body["credentials"] == nil || r.Status == 202 || !reflect.DeepEqual(first.body["credentials"], r.body["credentials"]), r, "not the credentials of the other instance's binding")
	other.settle(r)
}

// handed is what a finished binding says about itself: in the answer that made it,
// or when asked.
func (t *trial) handed() reply {
	b, r := t.finished()
	if r.Status == 202 {
		r = b.get()
	}
	t.want(r, 200, 201)
	return r
}

// timeForm is that of spec.md, "Binding Metadata Object".
var timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)

func bindTimes(t *trial) {
	r := t.handed()
	m, _ := r.body["metadata"].(object)
	var times []time.Time
	for _, key := range []string{"renew_before", "expires_at"} {
		v, there := m[key]
		if !there {
			continue
		}
		s, _ := v.(string)
		at, err := time.Parse(time.RFC3339, s)
		t.that(err == nil && timeForm.MatchString(s), r, "%s as yyyy-mm-ddThh:mm:ss.sZ, not %v", key, v)
		times = append(times, at)
	}
	if len(times) == 2 {
		t.that(!times[0].After(times[1]), r, "renew_before not after expires_at")
	}
}

var portForm = regexp.MustCompile(`^\d{1,5}(-\d{1,5})?$`)

func bindEndpoints(t *trial) {
	r := t.handed()
	if v, there := r.body["endpoints"]; there {
		_, ok := v.([]any)
		t.that(ok, r, "endpoints to be a list")
	}
	for _, e := range objects(r.body["endpoints"]) {
		t.filled(r, "an endpoint", e, "host")
		ports, _ := e["ports"].([]any)
		t.that(len(ports) > 0, r, "an endpoint's ports")
		for _, p := range ports {
			s, _ := p.(string)
			t.that(portForm.MatchString(s), r, `a port as "443" or "9000-9010", not %v`, p)
		}
		t.absentOr(r, "an endpoint", e, "protocol", "tcp, udp or all", func(v any) bool { return slices.Contains([]any{"tcp", "udp", "all"}, v) })
	}
}

func bindPermissions(t *trial) {
	r := t.handed()
	list, _ := t.offer().service["requires"].([]any)
	for key, permission := range map[string]any{"syslog_drain_url": "syslog_drain", "route_service_url": "route_forwarding", "volume_mounts": "volume_mount"} {
		v, there := r.body[key]
		t.that(!there || slices.Contains(list, permission), r, "no %s: the service does not require %s", key, permission)
		if s, _ := v.(string); key == "route_service_url" && there {
			t.that(len(s) > 8 && s[:8] == "https://", r, "route_service_url to be https")
		}
	}
	for _, m := range objects(r.body["volume_mounts"]) {
		t.filled(r, "a volume mount", m, "driver", "container_dir", "mode", "device_type")
		t.absentOr(r, "a volume mount", m, "device", "an object", isObject)
	}
}

func bindCredentials(t *trial) {
	r := t.handed()
	t.absentOr(r, "the binding", r.body, "credentials", "an object", isObject)
}
