package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/ovf"
)

// The reserved parameter keys, beside the package's properties: how an instance is
// inserted, which licences are accepted, and how many copies of each system there
// are. Network is a binding's, Nearest, Before and After both's, the others a
// provision's. Services that can be redirected to have more.
const (
	KeyNetworks = "networks"
	KeyNetwork  = "network"
	KeyNearest  = "nearest"
	KeyBefore   = "before"
	KeyAfter    = "after"
	KeyEULAs    = "accept_eulas"
	KeySides    = "sides" // of a symmetric service, in place of the networks
	KeySide     = "side"  // of its bindings, beside the network
	KeyCounts   = "instance_counts"
)

// maxSchema is how many bytes a schema may have (OSB v2.17, "Schemas Object").
const maxSchema = 64 << 10

// provisionSchema is the draft-04 schema of a plan's provision parameters: the
// package's user-configurable properties and the reserved keys. A password that
// the broker can make up is not required. When it is too long for a platform its
// descriptions go. What the broker adds is short, and has a title only where that says
// more than the key, because a catalog repeats it three times for each plan.
func provisionSchema(p *ovf.Package, configuration string, in Insertion) json.RawMessage {
	schema := p.ParameterSchema(configuration)
	properties := schema["properties"].(map[string]any)
	if in.Symmetric() {
		properties[KeySides] = in.sidesSchema()
	} else {
		properties[KeyNetworks] = in.networksSchema()
		addPosition(properties)
	}
	in.addRedirect(properties)
	in.addFailure(properties)
	if eulas := eulasOf(p); len(eulas) > 0 {
		properties[KeyEULAs] = eulaSchema(eulas)
	}
	if counts := structureOf(p).ScaleOut; len(counts) > 0 {
		properties[KeyCounts] = countSchema(counts)
	}
	optional := map[any]bool{}
	for _, property := range p.Properties() {
		optional[property.ID] = optional[property.ID] || property.Password && property.Type == ovf.TypeString && len(property.Rules.Values) == 0
	}
	if required, ok := schema["required"].([]any); ok {
		required = slices.DeleteFunc(slices.Clone(required), func(id any) bool { return optional[id] })
		schema["required"] = required
		if len(required) == 0 { // draft-04 forbids an empty list
			delete(schema, "required")
		}
	}
	return brief(schema)
}

// networksSchema takes as many networks as there are pairs of legs for. Flows of any
// number of networks can be redirected through one pair.
func (in Insertion) networksSchema() map[string]any {
	networks := map[string]any{
		"type": "array", "description": "The networks, by name or id, to insert the service into",
		"items":    map[string]any{"type": "string", "minLength": 1, "maxLength": 255},
		"minItems": 1, "uniqueItems": true,
	}
	if !in.Redirects() {
		networks["maxItems"] = max(1, in.capacity())
	}
	return networks
}

// UpdateSchema is the draft-04 schema of what may be updated of an instance that
// was provisioned with a schema: the same, of which everything may be left out and
// stays as it is then, and no network need be left.
func UpdateSchema(provision json.RawMessage) json.RawMessage {
	var schema map[string]any
	if err := json.Unmarshal(provision, &schema); err != nil {
		return provision // a stored schema is one of ours
	}
	delete(schema, "required")
	if properties, ok := schema["properties"].(map[string]any); ok {
		if networks, ok := properties[KeyNetworks].(map[string]any); ok {
			delete(networks, "minItems")
		}
		for _, property := range properties {
			delete(property.(map[string]any), "default") // what is left out is not set to it
		}
	}
	return encode(schema)
}

// PlanSchema is the provision schema of a package's configuration, also of a
// package that is not on offer any more. NotFound when the package was removed.
func (c *Catalog) PlanSchema(ctx context.Context, id PackageID, configuration string, in Insertion) (json.RawMessage, error) {
	pkg, err := c.Descriptor(ctx, id)
	if err != nil {
		return nil, err
	}
	return provisionSchema(pkg, configuration, in), nil
}

// BindSchema is the draft-04 schema of a service's bind parameters.
func BindSchema(in Insertion) json.RawMessage {
	properties := map[string]any{
		KeyNetwork: map[string]any{
			"type": "string", "minLength": 1, "maxLength": 255,
			"description": "One more network, by name or id, to insert the service into",
		},
	}
	addPosition(properties)
	properties[KeyFailure] = failureSchema("What the network's traffic does when the service fails; left out, as the instance says")
	if in.Symmetric() {
		sides := []any{}
		for _, name := range in.SideNames() {
			sides = append(sides, name)
		}
		properties[KeySide] = map[string]any{"type": "string", "description": "The side that the network is on", "enum": sides}
	}
	if in.Redirects() {
		properties[KeyMatch] = matchSchema("Which of the network's flows are redirected; the instance's own when it is left out, all of them when it is empty")
	}
	return encode(map[string]any{
		"$schema": "http://json-schema.org/draft-04/schema#", "type": "object",
		"properties": properties, "additionalProperties": false,
	})
}

// countSchema takes a number of copies for each system that may have several.
func countSchema(counts []ScaleOut) map[string]any {
	properties := map[string]any{}
	for _, o := range counts {
		count := map[string]any{"type": "integer", "title": oneLine(o.System), "minimum": o.Minimum, "maximum": o.Maximum, "default": o.Default}
		if o.Description != "" {
			count["description"] = o.Description
		}
		properties[o.System] = count
	}
	return map[string]any{
		"type": "object", "title": "Instance counts", "description": "How many copies of a system there are",
		"properties": properties, "additionalProperties": false,
	}
}

// addPosition adds what may be said of a service's place in the chains of its
// networks. Nearest has no default: what a form would send of itself moves what
// before and after place.
func addPosition(properties map[string]any) {
	properties[KeyNearest] = map[string]any{
		"type": "string", "enum": []any{"hosts", "gateway"},
		"description": "The end of the network's chain to join, or of the places that before and after leave; the gateway's by default",
	}
	for key, description := range map[string]string{
		KeyBefore: "The instance, by id or name, to stand directly before, nearer to the hosts",
		KeyAfter:  "The instance, by id or name, to stand directly after, nearer to the gateway",
	} {
		properties[key] = map[string]any{"type": "string", "minLength": 1, "maxLength": 255, "description": description}
	}
}

// tooLong says which plans have a schema that platforms refuse.
func tooLong(plans []Plan) []string {
	var m []string
	for _, p := range plans {
		if len(p.Schema) > maxSchema {
			m = append(m, fmt.Sprintf("fewer properties: the parameter schema of plan %q has %d bytes; platforms take %d", p.Name, len(p.Schema), maxSchema))
		}
	}
	return m
}

// encode cannot fail: a schema holds JSON types only.
func encode(schema map[string]any) json.RawMessage {
	text, err := json.Marshal(schema)
	if err != nil {
		panic(fmt.Sprintf("a schema of our own making is no JSON: %v", err))
	}
	return text
}
