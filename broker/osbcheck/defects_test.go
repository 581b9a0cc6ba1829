package osbcheck_test

import (
	"crypto/rand"
	"maps"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
)

// defect is one way of not keeping to the standard.
type defect struct {
	in      string // variant that it is shown in
	mild    bool   // only a warning although the row is a must
	rewrite func(*question, *answer)
	catalog func(service, plan object)
}

// defects has one for every row.
func defects() map[string]defect {
	all := map[string]defect{}
	for _, some := range []map[string]defect{headerDefects(), catalogDefects(), provisionDefects(), updateDefects(), removalDefects(), operationDefects(), bindingDefects()} {
		maps.Copy(all, some)
	}
	for id, d := range all {
		if d.in == "" {
			d.in = "asynchronous"
			all[id] = d
		}
	}
	return all
}

type when func(*question, *answer) bool

// on is a condition on method and kind of the request: "PUT instance".
func on(what string) when {
	return func(q *question, _ *answer) bool { return q.Method+" "+q.kind == what }
}

// in is a condition on the state before the request.
func (w when) in(state string) when {
	return func(q *question, a *answer) bool { return w(q, a) && q.before == state }
}

func (w when) status(status int) when {
	return func(q *question, a *answer) bool { return w(q, a) && a.status == status }
}

func (w when) and(more func(*question) bool) when {
	return func(q *question, a *answer) bool { return w(q, a) && more(q) }
}

// later leaves alone the instance that finds out how the broker works.
func (w when) later() when {
	return w.and(func(q *question) bool { return q.of != nil && q.of.n >= 1 })
}

// give answers with another status.
func (w when) give(status int) func(*question, *answer) {
	return func(q *question, a *answer) {
		if w(q, a) {
			a.status = status
		}
	}
}

// set puts something into the answer; nil takes it out.
func (w when) set(key string, v any) func(*question, *answer) {
	return func(q *question, a *answer) {
		if !w(q, a) {
			return
		}
		o := maps.Clone(a.object())
		if o == nil {
			o = object{}
		}
		o[key] = v
		a.body = o
	}
}

// another answers with another operation every time.
func (w when) another(q *question, a *answer) {
	w.set("operation", "made-up-"+rand.Text())(q, a)
}

func header(name, value string) when {
	return func(q *question, _ *answer) bool { return q.Header.Get(name) == value }
}

var always when = func(*question, *answer) bool { return true }

func refused(_ *question, a *answer) bool { return a.status >= 400 }

func headerDefects() map[string]defect {
	return map[string]defect{
		"R-VER-1":  {rewrite: header(api.HeaderVersion, "").give(200)},
		"R-VER-2":  {rewrite: header(api.HeaderVersion, "1.0").give(200)},
		"R-VER-3":  {rewrite: header(api.HeaderVersion, "2.14").give(412)},
		"R-AUTH-1": {rewrite: header("Authorization", "").give(403)},
		"R-AUTH-2": {rewrite: on("PATCH instance").status(401).give(404)},
		"R-AUTH-3": {rewrite: on("DELETE binding").status(401).give(410)},
		"R-OID":    {rewrite: header(api.HeaderOriginatingIdentity, "garbage").give(400)},
		"R-RID":    {rewrite: func(_ *question, a *answer) { a.header.Del(api.HeaderRequestIdentity) }},
		"R-CT-1":   {rewrite: header("Content-Type", "text/plain").give(202)},
		"R-CT-2":   {rewrite: func(_ *question, a *answer) { a.header.Set("Content-Type", "text/html") }},
		"R-RETRY": {rewrite: func(_ *question, a *answer) {
			if a.header.Get("Retry-After") != "" {
				a.header.Set("Retry-After", "soon")
			}
		}},
		"R-ETAG-1": {rewrite: header("If-None-Match", etag).give(200)},
		"R-ETAG-2": {rewrite: header("If-Modified-Since", modified).give(200)},
		"R-URL":    {rewrite: always.and(func(q *question) bool { return strings.Contains(q.instance, "/") }).give(404)},

		"R-ERR-1": {rewrite: func(q *question, a *answer) {
			if refused(q, a) {
				a.body = "<h1>an error</h1>"
			}
		}},
		"R-ERR-2": {rewrite: when(refused).set("error", "not one word")},
		"R-ERR-3": {rewrite: when(refused).set("description", "")},
		"R-ERR-4": {rewrite: when(refused).set("instance_usable", true)},
		"R-ERR-5": {rewrite: always.status(422).set("description", "Please be asynchronous.")},
	}
}

func catalogDefects() map[string]defect {
	service := func(key string, v any) defect { return defect{catalog: func(s, _ object) { s[key] = v }} }
	plan := func(key string, v any) defect { return defect{catalog: func(_, p object) { p[key] = v }} }
	draft := func(s any) defect {
		return defect{catalog: func(_, p object) {
			p["schemas"].(object)["service_binding"].(object)["create"].(object)["parameters"].(object)["$schema"] = s
		}}
	}
	return map[string]defect{
		"C1":  {rewrite: on("GET catalog").set("services", object{})},
		"C2":  service("description", ""),
		"C3":  service("name", "other"),
		"C4":  plan("description", nil),
		"C5":  plan("id", "plan-3"),
		"C6":  plan("free", "yes"),
		"C7":  service("requires", []any{"magic"}),
		"C8":  service("dashboard_client", object{"id": "a", "secret": "b"}),
		"C9":  draft(5),
		"C10": draft("http://json-schema.org/draft-07/schema#"),
		"C11": plan("maximum_polling_duration", "60"),
		"C12": plan("maintenance_info", object{"version": "one"}),
		"C13": plan("metadata", object{"costs": []any{object{"amount": 5, "unit": "MONTH"}}}),
		"C14": plan("name", "a plan"),
		"C15": service("description", strings.Repeat("long ", 3000)),
		"C16": plan("plan_updatable", true),
	}
}

// requested is a condition on a field of the request.
func requested(key string, v any) func(*question) bool {
	return func(q *question) bool { return q.body[key] == v }
}

// named is a condition on the context's instance name.
func named(name string) func(*question) bool {
	return func(q *question) bool { c, _ := q.body["context"].(object); return c["instance_name"] == name }
}

func provisionDefects() map[string]defect {
	put, get := on("PUT instance"), on("GET instance")
	return map[string]defect{
		"P1":  {in: "synchronous", rewrite: put.status(201).give(200)},
		"P2":  {rewrite: on("GET operation").set("state", "failed")},
		"P3":  {rewrite: put.status(422).give(400)},
		"P4":  {rewrite: put.status(200).give(201)},
		"P5":  {rewrite: put.in(making).another},
		"P6":  {rewrite: put.status(409).give(200)},
		"P7":  {rewrite: put.in(failed).give(500)},
		"P8":  {rewrite: put.in(making).status(422).give(202)},
		"P9":  {rewrite: put.status(400).give(422)},
		"P10": {rewrite: put.and(requested("plan_id", "no-such-plan")).give(404)},
		"P11": {rewrite: put.status(400).give(422)},
		"P12": {in: "everything", rewrite: put.status(422).set("error", "Conflict")},
		"P13": {rewrite: put.in(removing).give(200)},
		"P14": {rewrite: put.in(gone).give(500)},
		"P15": {rewrite: put.status(400).give(500)},
		"P16": {rewrite: put.status(202).another},
		"P17": {rewrite: put.status(202).set("operation", 5)},
		"P18": {rewrite: put.set("dashboard_url", "nowhere")},
		"P19": {rewrite: put.and(func(q *question) bool { return q.body["something"] != nil }).give(400)},
		"P20": {rewrite: put.and(named("renamed")).give(409)},

		"G1": {rewrite: get.set("plan_id", "plan-2")},
		"G2": {rewrite: get.in(making).give(200)},
		"G3": {in: "everything", rewrite: get.in(changing).give(404)},
		"G4": {rewrite: get.in(active).give(404)},
		"G5": {rewrite: get.in(gone).give(200)},
		"G6": {rewrite: get.status(400).give(200)},
		"G7": {rewrite: get.in(failed).give(200)},
	}
}

func updateDefects() map[string]defect {
	patch := on("PATCH instance")
	return map[string]defect{
		"U1": {in: "synchronous", rewrite: func(q *question, a *answer) {
			if patch.status(200)(q, a) {
				a.body = "done"
			}
		}},
		"U2":  {rewrite: patch.status(200).give(204)},
		"U3":  {in: "everything", rewrite: patch.status(202).set("operation", 5)},
		"U4":  {in: "everything", rewrite: patch.in(changing).another},
		"U5":  {rewrite: patch.in(making).give(202)},
		"U6":  {in: "everything", rewrite: patch.status(422).set("error", "Asynchronous")},
		"U7":  {rewrite: patch.status(422).give(400)},
		"U8":  {rewrite: patch.status(422).set("update_repeatable", false)},
		"U9":  {in: "everything", rewrite: patch.status(422).set("error", "Conflict")},
		"U10": {rewrite: patch.status(400).give(422)},
		"U11": {rewrite: patch.status(404).give(410)},
		"U12": {in: "everything", rewrite: patch.and(named("renamed")).give(400)},
		"U13": {in: "everything", rewrite: patch.status(200).give(422)},
		"U14": {in: "everything", rewrite: patch.set("dashboard_url", "nowhere")},
		"U15": {rewrite: func(q *question, a *answer) {
			if on("GET instance")(q, a) && q.of.outcome == "failed" {
				a.object()["parameters"] = object{"size": 99}
			}
		}},
	}
}

func removalDefects() map[string]defect {
	del, unbind := on("DELETE instance"), on("DELETE binding")
	return map[string]defect{
		"D1":  {in: "synchronous", rewrite: del.status(200).give(204)},
		"D2":  {rewrite: del.status(202).set("operation", 5)},
		"D3":  {rewrite: del.in(removing).give(200)},
		"D4":  {rewrite: del.status(410).give(404)},
		"D5":  {rewrite: del.status(400).give(200)},
		"D6":  {rewrite: del.status(400).give(200)},
		"D7":  {rewrite: del.status(422).set("error", "Asynchronous")},
		"D8":  {rewrite: del.in(making).give(500)},
		"D9":  {in: "everything", rewrite: del.in(changing).give(500)},
		"D10": {rewrite: del.in(active).give(500)},
		"D11": {rewrite: on("GET operation").set("state", "succeeded")},
		"D12": {rewrite: del.status(410).give(404)},

		"UB1": {rewrite: unbind.status(200).give(204)},
		"UB2": {in: "everything", rewrite: unbind.status(202).set("operation", 5)},
		"UB3": {in: "everything", rewrite: unbind.in(removing).give(200)},
		"UB4": {rewrite: unbind.status(410).give(404)},
		"UB5": {rewrite: unbind.status(400).give(200)},
		"UB6": {rewrite: unbind.status(400).give(200)},
		"UB7": {in: "everything", rewrite: unbind.status(422).set("error", "Asynchronous")},
		"UB8": {in: "everything", rewrite: unbind.in(making).give(500)},

		"O1": {rewrite: del.in("").give(200)},
		"O2": {rewrite: unbind.in(gone).give(404)},
		"O3": {rewrite: on("PUT instance").status(400).give(422)},
		"O4": {rewrite: func(q *question, a *answer) {
			if del(q, a) && q.Header.Get(api.HeaderOriginatingIdentity) == "" {
				a.status = 400
			}
		}},
		"O5": {rewrite: on("GET operation").in(gone).give(500)},
		"X1": {rewrite: del.status(202).another},
		"X2": {rewrite: del.status(410).give(500)},
		"X3": {rewrite: unbind.status(410).give(200)},
	}
}

func operationDefects() map[string]defect {
	poll, bound := on("GET operation"), on("GET binding operation")
	without := func(q *question) bool { return q.query.Get("operation") == "" }
	again := func(q *question) bool { return q.of != nil && q.of.after > 1 }
	return map[string]defect{
		"L1":  {rewrite: poll.later().set("state", "running")},
		"L2":  {rewrite: poll.status(404).give(200)},
		"L3":  {rewrite: poll.in(removing).and(func(q *question) bool { return q.of.state == gone }).give(410)},
		"L4":  {rewrite: poll.in(making).later().give(410)},
		"L5":  {rewrite: poll.status(400).give(200)},
		"L6":  {rewrite: poll.and(again).set("state", "failed")},
		"L7":  {rewrite: poll.later().and(without).give(400)},
		"L8":  {rewrite: on("DELETE instance").in(failed).give(500)},
		"L9":  {rewrite: poll.later().set("description", "")},
		"L10": {in: "synchronous", rewrite: poll.give(500)},

		"LB1": {in: "everything", rewrite: bound.set("state", "running")},
		"LB2": {in: "everything", rewrite: bound.status(404).give(200)},
		"LB3": {in: "everything", rewrite: bound.and(func(q *question) bool { return q.of.state == gone }).give(404)},
		"LB5": {in: "everything", rewrite: bound.status(400).give(200)},
		"LB6": {in: "everything", rewrite: bound.and(again).set("state", "failed")},
		"LB7": {in: "everything", rewrite: bound.and(without).give(400)},
		"LB9": {in: "everything", rewrite: bound.set("instance_usable", true)},
	}
}

func bindingDefects() map[string]defect {
	put, get := on("PUT binding"), on("GET binding")
	rotation := func(q *question) bool { return q.body["predecessor_binding_id"] != nil }
	return map[string]defect{
		"B1":  {rewrite: put.status(201).give(200)},
		"B2":  {in: "everything", rewrite: put.status(202).set("credentials", object{})},
		"B3":  {rewrite: put.status(200).give(201)},
		"B4":  {in: "everything", rewrite: put.in(making).another},
		"B5":  {rewrite: put.status(409).give(200)},
		"B6":  {in: "everything", rewrite: put.status(422).set("error", "Asynchronous")},
		"B7":  {in: "applications", rewrite: put.status(422).set("error", "NeedsApp")},
		"B8":  {in: "everything", rewrite: put.status(202).another},
		"B9":  {rewrite: put.status(400).give(422)},
		"B10": {in: "no bindings", rewrite: put.give(201)},
		"B11": {rewrite: put.status(404).give(400)},
		"B12": {rewrite: put.status(422).give(400)},
		"B13": {rewrite: put.and(rotation).give(201)},
		"B14": {in: "everything", rewrite: put.and(rotation).and(func(q *question) bool { return q.body["service_id"] == nil }).give(400)},
		"B15": {in: "everything", rewrite: put.status(409).give(200)},
		"B16": {rewrite: func(q *question, a *answer) {
			if put(q, a) && a.status/100 == 2 {
				a.object()["credentials"] = object{"user": q.binding}
			}
		}},
		"B17": {rewrite: put.set("metadata", object{"expires_at": "tomorrow"})},
		"B18": {rewrite: put.set("endpoints", []any{object{"host": "a", "ports": []any{443}}})},
		"B19": {rewrite: put.set("syslog_drain_url", "syslog://a")},
		"B20": {rewrite: put.set("credentials", "secret")},
		"GB1": {rewrite: get.set("credentials", object{"user": "another"})},
		"GB2": {rewrite: get.status(404).give(200)},
		"GB3": {in: "everything", rewrite: get.status(200).set("credentials", nil)},
		"GB4": {rewrite: get.set("syslog_drain_url", nil)},
	}
}
