package osbcheck

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"
)

// accept says whether a request carries accepts_incomplete=true.
type accept bool

const (
	async accept = true
	now   accept = false
)

// object is a JSON object.
type object = map[string]any

// instance is a service instance that a trial made, or tried to make.
type instance struct {
	t     *trial // that speaks to it
	id    string
	order object // body of the provision request
}

// fresh is an instance that nothing was sent for yet. It is removed when the trial
// ends.
func (t *trial) fresh() *instance {
	id := "osb-check-" + rand.Text()
	i := &instance{t: t, id: id, order: t.order(id)}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.made = append(t.made, i)
	return i
}

// order is a valid body of a provision request.
func (t *trial) order(id string) object {
	f := t.offer()
	organization, space := "organization-of-"+id, t.c.o.Space
	if all := t.c.o.Organizations; len(all) > 0 {
		organization = all[int(t.c.turn.Add(1))%len(all)]
	}
	if space == "" {
		space = "space-of-" + id
	}
	o := object{
		"service_id": f.service["id"], "plan_id": f.plan["id"], "organization_guid": organization, "space_guid": space,
		"context": t.c.context(organization, space, id),
	}
	if t.c.o.Parameters != nil {
		o["parameters"] = t.c.o.Parameters
	}
	return o
}

// context is that of the platform which the suite plays (profile.md, "Context Object").
func (c *check) context(organization, space, name string) object {
	if c.o.Platform == "kubernetes" {
		return object{"platform": "kubernetes", "namespace": organization, "clusterid": "osb-check", "instance_name": name}
	}
	return object{
		"platform": c.o.Platform, "organization_guid": organization, "organization_name": "osb-check",
		"space_guid": space, "space_name": "osb-check", "instance_name": name,
	}
}

// with is a copy of an object with keys set; a nil value removes the key.
func with(o object, pairs ...any) object {
	out := maps.Clone(o)
	for n := 0; n+1 < len(pairs); n += 2 {
		if key := pairs[n].(string); pairs[n+1] == nil {
			delete(out, key)
		} else {
			out[key] = pairs[n+1]
		}
	}
	return out
}

func (i *instance) path() string { return "/v2/service_instances/" + segment(i.id) }

// hints are service_id and plan_id, which a DELETE needs.
func (i *instance) hints() url.Values {
	return url.Values{"service_id": {fmt.Sprint(i.order["service_id"])}, "plan_id": {fmt.Sprint(i.order["plan_id"])}}
}

func (a accept) in(q url.Values) url.Values {
	out := maps.Clone(q)
	if out == nil {
		out = url.Values{}
	}
	if a {
		out.Set("accepts_incomplete", "true")
	}
	return out
}

// put provisions with the order, or with another body.
func (i *instance) put(a accept, body ...any) reply {
	r := request{method: "PUT", path: i.path(), query: a.in(nil), body: i.order}
	if len(body) > 0 {
		r.body = body[0]
	}
	return i.t.send(r)
}

func (i *instance) get(pairs ...string) reply {
	q := url.Values{}
	for n := 0; n+1 < len(pairs); n += 2 {
		q.Set(pairs[n], pairs[n+1])
	}
	return i.t.send(request{method: "GET", path: i.path(), query: q})
}

func (i *instance) patch(a accept, body any) reply {
	return i.t.send(request{method: "PATCH", path: i.path(), query: a.in(nil), body: body})
}

func (i *instance) delete(a accept) reply {
	return i.t.send(request{method: "DELETE", path: i.path(), query: a.in(i.hints())})
}

// poll asks for the last operation; an empty operation is not sent.
func (i *instance) poll(operation string) reply {
	return i.t.send(poll(i.path(), i.hints(), operation))
}

func poll(path string, hints url.Values, operation string) request {
	if operation != "" {
		hints.Set("operation", operation)
	}
	return request{method: "GET", path: path + "/last_operation", query: hints}
}

// wait polls until the operation has ended, and gives the last answer: of
// another state than in progress, or of another status than 200.
func (i *instance) wait(operation string) reply {
	return i.t.wait(func() reply { return i.poll(operation) })
}

// wait polls until something else than in progress is answered.
func (t *trial) wait(ask func() reply) reply {
	limit := time.Now().Add(t.c.pollLimit())
	for {
		r := ask()
		if r.Status != 200 || r.text("state") != "in progress" {
			return r
		}
		if time.Now().After(limit) {
			t.that(false, r, "an end of the operation within %s", t.c.pollLimit())
			panic(stop{})
		}
		select {
		case <-t.ctx.Done():
			t.block("the run was interrupted")
		case <-time.After(t.c.o.PollEvery):
		}
	}
}

// pollLimit is the shorter of the run's and the plan's.
func (c *check) pollLimit() time.Duration {
	if c.o.PollLimit > 0 {
		return c.o.PollLimit
	}
	limit := 10 * time.Minute
	if plan, ok := c.offer().plan["maximum_polling_duration"].(float64); ok && plan > 0 {
		limit = min(limit, time.Duration(plan)*time.Second)
	}
	return limit
}

// settle waits for the operation that a reply began, if it began one, and expects
// it to succeed.
func (i *instance) settle(r reply) reply {
	if r.Status != 202 {
		return r
	}
	end := i.wait(r.text("operation"))
	i.t.that(end.Status == 200 && end.text("state") == "succeeded" || end.Status == 410, end, `the operation of "%s" to succeed`, r.Request)
	return end
}

// provisioned is an instance that is there. Rows that need one and do not get it
// are blocked: rows about provisioning tell why.
func (t *trial) provisioned() *instance {
	i := t.fresh()
	if err := i.make(); err != nil {
		t.block("no instance can be had: %s", err)
	}
	return i
}

func (i *instance) make() error {
	r := i.put(async)
	if r.Status == 202 {
		r = i.wait(r.text("operation"))
		if r.Status != 200 || r.text("state") != "succeeded" {
			return failure("provisioning ended", r)
		}
		return nil
	}
	if r.Status/100 != 2 {
		return failure("provisioning was answered", r)
	}
	return nil
}

func failure(what string, r reply) error {
	return fmt.Errorf("%s with %d %s", what, r.Status, shortened(string(r.raw)))
}

// whileRunning does something to an instance whose operation is in progress.
func (i *instance) whileRunning(operation string, do func() reply) reply {
	return i.t.meanwhile(func() reply { return i.poll(operation) }, do)
}

// meanwhile does something between two polls that find an operation in progress.
// When the second finds it ended, nothing can be said against the answer.
func (t *trial) meanwhile(poll, do func() reply) reply {
	if poll().text("state") != "in progress" {
		t.skip(tooLate)
	}
	r := do()
	r.late = poll().text("state") != "in progress"
	return r
}

const tooLate = "the operation had ended before it could be interfered with"

// running provisions and skips the row when that is not asynchronous.
func (t *trial) running() (*instance, reply) {
	i := t.fresh()
	r := i.put(async)
	if r.Status != 202 {
		t.block("%s", failure("provisioning was answered", r))
	}
	return i, r
}

// leave removes what a trial made, also after the run was interrupted, and notes
// what is still there.
func (t *trial) leave(ctx context.Context) {
	if t.locks {
		defer t.c.shared.Unlock()
	}
	if t.c.o.Keep {
		return
	}
	ctx, cancel := outlasting(ctx)
	defer cancel()
	broom := &trial{c: t.c, ctx: ctx, row: Row{ID: t.row.ID, Strength: Must}}
	for _, b := range slices.Backward(t.bound) {
		if !broom.sweep(func() bool { return b.as(broom).remove() }) {
			t.c.left("binding " + b.id + " of instance " + b.i.id)
		}
	}
	for _, i := range t.made {
		if !broom.sweep(func() bool { return i.as(broom).remove() }) {
			t.c.left("instance " + i.id)
		}
	}
}

// outlasting is a context that ends a while after ctx does.
func outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(goodbye):
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

func (c *check) left(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leftover = append(c.leftover, what)
}

// sweep is do, with an end of the row taken as no.
func (t *trial) sweep(do func() bool) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, stopped := p.(stop); !stopped {
				panic(p)
			}
		}
	}()
	return do()
}

// as is the instance as another trial speaks to it.
func (i *instance) as(t *trial) *instance { return &instance{t, i.id, i.order} }

// remove deletes an instance, as often as it takes: a platform would, too.
func (i *instance) remove() bool {
	for range 10 {
		r := i.delete(async)
		switch r.Status {
		case 200, 410, 404:
			return true
		case 202:
			if end := i.wait(r.text("operation")); end.Status == 410 || end.text("state") == "succeeded" {
				return true
			}
		case 422: // something else is going on
			i.wait("")
		case 400: // an update that nobody followed may have changed the plan
			if change, _ := i.change(); change["plan_id"] != nil {
				i.order = with(i.order, "plan_id", change["plan_id"])
			}
		case 401, 403:
			return false
		}
		select {
		case <-i.t.ctx.Done():
			return false
		case <-time.After(i.t.c.o.PollEvery):
		}
	}
	return false
}
