package provision

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// Insertion is what the reserved parameter keys say about the place of a service.
type Insertion struct {
	Networks []string `json:"networks,omitempty"` // tenant networks to protect, by id or name
	Network  string   `json:"network,omitempty"`  // of a binding: the one more
	Side     string   `json:"side,omitempty"`     // of a binding of a symmetric instance: where that is

	Sides map[string]sideParameters `json:"sides,omitempty"` // of a symmetric one, in place of networks
	Position
}

// place reads the reserved keys of checked parameters.
func place(parameters json.RawMessage) (Insertion, error) {
	var in Insertion
	if len(parameters) == 0 {
		return in, nil
	}
	if err := json.Unmarshal(parameters, &in); err != nil {
		return in, fault.New(fault.Invalid, "parameters: %s", jsonProblem(err))
	}
	return in, nil
}

// nowhere refuses a position of something that is in no network.
func (in Insertion) nowhere() error {
	if in.Before == "" && in.After == "" {
		return nil
	}
	return fault.New(fault.Invalid, "parameters: before and after are about networks, and none is named")
}

func jsonProblem(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return fmt.Sprintf("%s must be a %s, not a %s", t.Field, t.Type, t.Value)
	}
	return "must be a JSON object"
}

// validate checks parameters against a plan's JSON schema (draft-04) and gives them
// decoded, numbers as they were written. The sentence names each parameter that is
// wrong and why, never its value: it may be a password.
func validate(schema, parameters json.RawMessage) (map[string]any, error) {
	if len(parameters) == 0 || string(parameters) == "null" {
		parameters = json.RawMessage("{}")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(parameters))
	object, is := value.(map[string]any)
	if err != nil || !is {
		return nil, fault.New(fault.Invalid, "parameters must be a JSON object")
	}
	compiled, err := compiledSchemas.get(schema)
	if err != nil {
		return nil, fmt.Errorf("cannot read the plan's parameter schema: %w", err)
	}
	var wrong *jsonschema.ValidationError
	if err := compiled.Validate(object); errors.As(err, &wrong) {
		details := problems(wrong)
		return nil, &fault.Error{Kind: fault.Invalid, Message: "parameters: " + strings.Join(details, "; "), Details: details}
	}
	return object, nil
}

func compile(schema json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource("plan.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("plan.json")
}

// propertyValues are the package's properties out of checked parameters, in the
// text form that the OVF environment wants.
func propertyValues(in catalog.Insertion, checked map[string]any) (map[string]string, error) {
	values := map[string]string{}
	for key, v := range checked {
		if in.Reserved(key) {
			continue
		}
		text, err := propertyText(v)
		if err != nil {
			return nil, fault.New(fault.Invalid, "parameter %q: %s", key, err)
		}
		values[key] = text
	}
	return values, nil
}

func propertyText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case json.Number:
		return v.String(), nil
	}
	return "", errors.New("must be a string, a number or a boolean")
}

// digest tells a repeated request from a conflicting one. Fields are the parts
// that may not differ; JSON among them is compared by value.
func digest(fields ...any) string {
	h := sha256.New()
	for _, f := range fields {
		if raw, ok := f.(json.RawMessage); ok {
			f = canonical(raw)
		}
		text, _ := json.Marshal(f) // strings and values that came out of JSON always marshal
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// canonical is a JSON value with sorted keys; an absent one equals {} and null.
func canonical(raw json.RawMessage) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil || v == nil {
		return map[string]any{}
	}
	return v
}

// password makes a value for a password property that the tenant left open: at
// least 20 characters unless the property allows fewer.
func password(rules ovf.Rules) string {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"
	length := 20
	if rules.MinLen != nil {
		length = max(length, int(*rules.MinLen))
	}
	if rules.MaxLen != nil {
		length = min(length, int(*rules.MaxLen))
	}
	const fair = 256 - 256%len(letters) // beyond it some letters would come more often
	text := make([]byte, 0, length)
	var random [64]byte
	for len(text) < length {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random[:] {
			if int(b) < fair && len(text) < length {
				text = append(text, letters[int(b)%len(letters)])
			}
		}
	}
	return string(text)
}
