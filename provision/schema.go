package provision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// problems are the leaves of a schema violation, one sentence each, with the
// parameter's name and what is expected of it, but never its value.
func problems(e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		return []string{problem(e)}
	}
	var list []string
	for _, c := range e.Causes {
		list = append(list, problems(c)...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func problem(e *jsonschema.ValidationError) string {
	name := fmt.Sprintf("%q", strings.Join(e.InstanceLocation, "/"))
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		return fmt.Sprintf("%s is required", quoted(k.Missing))
	case *kind.AdditionalProperties:
		return fmt.Sprintf("%s is not a parameter of this plan", quoted(k.Properties))
	case *kind.Type:
		return fmt.Sprintf("%s must be of type %s, not %s", name, strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return fmt.Sprintf("%s must be one of %s", name, list(k.Want))
	case *kind.MinLength:
		return fmt.Sprintf("%s must have at least %d characters", name, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("%s must have at most %d characters", name, k.Want)
	case *kind.Minimum:
		return fmt.Sprintf("%s must be at least %s", name, k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("%s must be at most %s", name, k.Want.RatString())
	case *kind.Pattern:
		return fmt.Sprintf("%s must match %s", name, k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("%s must have at least %d entries", name, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("%s must have at most %d entries", name, k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("%s names the same entry twice", name)
	}
	return fmt.Sprintf("%s is not valid: it breaks the schema's %s", name, strings.Join(e.ErrorKind.KeywordPath(), "/"))
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for n, name := range names {
		q[n] = fmt.Sprintf("%q", name)
	}
	return strings.Join(q, ", ")
}

func list(values []any) string {
	t := make([]string, len(values))
	for n, v := range values {
		t[n] = fmt.Sprint(v)
	}
	return strings.Join(t, ", ")
}
