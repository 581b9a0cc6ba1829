package osbcheck

import "reflect"

const rotating = "Rotating a Service Binding"

// rotationRows are bind requests with predecessor_binding_id.
func rotationRows() []Row {
	return []Row{
		{"B13", "a rotation of an unknown binding, or of a plan that is not binding_rotatable, is refused and creates nothing", rotating, 17, Must, needs(bindable), rotateRefused},
		{"B14", "a rotation, with or without service_id and plan_id, gives a binding beside the one before", rotating, 17, Must, needs(rotatable), rotate},
		{"B15", "the same rotation again is 200 or 202; with another predecessor it is 409", rotating, 17, Must, needs(rotatable), rotateAgain},
	}
}

// rotation is the body of the standard's text, and with the ids that its OpenAPI
// document demands.
func (b *binding) rotation(whole bool) object {
	o := object{"predecessor_binding_id": b.id}
	if whole {
		return with(o, "service_id", b.order["service_id"], "plan_id", b.order["plan_id"])
	}
	return o
}

func rotateRefused(t *trial) {
	i := t.common()
	stranger, next := i.binding(), i.binding()
	for _, whole := range []bool{false, true} {
		t.refused(next.put(async, stranger.rotation(whole)), 400, 404, 422)
	}
	if v, _ := t.offer().plan["binding_rotatable"].(bool); !v {
		b, _ := t.finished()
		t.refused(next.put(async, b.rotation(true)), 400, 422)
	}
	t.expect(next.delete(async), 410)
}

func rotate(t *trial) {
	b, first := t.finished()
	for _, whole := range []bool{false, true} {
		next := t.common().binding()
		r := next.put(async, b.rotation(whole))
		if !t.expect(r, 201, 202) {
			continue
		}
		next.settle(r)
		if again := b.put(async); first.Status != 202 && t.expect(again, 200) {
			t.that(reflect.DeepEqual(first.body["credentials"], again.body["credentials"]), again, "the credentials of the predecessor as before")
		}
		next.settle(next.delete(async))
		t.expect(b.put(async), 200)
	}
}

func rotateAgain(t *trial) {
	b, _ := t.finished()
	next := t.common().binding()
	first := next.put(async, b.rotation(true))
	t.want(first, 201, 202)
	next.settle(first)
	t.expect(next.put(async, b.rotation(true)), 200, 202)
	other, _ := t.finished()
	t.expect(next.put(async, other.rotation(true)), 409)
}
