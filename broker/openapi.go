package broker

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/broker/api"
)

// showOpenAPI is the OpenAPI 3.1 document of all routes.
func (s *Server) showOpenAPI(context.Context, *call) (content, error) {
	body, err := json.MarshalIndent(document(s.rows, s.Version), "", "  ")
	if err != nil {
		return content{}, fmt.Errorf("cannot encode the OpenAPI document: %w", err)
	}
	return content{"application/json", append(body, '\n')}, nil
}

type object = map[string]any

// document describes rows; types are described once, by name.
func document(rows []route, version string) object {
	schemas := schemas{}
	paths := object{}
	for _, row := range rows {
		item, ok := paths[row.path].(object)
		if !ok {
			item = object{}
			paths[row.path] = item
		}
		item[strings.ToLower(row.method)] = operation(row, schemas)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Bumpwire", "version": version,
			"description": "Under /v2/ the Open Service Broker API 2.17, whose standard says more than this document; under /v1/ the management API.",
			"license":     object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"paths": paths,
		"components": object{
			"schemas":         schemas.with(problemType(), osbErrorType()),
			"securitySchemes": object{"basic": object{"type": "http", "scheme": "basic"}, "token": object{"type": "http", "scheme": "bearer"}},
		},
	}
}

func operation(row route, s schemas) object {
	op := object{
		"summary":     row.summary,
		"description": "For " + string(row.access) + ".",
		"responses":   responses(row, s),
	}
	switch row.access {
	case anyone:
		op["security"] = []object{}
	case platforms:
		op["security"] = []object{{"basic": []string{}}}
	default:
		op["security"] = []object{{"basic": []string{}}, {"token": []string{}}}
	}
	if parameters := pathParameters(row.path); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if row.takes != nil {
		op["requestBody"] = object{"content": object{"application/json": object{"schema": s.of(row.takes)}}}
	}
	return op
}

func pathParameters(path string) []object {
	var list []object
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			list = append(list, object{
				"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"},
			})
		}
	}
	return list
}

func responses(row route, s schemas) object {
	success := object{"description": "done"}
	switch row.gives {
	case reflect.TypeFor[nothing](), reflect.TypeFor[content](), reflect.TypeFor[any]():
	default:
		success["content"] = object{"application/json": object{"schema": s.of(row.gives)}}
	}
	refused := problemType()
	if strings.HasPrefix(row.path, "/v2/") {
		refused = osbErrorType()
	}
	return object{
		fmt.Sprint(row.status): success,
		"default":              object{"description": "refused", "content": object{"application/json": object{"schema": s.of(refused)}}},
	}
}

// schemas are JSON schemas of Go types, by name.
type schemas map[string]any

func (s schemas) with(types ...reflect.Type) schemas {
	for _, t := range types {
		s.of(t)
	}
	return s
}

// of describes a type as encoding/json writes it.
func (s schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[json.RawMessage]():
		return object{}
	case t == reflect.TypeFor[json.Number]():
		return object{"type": "number"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.named(t)
	}
	return object{}
}

func (s schemas) named(t reflect.Type) object {
	name := schemaName(t)
	if _, known := s[name]; !known {
		s[name] = object{} // before its fields: types may hold themselves
		s[name] = s.structure(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// schemaName is package and type, as two packages have an Instance.
func schemaName(t reflect.Type) string {
	name := t.String()
	name = strings.NewReplacer("[", "_", "]", "", "github.com/bumpwire/bumpwire/", "", "/", ".", "*", "").Replace(name)
	return name
}

func (s schemas) structure(t reflect.Type) object {
	properties := object{}
	var required []string
	for n := range t.NumField() {
		f := t.Field(n)
		tag := f.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		switch {
		case f.Anonymous && name == "":
			embedded := s.structure(f.Type)
			for k, v := range embedded["properties"].(object) {
				properties[k] = v
			}
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		properties[name] = s.of(f.Type)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	out := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func problemType() reflect.Type  { return reflect.TypeFor[api.Problem]() }
func osbErrorType() reflect.Type { return reflect.TypeFor[api.OSBError]() }
