package osbcheck_test

import (
	"reflect"
	"slices"

	"github.com/bumpwire/bumpwire/broker/api"
)

var plans = []any{"plan-1", "plan-2"}

// texts says whether fields are texts that are not empty.
func texts(o object, keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { s, _ := o[key].(string); return s == "" })
}

// objectOrNone says whether a field is absent or an object.
func objectOrNone(o object, key string) bool {
	v, there := o[key]
	_, ok := v.(object)
	return !there || ok
}

func (b *reference) outdated(o object) bool {
	m, there := o["maintenance_info"].(object)
	return there && (!b.maintained || m["version"] != "1.0.0")
}

func conflict() answer {
	return refuse(422, api.MaintenanceInfoConflict, "The maintenance information has changed.")
}

// attributes are what makes two provision requests the same.
func attributes(o object) []any {
	c, _ := o["context"].(object)
	return []any{o["service_id"], o["plan_id"], o["organization_guid"], o["space_guid"], o["parameters"], c["organization_guid"]}
}

func (b *reference) provision(q *question) answer {
	switch r := q.of; {
	case q.malformed || !texts(q.body, "service_id", "plan_id", "organization_guid", "space_guid"),
		!objectOrNone(q.body, "context"), !objectOrNone(q.body, "parameters"):
		return refuse(400, "", "the body is malformed")
	case q.body["service_id"] != "service-1" || !slices.Contains(plans, q.body["plan_id"]):
		return refuse(400, "", "there is no such service or plan")
	case !allowed(q.body["parameters"]):
		return refuse(400, "", "the parameters are not allowed")
	case b.outdated(q.body):
		return conflict()
	case r != nil && r.state == removing:
		return busy()
	case r != nil && r.state != gone && !reflect.DeepEqual(attributes(r.request), attributes(q.body)):
		return refuse(409, "", "it exists already")
	case r != nil && r.state == failed:
		return refuse(409, "", "it failed")
	case r != nil && (r.state == active || r.state == changing):
		return answer{status: 200, body: object{"dashboard_url": "https://dashboard.example"}}
	case (!b.async || !q.accepts) && !b.sync:
		return needsAsync()
	case r != nil && r.state == making:
		return answer{status: 202, body: object{"operation": r.operation, "dashboard_url": "https://dashboard.example"}}
	case failing(q.body["parameters"]) == "quota":
		return refuse(400, "", "the quota is exhausted")
	}
	r := &record{n: len(b.instances), request: q.body, plan: q.body["plan_id"].(string), parameters: q.body["parameters"], state: active}
	b.instances[q.instance] = r
	if !b.async || !q.accepts {
		return answer{status: 201, body: object{"dashboard_url": "https://dashboard.example"}}
	}
	a := b.begin(r, making, "succeeded", func(r *record) { r.state = active })
	if failing(r.parameters) == "provision" {
		r.outcome, r.end = "failed", func(r *record) { r.state = failed }
	}
	a.object()["dashboard_url"] = "https://dashboard.example"
	a.object()["metadata"] = object{"labels": object{}, "attributes": object{}}
	return a
}

func (b *reference) fetch(q *question) answer {
	switch r := q.of; {
	case !b.retrievable, r == nil, r.state == making, r.state == failed, r.state == gone:
		return refuse(404, "", "it does not exist")
	case q.query.Has("service_id") && q.query.Get("service_id") != "service-1", q.query.Has("plan_id") && q.query.Get("plan_id") != r.plan:
		return refuse(400, "", "it has another service or plan")
	case r.state == changing:
		return busy()
	}
	o := object{"service_id": "service-1", "plan_id": q.of.plan, "dashboard_url": "https://dashboard.example"}
	if q.of.parameters != nil {
		o["parameters"] = q.of.parameters
	}
	return answer{status: 200, body: o}
}

func (b *reference) update(q *question) answer {
	r := q.of
	plan, changesPlan := q.body["plan_id"]
	parameters, changesParameters := q.body["parameters"]
	switch {
	case q.malformed || !texts(q.body, "service_id") || !objectOrNone(q.body, "parameters") || !objectOrNone(q.body, "context"):
		return refuse(400, "", "the body is malformed")
	case r == nil || r.state == gone || r.state == failed:
		return refuse(404, "", "it does not exist")
	case q.body["service_id"] != "service-1" || changesPlan && !slices.Contains(plans, plan):
		return refuse(400, "", "there is no such service or plan")
	case r.state == changing && reflect.DeepEqual(r.request["update"], q.body):
		return answer{status: 202, body: object{"operation": r.operation}}
	case r.state != active:
		return busy()
	case !allowed(parameters):
		return refuse(400, "", "the parameters are not allowed")
	case b.outdated(q.body):
		return conflict()
	case changesPlan && plan != r.plan && !b.updateable:
		a := refuse(422, "PlanChangeNotSupported", "the plan cannot be changed")
		a.object()["update_repeatable"] = false
		return a
	case failing(parameters) == "forbidden":
		a := refuse(422, "", "this is not possible now")
		a.object()["update_repeatable"] = true
		return a
	case !changesPlan && !changesParameters:
		return answer{status: 200, body: object{}}
	case (!b.async || !q.accepts) && !b.sync:
		return needsAsync()
	}
	apply := func(r *record) {
		r.state = active
		if changesPlan {
			r.plan = plan.(string)
		}
		if changesParameters {
			r.parameters = parameters
		}
	}
	if !b.async || !q.accepts {
		if failing(parameters) == "update" {
			return answer{status: 500, body: object{"description": "it failed", "instance_usable": true, "update_repeatable": true}}
		}
		apply(r)
		return answer{status: 200, body: object{}}
	}
	r.request["update"] = q.body
	if failing(parameters) == "update" {
		return b.begin(r, changing, "failed", func(r *record) { r.state = active })
	}
	return b.begin(r, changing, "succeeded", apply)
}
