package osbcheck_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/bumpwire/bumpwire/broker/api"
)

type object = map[string]any

// The credentials of every reference broker.
const (
	user     = "platform"
	password = "a password"
)

// variant is what a reference broker offers. Provisioning and updating that can be
// both are asynchronous where the platform allows it.
type variant struct {
	sync, async         bool
	bindable            bool
	bindSync, bindAsync bool
	needsApp            bool
	retrievable         bool
	updateable          bool // the plan, and the parameter size
	contextUpdates      bool
	maintained          bool
	rotatable           bool
}

// reference is a stateful broker that keeps to the standard, but for one defect.
// Its operations end by being polled, so nothing in a test depends on time.
type reference struct {
	variant
	broken defect

	mu        sync.Mutex
	instances map[string]*record
	bindings  map[string]*record
	count     int // of operations
}

// record is an instance or a binding.
type record struct {
	n          int // ordinal, from 0
	state      string
	request    object // that made it
	plan       string
	parameters any
	operation  string
	polls      int // of the operation until it ends
	after      int // polls since it ended
	outcome    string
	end        func(*record)
	removed    bool // failed to be removed once
}

const (
	making   = "making"
	active   = "active"
	failed   = "failed"
	changing = "changing"
	removing = "removing"
	gone     = "gone"
)

// question is a request as the broker and its defects see it.
type question struct {
	*http.Request
	kind      string // catalog, instance, operation, binding, binding operation
	instance  string
	binding   string
	accepts   bool
	malformed bool
	body      object
	query     url.Values
	before    string // state of what it is about; empty: unknown
	of        *record
}

type answer struct {
	status int
	header http.Header
	body   any // string: as it is
}

func (a *answer) object() object { o, _ := a.body.(object); return o }

func start(t testing.TB, v variant, d defect) (url string, b *reference) {
	b = &reference{variant: v, broken: d, instances: map[string]*record{}, bindings: map[string]*record{}}
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return s.URL, b
}

// left are the instances and bindings that were not removed.
func (b *reference) left() (ids []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, all := range []map[string]*record{b.instances, b.bindings} {
		for id, r := range all {
			if r.state != gone {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func (b *reference) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.understand(r)
	a := b.answer(q)
	if a.header == nil {
		a.header = http.Header{}
	}
	a.header.Set("Content-Type", "application/json")
	if id := r.Header.Get(api.HeaderRequestIdentity); id != "" {
		a.header.Set(api.HeaderRequestIdentity, id)
	}
	if b.broken.rewrite != nil {
		b.broken.rewrite(q, &a)
	}
	for name := range a.header {
		w.Header().Set(name, a.header.Get(name))
	}
	w.WriteHeader(a.status)
	if a.status == 304 {
		return
	}
	if text, ok := a.body.(string); ok {
		_, _ = io.WriteString(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(a.body)
}

// understand takes the path apart before it is decoded.
func (b *reference) understand(r *http.Request) *question {
	q := &question{Request: r, kind: "nothing"}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v2/"), "/")
	id := func(n int) string { s, _ := url.PathUnescape(parts[n]); return s }
	polled := parts[len(parts)-1] == "last_operation"
	switch {
	case len(parts) == 1 && parts[0] == "catalog":
		q.kind = "catalog"
	case len(parts) == 2 || len(parts) == 3 && polled:
		q.kind, q.instance = "instance", id(1)
		q.of = b.instances[q.instance]
	case len(parts) == 4 || len(parts) == 5 && polled:
		q.kind, q.instance, q.binding = "binding", id(1), id(3)
		q.of = b.bindings[q.instance+"\n"+q.binding]
	}
	if polled {
		q.kind = strings.TrimPrefix(q.kind+" operation", "instance ")
	}
	if q.of != nil {
		q.before = q.of.state
	}
	text, _ := io.ReadAll(r.Body)
	q.malformed = json.Unmarshal(text, &q.body) != nil || q.body == nil
	q.query, _ = url.ParseQuery(r.URL.RawQuery)
	q.accepts = q.query.Get("accepts_incomplete") == "true"
	return q
}

func (b *reference) answer(q *question) answer {
	if name, word, _ := q.BasicAuth(); name != user || word != password {
		return refuse(401, "", "credentials are needed")
	}
	switch version := q.Header.Get(api.HeaderVersion); {
	case version == "":
		return refuse(400, "", "the version is missing")
	case !strings.HasPrefix(version, "2."):
		return refuse(412, "", "the version must be 2.17")
	}
	if media := q.Header.Get("Content-Type"); media != "" && media != "application/json" {
		return refuse(400, "", "the body must be JSON")
	}
	if _, err := url.ParseQuery(q.URL.RawQuery); err != nil {
		return refuse(400, "", "the query is malformed")
	}
	switch q.Method + " " + q.kind {
	case "GET catalog":
		return b.catalog(q)
	case "PUT instance":
		return b.provision(q)
	case "GET instance":
		return b.fetch(q)
	case "PATCH instance":
		return b.update(q)
	case "DELETE instance":
		return b.remove(q, b.async, b.sync)
	case "GET operation", "GET binding operation":
		return b.poll(q)
	case "PUT binding":
		return b.bind(q)
	case "GET binding":
		return b.fetchBinding(q)
	case "DELETE binding":
		return b.remove(q, b.bindAsync, b.bindSync)
	}
	return refuse(404, "", "there is nothing here")
}

func refuse(status int, word, description string) answer {
	o := object{"description": description}
	if word != "" {
		o["error"] = word
	}
	return answer{status: status, body: o}
}

func needsAsync() answer {
	return refuse(422, api.AsyncRequired, "This service plan requires client support for asynchronous service operations.")
}

func busy() answer {
	return refuse(422, api.ConcurrencyError, "The Service Broker does not support concurrent requests that mutate the same resource.")
}

// begin starts an operation on a record; polls end it.
func (b *reference) begin(r *record, state, outcome string, end func(*record)) answer {
	b.count++
	r.state, r.operation, r.polls, r.after, r.outcome, r.end = state, fmt.Sprint("operation-", b.count), 6, 0, outcome, end
	return answer{status: 202, body: object{"operation": r.operation}}
}

func (b *reference) poll(q *question) answer {
	r := q.of
	if r == nil {
		return refuse(404, "", "there is no such thing")
	}
	if r.operation == "" {
		return answer{status: 200, body: object{"state": "succeeded"}}
	}
	if r.polls > 0 {
		if r.polls--; r.polls == 0 {
			r.end(r)
		} else {
			return answer{status: 200, header: http.Header{"Retry-After": {"1"}}, body: object{"state": "in progress", "description": "working"}}
		}
	}
	r.after++
	o := object{"state": r.outcome}
	if r.outcome == "failed" {
		o["description"] = "it failed"
	}
	return answer{status: 200, body: o}
}

// remove is both DELETEs.
func (b *reference) remove(q *question, async, sync bool) answer {
	r := q.of
	service, plan := q.query.Get("service_id"), q.query.Get("plan_id")
	switch {
	case service == "" || plan == "":
		return refuse(400, "", "service_id and plan_id are needed")
	case r == nil || r.state == gone:
		return answer{status: 410, body: object{}}
	case service != "service-1" || plan != r.plan && r.state != changing && q.binding == "":
		return refuse(400, "", "service_id or plan_id are not the instance's")
	case q.binding != "" && plan != b.instances[q.instance].plan:
		return refuse(400, "", "plan_id is not the instance's")
	case (!async || !q.accepts) && !sync:
		return needsAsync()
	case r.state == removing:
		return answer{status: 202, body: object{"operation": r.operation}}
	case r.state == changing:
		return busy()
	case failing(r.parameters) == "deprovision" && !r.removed:
		r.removed = true
		if !async || !q.accepts {
			return answer{status: 500, body: object{"description": "it failed", "instance_usable": false}}
		}
		return b.begin(r, removing, "failed", func(r *record) { r.state = active })
	case async && q.accepts:
		return b.begin(r, removing, "succeeded", func(r *record) { b.vanish(q, r) })
	}
	b.vanish(q, r)
	return answer{status: 200, body: object{}}
}

// vanish takes an instance's bindings along.
func (b *reference) vanish(q *question, r *record) {
	r.state = gone
	for key, bound := range b.bindings {
		if q.binding == "" && strings.HasPrefix(key, q.instance+"\n") {
			bound.state = gone
		}
	}
}

// failing is what parameters ask to fail.
func failing(parameters any) string {
	p, _ := parameters.(object)
	s, _ := p["fail"].(string)
	return s
}
