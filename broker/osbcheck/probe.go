package osbcheck

import (
	"errors"
	"fmt"
)

// offer is the service and the plan that are tried, as the catalog spells them.
type offer struct {
	service, plan object
	plans         []object // of the service
	err           error    // why there is none
}

func (f offer) names() (service, plan string) {
	service, _ = f.service["name"].(string)
	plan, _ = f.plan["name"].(string)
	return service, plan
}

// offer ends a row that needs one and there is none.
func (t *trial) offer() offer {
	f := t.c.offer()
	if f.err != nil {
		t.block("there is nothing to provision: %s", f.err)
	}
	return f
}

// flag is a boolean of the plan, else of the service, else the standard's default.
func (f offer) flag(name string, standard bool) bool {
	for _, o := range []object{f.plan, f.service} {
		if v, ok := o[name].(bool); ok {
			return v
		}
	}
	return standard
}

func (c *check) findOffer() offer {
	r, err := c.send(c.probes.ctx, request{method: "GET", path: "/v2/catalog"})
	if err != nil {
		return offer{err: err}
	}
	if r.Status != 200 {
		return offer{err: failure("the catalog was answered", r)}
	}
	service := pick(objects(r.body["services"]), c.o.Service)
	if service == nil {
		return offer{err: fmt.Errorf("the catalog has no service %q", c.o.Service)}
	}
	plans := objects(service["plans"])
	plan := pick(plans, c.o.Plan)
	if plan == nil {
		return offer{err: fmt.Errorf("service %v has no plan %q", service["name"], c.o.Plan)}
	}
	return offer{service: service, plan: plan, plans: plans}
}

// pick is the first of a list, or the one with that name or id.
func pick(list []object, name string) object {
	for _, o := range list {
		if name == "" || o["name"] == name || o["id"] == name {
			return o
		}
	}
	return nil
}

// objects are the members of an array that are objects.
func objects(v any) (list []object) {
	all, _ := v.([]any)
	for _, one := range all {
		if o, ok := one.(object); ok {
			list = append(list, o)
		}
	}
	return list
}

// mode is how a kind of request is answered: accepted (202) where the platform
// allows it, done in the request where it does not. A broker may do both.
type mode struct {
	async, sync bool
	err         error
	instance    *instance // that rows share; only of instances
}

var errNone = errors.New("this cannot be tried")

// probeInstances provisions the shared instance, and tries to provision another
// without allowing an asynchronous answer.
func (c *check) probeInstances() (m mode) {
	m.err = errNone
	c.probes.sweep(func() bool {
		i := c.probes.fresh()
		first := i.put(async)
		if m.err = i.finish(first, first.Status/100 == 2); m.err != nil {
			return false
		}
		m.instance, m.async = i, first.Status == 202
		alone := c.probes.fresh().put(now)
		m.sync = alone.Status == 200 || alone.Status == 201
		return true
	})
	return m
}

// finish waits for an instance's first request; fine says whether its answer was.
func (i *instance) finish(r reply, fine bool) error {
	if !fine {
		return failure("provisioning was answered", r)
	}
	if r.Status != 202 {
		return nil
	}
	if end := i.wait(r.text("operation")); end.text("state") != "succeeded" {
		return failure("provisioning ended", end)
	}
	return nil
}

func (c *check) probeBindings() (m mode) {
	c.shared.Lock()
	defer c.shared.Unlock()
	m.err = errNone
	c.probes.sweep(func() bool {
		b := c.probes.common().binding()
		first := b.put(async)
		m.async, m.err = first.Status == 202, nil
		if first.Status/100 != 2 {
			m.err = failure("binding was answered", first)
			return false
		}
		b.settle(first)
		b.remove()
		b = c.probes.common().binding()
		alone := b.put(now)
		m.sync = alone.Status == 200 || alone.Status == 201
		b.remove()
		return true
	})
	return m
}

func (c *check) probeUpdates() (m mode) {
	m.err = errNone
	c.probes.sweep(func() bool {
		i := c.probes.provisioned()
		change, why := i.change()
		if why != "" {
			m.err = errors.New(why)
			return false
		}
		alone := i.patch(now, change)
		m.err, m.sync = nil, alone.Status == 200
		if m.sync {
			c.probes.updated(i)
			i = c.probes.provisioned()
		}
		other := i.patch(async, change)
		m.async = other.Status == 202
		if !m.sync && !m.async {
			m.err = failure("updating was answered", other)
		}
		i.settle(other)
		c.probes.updated(i)
		return true
	})
	return m
}

// change is the body of an update that changes something, or why there is none.
func (i *instance) change() (body object, why string) {
	body = object{"service_id": i.order["service_id"], "context": i.order["context"]}
	if i.t.c.o.UpdateParameters != nil {
		return with(body, "parameters", i.t.c.o.UpdateParameters, "previous_values", i.previous()), ""
	}
	f := i.t.offer()
	if !f.flag("plan_updateable", false) {
		return nil, "nothing to update with: the plan cannot be changed (plan_updateable), and no update parameters were given"
	}
	for _, p := range f.plans {
		if p["id"] != f.plan["id"] && (i.t.c.o.UpdatePlan == "" || p["id"] == i.t.c.o.UpdatePlan || p["name"] == i.t.c.o.UpdatePlan) {
			return with(body, "plan_id", p["id"], "previous_values", i.previous()), ""
		}
	}
	return nil, "nothing to update with: the service has no other plan, and no update parameters were given"
}

func (i *instance) previous() object {
	return object{"service_id": i.order["service_id"], "plan_id": i.order["plan_id"],
		"organization_id": i.order["organization_guid"], "space_id": i.order["space_guid"]}
}
