package ovf

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
)

// ParameterSchema returns the JSON schema, draft-04, of the parameters a tenant
// may give for that configuration: one member per user-configurable property,
// under its full id. "" means the default configuration. Only JSON types are
// in it, so it can be encoded and compared as it is.
func (p *Package) ParameterSchema(configuration string) map[string]any {
	if plan, ok := p.Plan(configuration); ok {
		configuration = plan.ID
	}
	properties, required := map[string]any{}, []any{}
	for _, property := range p.Properties() {
		if !property.UserConfigurable || !property.appliesTo(configuration) {
			continue
		}
		if _, twice := properties[property.ID]; !twice && property.RequiredIn(configuration) {
			required = append(required, property.ID)
		}
		properties[property.ID] = property.Schema(configuration)
	}
	schema := map[string]any{
		"$schema":              "http://json-schema.org/draft-04/schema#",
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
	}
	if len(required) > 0 { // draft-04 forbids an empty list
		schema["required"] = required
	}
	return schema
}

// RequiredIn reports whether a tenant must give the value: the property is
// user-configurable, has no default in that configuration, is not filled by
// the broker, and its type or its rules leave no room for an empty value.
func (p Property) RequiredIn(configuration string) bool {
	if value, _ := p.Value(configuration); value != "" || !p.UserConfigurable || p.Fill != nil {
		return false
	}
	return p.Check("") != nil
}

// Schema returns the draft-04 schema of this property's value in that
// configuration. A password has format "password", is writeOnly (a word of later
// drafts, which earlier ones ignore) and has no default; x-category is the heading
// under which the package groups it.
func (p Property) Schema(configuration string) map[string]any {
	schema := map[string]any{"type": p.jsonType(), "title": printable(p.Label, maxMessageLength)}
	if p.Description != "" {
		schema["description"] = p.Description
	}
	if p.Category != "" {
		schema["x-category"] = p.Category
	}
	p.addRange(schema)
	if p.Type == TypeString {
		addLengths(schema, p.Rules)
	}
	if len(p.Rules.Values) > 0 {
		schema["enum"] = p.enum()
	}
	if p.Password {
		schema["format"], schema["writeOnly"] = "password", true
		return schema
	}
	if value, _ := p.Value(configuration); value != "" && p.Check(value) == nil {
		schema["default"] = p.jsonValue(value)
	}
	return schema
}

func (p Property) jsonType() string {
	switch {
	case p.Type == TypeBoolean:
		return "boolean"
	case p.Type == TypeReal:
		return "number"
	case p.Type.isInteger():
		return "integer"
	}
	return "string"
}

// jsonValue turns a value that passed Check into its JSON type. Integers of
// 64 bits stay exact.
func (p Property) jsonValue(value string) any {
	if p.Type != TypeString {
		value = strings.TrimSpace(value)
	}
	switch {
	case p.Type == TypeBoolean:
		b, _ := parseBool(value)
		return b
	case p.Type == TypeReal:
		f, _ := parseReal(value)
		return f
	case p.Type.isInteger():
		n, _ := new(big.Int).SetString(value, 10)
		return json.Number(n.String())
	}
	return value
}

func (p Property) addRange(schema map[string]any) {
	if p.Type.isInteger() {
		low, high := p.Type.bounds()
		schema["minimum"], schema["maximum"] = json.Number(low.String()), json.Number(high.String())
	}
	if p.Type == TypeString || p.Type == TypeBoolean {
		return
	}
	if p.Rules.MinValue != nil {
		schema["minimum"] = *p.Rules.MinValue
	}
	if p.Rules.MaxValue != nil {
		schema["maximum"] = *p.Rules.MaxValue
	}
}

func addLengths(schema map[string]any, rules Rules) {
	if rules.MinLen != nil {
		schema["minLength"] = *rules.MinLen
	}
	if rules.MaxLen != nil {
		schema["maxLength"] = *rules.MaxLen
	}
}

// enum is the ValueMap as JSON values, without repetitions (draft-04) and
// without values the type itself does not allow.
func (p Property) enum() []any {
	var values []any
	for _, text := range p.Rules.Values {
		if p.checkType(text) != nil {
			continue
		}
		if value := p.jsonValue(text); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	return values
}
