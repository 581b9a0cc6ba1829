package osbcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema is the text of one of the plan's schemas, nil when it has none.
func (f offer) schema(of, verb string) any {
	schemas, _ := f.plan["schemas"].(object)
	noun, _ := schemas[of].(object)
	action, _ := noun[verb].(object)
	return action["parameters"]
}

// violation are parameters that the plan's schema forbids, made out of allowed ones.
func (f offer) violation(of, verb string, allowed any) (object, error) {
	text := f.schema(of, verb)
	if text == nil {
		return nil, fmt.Errorf("the plan has no schema for this")
	}
	schema, err := compile(text)
	if err != nil {
		return nil, fmt.Errorf("the plan's schema cannot be read: %w", err)
	}
	base := plain(allowed)
	if schema.Validate(anyOf(base)) != nil {
		base = object{}
	}
	for _, candidate := range candidates(base, text) {
		if schema.Validate(anyOf(candidate)) != nil {
			return candidate, nil
		}
	}
	return nil, errors.New("the plan's schema seems to forbid nothing")
}

// candidates are parameters that a schema may forbid: unknown ones, and known ones
// of every wrong type.
func candidates(base object, schema any) []object {
	list := []object{with(base, "osb-check-unknown", object{"a": "b"})}
	s, _ := schema.(object)
	properties, _ := s["properties"].(object)
	for name := range properties {
		for _, value := range []any{object{"a": []any{}}, "text", 1.5, true, []any{object{}}} {
			list = append(list, with(base, name, value))
		}
	}
	for name := range base {
		list = append(list, with(base, name, nil))
	}
	return append(list, object{})
}

// compile reads a schema and never anything that it refers to outside itself.
func compile(text any) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	c.UseLoader(noLoader{})
	if err := c.AddResource("osb:schema", anyOf(text)); err != nil {
		return nil, err
	}
	return c.Compile("osb:schema")
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%q is outside the schema", url)
}

// anyOf is a value as the schema library wants it.
func anyOf(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		return v
	}
	out, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return v
	}
	return out
}

// plain is a JSON object as a map, empty when there is none.
func plain(v any) object {
	out := object{}
	if text, err := json.Marshal(v); err == nil && v != nil {
		_ = json.Unmarshal(text, &out) // no object: empty
	}
	if out == nil {
		return object{}
	}
	return out
}

// drafts are the metaschemas that every platform reads (Cloud Foundry refuses a
// catalog with any other).
var drafts = []string{"http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-04/schema"}

func commonDraft(v any) bool {
	s, _ := v.(string)
	return slices.Contains(drafts, s)
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != ""
}
