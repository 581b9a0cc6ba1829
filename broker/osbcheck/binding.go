package osbcheck

import (
	"crypto/rand"
	"net/url"
	"time"
)

// binding is a service binding that a trial made, or tried to make.
type binding struct {
	i     *instance
	id    string
	order object
}

// binding is one that nothing was sent for yet. It is removed when the trial ends.
func (i *instance) binding() *binding {
	b := &binding{i: i, id: "osb-check-" + rand.Text()}
	b.order = object{
		"service_id": i.order["service_id"], "plan_id": i.order["plan_id"],
		"bind_resource": object{"app_guid": "app-of-" + b.id}, "context": i.bindContext(),
	}
	if i.t.c.o.BindParameters != nil {
		b.order["parameters"] = i.t.c.o.BindParameters
	}
	i.t.mu.Lock()
	defer i.t.mu.Unlock()
	i.t.bound = append(i.t.bound, b)
	return b
}

// bindContext is the instance's without its name.
func (i *instance) bindContext() object {
	c, _ := i.order["context"].(object)
	return with(c, "instance_name", nil)
}

// common is the instance that rows share: they read it and bind to it, one row at
// a time.
func (t *trial) common() *instance {
	m := t.c.instances()
	if m.err != nil {
		t.block("no instance can be had: %s", m.err)
	}
	if !t.locks && t != t.c.probes {
		t.c.shared.Lock()
		t.locks = true
	}
	return m.instance.as(t)
}

// bound is a finished binding on the shared instance, with the answer that had its
// credentials.
func (t *trial) finished() (*binding, reply) {
	b := t.common().binding()
	r := b.put(async)
	if r.Status == 202 {
		if end := b.wait(r.text("operation")); end.text("state") != "succeeded" {
			t.block("no binding can be had: %s", failure("binding ended", end))
		}
		return b, r
	}
	if r.Status/100 != 2 {
		t.block("no binding can be had: %s", failure("binding was answered", r))
	}
	return b, r
}

func (b *binding) path() string { return b.i.path() + "/service_bindings/" + segment(b.id) }

func (b *binding) put(a accept, body ...any) reply {
	r := request{method: "PUT", path: b.path(), query: a.in(nil), body: b.order}
	if len(body) > 0 {
		r.body = body[0]
	}
	return b.i.t.send(r)
}

func (b *binding) get() reply {
	return b.i.t.send(request{method: "GET", path: b.path()})
}

func (b *binding) delete(a accept) reply {
	return b.i.t.send(request{method: "DELETE", path: b.path(), query: a.in(b.i.hints())})
}

func (b *binding) poll(operation string) reply {
	return b.i.t.send(poll(b.path(), b.i.hints(), operation))
}

func (b *binding) wait(operation string) reply {
	return b.i.t.wait(func() reply { return b.poll(operation) })
}

// settle is instance.settle for a binding.
func (b *binding) settle(r reply) reply {
	if r.Status != 202 {
		return r
	}
	end := b.wait(r.text("operation"))
	b.i.t.that(end.Status == 200 && end.text("state") == "succeeded" || end.Status == 410, end, `the operation of "%s" to succeed`, r.Request)
	return end
}

// whileRunning is instance.whileRunning for a binding.
func (b *binding) whileRunning(operation string, do func() reply) reply {
	return b.i.t.meanwhile(func() reply { return b.poll(operation) }, do)
}

// as is the binding as another trial speaks to it.
func (b *binding) as(t *trial) *binding { return &binding{b.i.as(t), b.id, b.order} }

// remove is instance.remove for a binding.
func (b *binding) remove() bool {
	for range 10 {
		r := b.delete(async)
		switch r.Status {
		case 200, 410, 404:
			return true
		case 202:
			if end := b.wait(r.text("operation")); end.Status == 410 || end.Status == 404 || end.text("state") == "succeeded" {
				return true
			}
		case 422: // something else is going on
			b.wait("")
		case 401, 403:
			return false
		}
		select {
		case <-b.i.t.ctx.Done():
			return false
		case <-time.After(b.i.t.c.o.PollEvery):
		}
	}
	return false
}

// removal is the query of a DELETE without one of its keys.
func (i *instance) removal(without string) url.Values {
	q := i.hints()
	q.Del(without)
	return q
}
