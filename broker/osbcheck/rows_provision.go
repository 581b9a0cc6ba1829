package osbcheck

import (
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
)

const provisioning = "Provisioning"

// provisionRows are PUT /v2/service_instances/:instance_id.
func provisionRows() []Row {
	return []Row{
		{"P1", "a new instance, done within the request, is 201", provisioning, 13, Must, needs(offered), provisionNow},
		{"P2", "a new instance, accepted with accepts_incomplete=true, is 202 and ends as succeeded", provisioning, 13, Must, needs(offered), provisionLater},
		{"P3", "a plan that is asynchronous only is 422 AsyncRequired without accepts_incomplete=true, and creates nothing", provisioning, 13, Must, needs(onlyAsynchronous), provisionNeedsAsync},
		{"P4", "the same request for an instance that is there is 200", provisioning, 13, Should, needs(offered), provisionAgain},
		{"P5", "the same request while provisioning is 202 with the same operation", provisioning, 13, Must, needs(asynchronous), provisionAgainMeanwhile},
		{"P6", "another request for an instance that is there, or in progress, is 409 and changes nothing", provisioning, 13, Must, needs(offered), provisionOther},
		{"P7", "the same request after a failure is refused, or starts again", provisioning, 13, Field, needs(asynchronous, provoked(ProvisionFails)), provisionAfterFailure},
		{"P8", "the same request while provisioning, but without accepts_incomplete, is 422 AsyncRequired", provisioning, 13, Field, needs(onlyAsynchronous), provisionAgainNow},
		{"P9", "a malformed body, or a mandatory field missing, empty or of another type, is 400", provisioning, 13, Must, needs(offered), provisionMalformed},
		{"P10", "an unknown service or plan is 400", provisioning, 13, Field, needs(offered), provisionUnknown},
		{"P11", "parameters that the plan's schema forbids are 400", provisioning, 13, Must, needs(offered), provisionSchema},
		{"P12", "another maintenance_info.version than the catalog's is 422 MaintenanceInfoConflict, and creates nothing", provisioning, 15, Must, needs(maintained), provisionMaintenance},
		{"P13", "a request for an instance that is being deprovisioned is 422 ConcurrencyError or 409", provisioning, 14, Must, needs(asynchronous), provisionWhileRemoved},
		{"P14", "the id of a removed instance is usable again, or refused", provisioning, 13, Field, needs(offered), provisionReused},
		{"P15", "exhausted quota or capacity is 400, 403 or 429 with a description: platforms clean up after others", provisioning, 13, Field, needs(provoked(ProvisionRefused)), provisionQuota},
		{"P16", "identical requests at the same moment create once and name one operation", "Blocking Operations", 14, Must, needs(offered), provisionAtOnce},
		{"P17", "operation, where there is one, is a text of at most 10,000 characters", provisioning, 13, Must, needs(offered), provisionOperation},
		{"P18", "dashboard_url and metadata, where there are any, are a URL and an object", provisioning, 13, Must, needs(offered), provisionDashboard},
		{"P19", "unknown fields and query parameters are ignored", "Changes Since", 13, Must, needs(offered), unknownFields},
		{"P20", "a context with other names in it is the same request", "Context Object", 15, Field, needs(offered), provisionRenamed},
	}
}

func provisionNow(t *trial) {
	i := t.fresh()
	r := i.put(now)
	if r.Status == 422 && r.text("error") == api.AsyncRequired {
		t.skip("provisioning is asynchronous only")
	}
	t.want(r, 201)
	t.that(r.body != nil, r, "a JSON object as the body")
	_, there := r.body["operation"]
	t.better(!there, r, "no operation: nothing goes on")
}

func provisionLater(t *trial) {
	i := t.fresh()
	r := i.put(async)
	if r.Status == 201 {
		t.skip("provisioning is synchronous")
	}
	t.want(r, 202)
	t.that(r.body != nil, r, "a JSON object as the body")
	i.settle(r)
}

func provisionNeedsAsync(t *trial) {
	i := t.fresh()
	t.coded(i.put(now), api.AsyncRequired)
	for _, query := range []string{"accepts_incomplete=false", "accepts_incomplete=TRUE", "accepts_incomplete=1"} {
		r := t.send(request{method: "PUT", path: i.path(), raw: query, body: i.order})
		t.coded(r, api.AsyncRequired)
	}
	t.expect(i.delete(async), 410)
}

func provisionAgain(t *trial) {
	i := t.provisioned()
	r := i.put(async)
	t.want(r, 200)
	t.that(r.body != nil, r, "a JSON object as the body")
}

func provisionAgainMeanwhile(t *trial) {
	i, first := t.running()
	again := i.whileRunning(first.text("operation"), func() reply { return i.put(async) })
	t.want(again, 202)
	t.that(again.text("operation") == first.text("operation"), again, "the operation of the first answer, %q", first.text("operation"))
}

// others are the orders that differ from an instance's in one attribute.
func (i *instance) others() []object {
	list := []object{
		with(i.order, "organization_guid", "another", "context", i.t.c.context("another", "another", i.id)),
		with(i.order, "space_guid", "another"),
	}
	for _, p := range i.t.offer().plans {
		if p["id"] != i.order["plan_id"] {
			list = append(list, with(i.order, "plan_id", p["id"], "maintenance_info", nil))
			break
		}
	}
	return list
}

func provisionOther(t *trial) {
	i := t.fresh()
	first := i.put(async)
	t.want(first, 201, 202)
	for _, other := range i.others() {
		t.expect(i.put(async, other), 409)
	}
	i.settle(first)
	for _, other := range i.others() {
		t.expect(i.put(async, other), 409)
	}
}

func provisionAfterFailure(t *trial) {
	i := t.failing()
	r := i.put(async)
	t.that(r.Status == 202 || r.Status/100 == 4, r, "a refusal, or 202 for another attempt")
}

// failing is an instance whose provisioning has failed.
func (t *trial) failing() *instance {
	i := t.fresh()
	i.order["parameters"] = t.c.o.Provoke[ProvisionFails]
	r := i.put(async)
	if r.Status != 202 {
		t.block("%s", failure("provisioning that is to fail was answered", r))
	}
	if end := i.wait(r.text("operation")); end.text("state") != "failed" {
		t.block("%s", failure("provisioning that is to fail ended", end))
	}
	return i
}

func provisionAgainNow(t *trial) {
	i, first := t.running()
	t.coded(i.whileRunning(first.text("operation"), func() reply { return i.put(now) }), api.AsyncRequired)
}

func provisionMalformed(t *trial) {
	i := t.fresh()
	for _, body := range malformed() {
		t.refused(i.put(async, body), 400)
	}
	for _, key := range []string{"service_id", "plan_id", "organization_guid", "space_guid"} {
		t.refused(i.put(async, with(i.order, key, nil)), 400)
		t.refused(i.put(async, with(i.order, key, "")), 400)
		t.refused(i.put(async, with(i.order, key, 5)), 400)
	}
	t.refused(i.put(async, with(i.order, "parameters", "text")), 400)
	t.refused(i.put(async, with(i.order, "context", []any{})), 400)
	t.expect(i.delete(async), 410)
}

// malformed are bodies that are no JSON object.
func malformed() []string { return []string{`{"service_id": `, `[]`, `"text"`, `null`, `{]`, ``} }

func provisionUnknown(t *trial) {
	i := t.fresh()
	t.refused(i.put(async, with(i.order, "service_id", "no-such-service")), 400)
	t.refused(i.put(async, with(i.order, "plan_id", "no-such-plan")), 400)
	if foreign := t.foreignPlan(); foreign != nil {
		t.refused(i.put(async, with(i.order, "plan_id", foreign)), 400)
	}
	t.expect(i.delete(async), 410)
}

// foreignPlan is a plan of another service, if there is one.
func (t *trial) foreignPlan() any {
	for _, s := range objects(t.send(request{method: "GET", path: "/v2/catalog"}).body["services"]) {
		if plans := objects(s["plans"]); s["id"] != t.offer().service["id"] && len(plans) > 0 {
			return plans[0]["id"]
		}
	}
	return nil
}

func provisionSchema(t *trial) {
	i := t.fresh()
	bad, err := t.offer().violation("service_instance", "create", i.order["parameters"])
	if err != nil {
		t.skip("%s", err)
	}
	t.refused(i.put(async, with(i.order, "parameters", bad)), 400)
	t.expect(i.delete(async), 410)
}

func provisionMaintenance(t *trial) {
	i := t.fresh()
	r := i.put(async, with(i.order, "maintenance_info", object{"version": "0.0.0-osb-check"}))
	t.coded(r, api.MaintenanceInfoConflict)
	t.expect(i.delete(async), 410)
	if version, ok := t.offer().plan["maintenance_info"].(object)["version"]; ok {
		t.expect(i.put(async, with(i.order, "maintenance_info", object{"version": version, "description": "ignored", "more": 1})), 201, 202)
	}
}

// provisionWhileRemoved: an answer as if for a new instance may mean that the
// removal had ended just before. A broker that does not look never answers
// otherwise.
func provisionWhileRemoved(t *trial) {
	i := t.provisioned()
	var r reply
	for attempt := 1; ; attempt++ {
		removal := i.delete(async)
		if attempt > 1 && removal.Status == 410 {
			t.that(false, r, "422 ConcurrencyError or 409: nothing was there afterwards")
			return
		}
		if removal.Status != 202 {
			t.skip("deprovisioning is synchronous")
		}
		r = i.whileRunning(removal.text("operation"), func() reply { return i.put(async) })
		if r.Status != 202 || attempt == 5 {
			t.that(r.Status == 409 || r.Status == 422 && r.text("error") == api.ConcurrencyError, r, "422 ConcurrencyError or 409")
			return
		}
		i.settle(r)
	}
}

func provisionReused(t *trial) {
	i := t.provisioned()
	if !i.remove() {
		t.block("the instance could not be removed")
	}
	r := i.put(async)
	t.that(r.Status == 201 || r.Status == 202 || r.Status/100 == 4, r, "201, 202 or a refusal: nothing is left of the first")
	i.settle(r)
}

func provisionQuota(t *trial) {
	i := t.fresh()
	i.order["parameters"] = t.c.o.Provoke[ProvisionRefused]
	if t.expect(i.put(async), 400, 403, 429) {
		t.expect(i.delete(async), 410)
	}
}

// provisionAtOnce: what is created is created once. ConcurrencyError is allowed to
// all but one.
func provisionAtOnce(t *trial) {
	i := t.fresh()
	replies := t.atOnce(8, func(int) reply { return i.put(async) })
	operations := map[string]bool{}
	created := 0
	for _, r := range replies {
		switch {
		case r.Status == 201:
			created++
		case r.Status == 202:
			operations[r.text("operation")] = true
		case r.Status == 422 && r.text("error") == api.ConcurrencyError:
		default:
			t.expect(r, 200, 201, 202, 422)
		}
	}
	t.that(len(operations) <= 1, replies[0], "one operation for all, not %d", len(operations))
	t.that(created <= 1, replies[0], "201 once at most, not %d times", created)
	t.that(created+len(operations) > 0, replies[0], "one of the requests to be accepted")
	for operation := range operations {
		end := i.wait(operation)
		t.that(end.text("state") == "succeeded", end, "the operation to succeed")
		break
	}
}

func provisionOperation(t *trial) {
	i := t.fresh()
	t.operation(i.put(async))
}

// operation checks the operation of an answer.
func (t *trial) operation(r reply) {
	t.want(r, 200, 201, 202)
	v, there := r.body["operation"]
	if !there {
		return
	}
	if v == nil {
		t.better(false, r, "no operation rather than null: Cloud Foundry wants a text")
		return
	}
	s, ok := v.(string)
	t.that(ok && s != "" && len([]rune(s)) <= 10_000, r, "operation to be a text of 1 to 10,000 characters")
}

func provisionDashboard(t *trial) {
	i := t.fresh()
	r := i.put(async)
	t.want(r, 201, 202)
	t.dashboard(r)
}

func (t *trial) dashboard(r reply) {
	v, there := r.body["dashboard_url"]
	if there && v != nil {
		s, ok := v.(string)
		t.that(ok && isURL(s), r, "dashboard_url to be a URL, not %v", v)
	}
	m, there := r.body["metadata"]
	if there && m != nil {
		o, ok := m.(object)
		t.that(ok, r, "metadata to be an object")
		for _, key := range []string{"labels", "attributes"} {
			if list, there := o[key]; there {
				_, ok := list.(object)
				t.that(ok, r, "metadata.%s to be an object", key)
			}
		}
	}
}

func provisionRenamed(t *trial) {
	i := t.fresh()
	first := i.put(async)
	t.want(first, 201, 202)
	renamed := with(i.order["context"].(object), "instance_name", "renamed", "organization_name", "renamed", "space_name", "renamed")
	r := i.put(async, with(i.order, "context", renamed))
	t.that(slices.Contains([]int{200, 202}, r.Status), r, "200 or 202: names may change")
}

func unknownFields(t *trial) {
	i := t.fresh()
	r := t.send(request{method: "PUT", path: i.path(), raw: "accepts_incomplete=true&something=new",
		body: with(i.order, "something", object{"new": []any{1}}, "maintenance_info", nil)})
	t.expect(r, 201, 202)
	if r.Status == 202 {
		i.settle(r)
	}
}
