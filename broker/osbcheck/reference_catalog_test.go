package osbcheck_test

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	etag     = `"version-1"`
	modified = "Sun, 06 Nov 1994 08:49:37 GMT"
)

// schema allows size and fail.
func schema() object {
	return object{
		"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "additionalProperties": false,
		"properties": object{"size": object{"type": "integer"}, "fail": object{"type": "string"}},
	}
}

func (b *reference) plan(id string) object {
	p := object{
		"id": id, "name": id, "description": "A plan.", "free": true, "maximum_polling_duration": 60,
		"metadata": object{"bullets": []any{"good"}, "costs": []any{object{"amount": object{"eur": 1.5}, "unit": "MONTH"}}},
		"schemas": object{
			"service_instance": object{"create": object{"parameters": schema()}, "update": object{"parameters": schema()}},
			"service_binding":  object{"create": object{"parameters": schema()}},
		},
		"plan_updateable": b.updateable, "binding_rotatable": b.rotatable,
	}
	if b.maintained {
		p["maintenance_info"] = object{"version": "1.0.0", "description": "the first"}
	}
	return p
}

func (b *reference) offering() object {
	return object{
		"id": "service-1", "name": "thing", "description": "A thing.", "bindable": b.bindable, "plan_updateable": b.updateable,
		"instances_retrievable": b.retrievable, "bindings_retrievable": b.retrievable, "allow_context_updates": b.contextUpdates,
		"tags": []any{"a"}, "requires": []any{}, "metadata": object{"displayName": "Thing", "shareable": true},
		"dashboard_client": object{"id": "client", "secret": "secret", "redirect_uri": "https://dashboard.example"},
		"plans":            []any{b.plan("plan-1"), b.plan("plan-2")},
	}
}

func (b *reference) catalog(q *question) answer {
	a := answer{status: 200, header: http.Header{"Etag": {etag}, "Last-Modified": {modified}}}
	none, since := q.Header.Get("If-None-Match"), q.Header.Get("If-Modified-Since")
	if none == "*" || strings.Contains(none, etag) || none == "" && since == modified {
		a.status = 304
		return a
	}
	first := b.offering()
	second := object{"id": "service-2", "name": "other", "description": "Another.", "bindable": false,
		"plans": []any{object{"id": "plan-3", "name": "plan-1", "description": "A plan."}}}
	c := object{"services": []any{first, second}}
	if b.broken.catalog != nil {
		b.broken.catalog(first, first["plans"].([]any)[0].(object))
	}
	a.body = copied(c)
	return a
}

// copied is a value without what it shares with others.
func copied(o object) (out object) {
	text, _ := json.Marshal(o)
	_ = json.Unmarshal(text, &out)
	return out
}

// allowed says whether a plan's schema lets parameters through.
func allowed(parameters any) bool {
	p, ok := parameters.(object)
	for key, v := range p {
		_, number := v.(float64)
		_, text := v.(string)
		ok = ok && (key == "size" && number || key == "fail" && text)
	}
	return ok || parameters == nil
}
