package osbcheck_test

import (
	"reflect"

	"github.com/bumpwire/bumpwire/broker/api"
)

func (b *reference) bind(q *question) answer {
	i, r := b.instances[q.instance], q.of
	predecessor, rotates := q.body["predecessor_binding_id"].(string)
	switch {
	case q.malformed || !rotates && !texts(q.body, "service_id", "plan_id") || !objectOrNone(q.body, "parameters"):
		return refuse(400, "", "the body is malformed")
	case !b.bindable:
		return refuse(400, "", "the plan is not bindable")
	case i == nil || i.state == gone || i.state == failed:
		return refuse(404, "", "there is no such instance")
	case i.state != active:
		return busy()
	case !rotates && (q.body["service_id"] != "service-1" || q.body["plan_id"] != i.plan) || !allowed(q.body["parameters"]):
		return refuse(400, "", "service, plan or parameters are wrong")
	case rotates && !b.rotatable:
		return refuse(400, "", "the plan is not rotatable")
	}
	if rotates {
		before := b.bindings[q.instance+"\n"+predecessor]
		if before == nil || before.state != active {
			return refuse(400, "", "there is no such binding")
		}
	}
	switch resource, _ := q.body["bind_resource"].(object); {
	case b.needsApp && resource["app_guid"] == nil && !rotates:
		return refuse(422, api.RequiresApp, "This service supports generation of credentials through binding an application only.")
	case r != nil && r.state != gone && !reflect.DeepEqual(r.request, q.body):
		return refuse(409, "", "it exists already")
	case r != nil && r.state == removing:
		return busy()
	case r != nil && r.state == active:
		return answer{status: 200, body: handed(q)}
	case (!b.bindAsync || !q.accepts) && !b.bindSync:
		return needsAsync()
	case r != nil && r.state == making:
		return answer{status: 202, body: object{"operation": r.operation}}
	}
	r = &record{n: len(b.bindings), request: q.body, state: active, plan: i.plan}
	b.bindings[q.instance+"\n"+q.binding] = r
	if b.bindAsync && q.accepts {
		return b.begin(r, making, "succeeded", func(r *record) { r.state = active })
	}
	return answer{status: 201, body: handed(q)}
}

// handed is what a binding gives.
func handed(q *question) object {
	return object{
		"credentials": object{"user": q.binding, "password": q.instance + q.binding},
		"metadata":    object{"renew_before": "2030-01-01T00:00:00.0Z", "expires_at": "2031-01-01T00:00:00.0Z"},
		"endpoints":   []any{object{"host": "host.example", "ports": []any{"443", "9000-9010"}, "protocol": "tcp"}},
	}
}

func (b *reference) fetchBinding(q *question) answer {
	if !b.retrievable || q.of == nil || q.of.state != active {
		return refuse(404, "", "it does not exist")
	}
	return answer{status: 200, body: handed(q)}
}
