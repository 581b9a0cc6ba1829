package osbcheck

// need ends a row that does not apply to the broker under test, with the reason.
type need func(*trial)

func offered(t *trial) { t.offer() }

// asynchronous: provisioning is accepted, not done in the request.
func asynchronous(t *trial) {
	if m := t.instanceMode(); !m.async {
		t.skip("provisioning is synchronous")
	}
}

func synchronous(t *trial) {
	if m := t.instanceMode(); !m.sync {
		t.skip("provisioning is asynchronous only")
	}
}

func onlyAsynchronous(t *trial) {
	if m := t.instanceMode(); m.sync {
		t.skip("provisioning can be synchronous")
	}
}

func (t *trial) instanceMode() mode {
	t.offer()
	m := t.c.instances()
	if m.err != nil {
		t.block("no instance can be had: %s", m.err)
	}
	return m
}

func retrievable(t *trial) {
	if v, _ := t.offer().service["instances_retrievable"].(bool); !v {
		t.skip("instances_retrievable is not true")
	}
}

func bindable(t *trial) {
	if !t.offer().flag("bindable", false) {
		t.skip("the plan is not bindable")
	}
	t.instanceMode()
	t.c.bindings()
}

func notBindable(t *trial) {
	if t.offer().flag("bindable", false) {
		t.skip("the plan is bindable")
	}
}

func bindingsRetrievable(t *trial) {
	bindable(t)
	if v, _ := t.offer().service["bindings_retrievable"].(bool); !v {
		t.skip("bindings_retrievable is not true")
	}
}

func (t *trial) bindMode() mode {
	bindable(t)
	m := t.c.bindings()
	if m.err != nil {
		t.block("no binding can be had: %s", m.err)
	}
	return m
}

func asynchronousBinding(t *trial) {
	if !t.bindMode().async {
		t.skip("binding is synchronous")
	}
}

func synchronousBinding(t *trial) {
	if !t.bindMode().sync {
		t.skip("binding is asynchronous only")
	}
}

func onlyAsynchronousBinding(t *trial) {
	asynchronousBinding(t)
	if t.bindMode().sync {
		t.skip("binding can be synchronous")
	}
}

func rotatable(t *trial) {
	bindable(t)
	if v, _ := t.offer().plan["binding_rotatable"].(bool); !v {
		t.skip("the plan is not binding_rotatable")
	}
}

func updateable(t *trial) {
	t.instanceMode()
	if _, why := (&instance{t: t, order: t.order("none")}).change(); why != "" {
		t.skip("%s", why)
	}
}

func (t *trial) updateMode() mode {
	updateable(t)
	m := t.c.updates()
	if m.err != nil {
		t.block("no update can be had: %s", m.err)
	}
	return m
}

func asynchronousUpdate(t *trial) {
	if !t.updateMode().async {
		t.skip("updating is synchronous")
	}
}

func synchronousUpdate(t *trial) {
	if !t.updateMode().sync {
		t.skip("updating is asynchronous only")
	}
}

func onlyAsynchronousUpdate(t *trial) {
	asynchronousUpdate(t)
	if t.updateMode().sync {
		t.skip("updating can be synchronous")
	}
}

func planFixed(t *trial) {
	f := t.offer()
	if f.flag("plan_updateable", false) {
		t.skip("the plan is plan_updateable")
	}
	if len(f.plans) < 2 {
		t.skip("the service has no other plan")
	}
}

func contextUpdates(t *trial) {
	if v, _ := t.offer().service["allow_context_updates"].(bool); !v {
		t.skip("allow_context_updates is not true")
	}
}

func maintained(t *trial) {
	if _, ok := t.offer().plan["maintenance_info"].(object); !ok {
		t.skip("the plan has no maintenance_info")
	}
}

// provoked: the run was given parameters that make the broker fail in this way.
func provoked(name string) need {
	return func(t *trial) {
		if t.c.o.Provoke[name] == nil {
			t.skip("nothing was given that provokes %q", name)
		}
	}
}

func credentialed(t *trial) {
	if t.c.o.Username == "" && t.c.o.Token == "" {
		t.skip("the broker is tested without credentials")
	}
}
