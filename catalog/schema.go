package catalog

import (
	"encoding/json"
	"slices"

	"github.com/bumpwire/bumpwire/ovf"
)

// The reserved parameter keys: what a tenant says about a service's place.
const (
	KeyNetworks = "networks" // of a provision request: the tenant networks to protect
	KeyNetwork  = "network"  // of a bind request: one more
	KeyNearest  = "nearest"  // which end of the chain
)

// provisionSchema is the draft-04 schema of a plan's provision parameters: the
// package's own properties and the reserved keys. What the broker fills itself
// (addresses, passwords that a tenant leaves open) is never required.
func provisionSchema(pkg *ovf.Package, configuration string, in Insertion) map[string]any {
	schema := pkg.ParameterSchema(configuration)
	properties, _ := schema["properties"].(map[string]any)
	if properties == nil {
		properties = map[string]any{}
		schema["properties"] = properties
	}
	properties[KeyNetworks] = map[string]any{
		"type": "array", "title": "Networks", "description": "The tenant's networks whose traffic is to pass the service, by id or name.",
		"items": map[string]any{"type": "string"}, "minItems": 1, "maxItems": max(1, in.capacity()), "uniqueItems": true,
	}
	properties[KeyNearest] = nearestSchema()
	dropRequired(schema, pkg)
	return schema
}

func nearestSchema() map[string]any {
	return map[string]any{
		"type": "string", "title": "Position", "description": "Which end of the chain of services: next to the hosts or next to the gateway.",
		"enum": []any{"hosts", "gateway"}, "default": "gateway",
	}
}

// dropRequired takes passwords off the list of required parameters.
func dropRequired(schema map[string]any, pkg *ovf.Package) {
	required, _ := schema["required"].([]any)
	for _, p := range pkg.Properties() {
		if p.Password {
			required = slices.DeleteFunc(required, func(v any) bool { return v == p.ID })
		}
	}
	delete(schema, "required") // draft-04 forbids an empty list
	if len(required) > 0 {
		schema["required"] = required
	}
}

// BindSchema is the draft-04 schema of bind parameters, the same for all plans.
func BindSchema() json.RawMessage {
	raw, err := json.Marshal(map[string]any{
		"$schema": "http://json-schema.org/draft-04/schema#", "type": "object", "additionalProperties": false,
		"properties": map[string]any{
			KeyNetwork: map[string]any{
				"type": "string", "title": "Network", "description": "One more of the tenant's networks whose traffic is to pass the service, by id or name.",
			},
			KeyNearest: nearestSchema(),
		},
	})
	if err != nil {
		panic(err) // the schema is a constant of ours
	}
	return raw
}

// capacity is how many networks one instance can protect.
func (in Insertion) capacity() int {
	n := 0
	for _, l := range in.Legs {
		if l.Role == string(ovf.RoleInside) {
			n++
		}
	}
	return n
}
