package catalog

import (
	"bytes"
	"encoding/json"
)

// KeyRegion is the reserved parameter that says in which region an instance is to be,
// where a broker has regions.
const KeyRegion = "region"

// WithRegions is a provision schema with the regions that an instance can be made in,
// of which the first is that of whoever names none. Without names it is what it was; so
// it is when the package has a property of that id, and then the parameter is not ours.
func WithRegions(provision json.RawMessage, names []string) (schema json.RawMessage, ours bool) {
	if len(names) == 0 {
		return provision, false
	}
	var decoded map[string]any
	d := json.NewDecoder(bytes.NewReader(provision))
	d.UseNumber()
	if err := d.Decode(&decoded); err != nil {
		return provision, false // a stored schema is one of ours
	}
	properties, ok := decoded["properties"].(map[string]any)
	if _, taken := properties[KeyRegion]; !ok || taken {
		return provision, false
	}
	enum := []any{}
	for _, name := range names {
		enum = append(enum, name)
	}
	properties[KeyRegion] = map[string]any{
		"type": "string", "enum": enum, "default": enum[0],
		"description": "The region to make the instance in, whose networks it is inserted into; it stays there",
	}
	return brief(decoded), true
}

// brief encodes a schema, without its descriptions when it is too long for a platform.
func brief(schema map[string]any) json.RawMessage {
	text := encode(schema)
	if len(text) > maxSchema {
		for _, property := range schema["properties"].(map[string]any) {
			delete(property.(map[string]any), "description")
		}
		text = encode(schema)
	}
	return text
}
