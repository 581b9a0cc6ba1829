package ovf

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// qualifier is one of a property's qualifiers, such as MinLen(1) or
// ValueMap{"a","b"}.
type qualifier struct {
	name      string
	arguments []string
}

// parseQualifiers reads a list separated by commas or spaces. Arguments stand
// in round brackets or braces, in quotes or bare. The time is linear in the text.
func parseQualifiers(s string) ([]qualifier, error) {
	var list []qualifier
	for {
		s = strings.TrimLeft(s, ", \t\r\n;")
		if s == "" {
			return list, nil
		}
		end := strings.IndexFunc(s, func(c rune) bool { return !isWordRune(c) })
		if end < 0 {
			end = len(s)
		}
		if end == 0 {
			return list, fmt.Errorf("a qualifier cannot begin with %q", printable(s[:1], 8))
		}
		q := qualifier{name: s[:end]}
		s = strings.TrimLeft(s[end:], " \t\r\n")
		if s != "" && (s[0] == '(' || s[0] == '{') {
			inner, rest, err := bracketed(s)
			if err != nil {
				return list, fmt.Errorf("qualifier %s: %w", printable(q.name, 40), err)
			}
			if q.arguments, err = splitArguments(inner); err != nil {
				return list, fmt.Errorf("qualifier %s: %w", printable(q.name, 40), err)
			}
			s = rest
		}
		list = append(list, q)
	}
}

func isWordRune(c rune) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// bracketed returns what stands between the bracket s begins with and its
// partner; brackets inside quotes do not count.
func bracketed(s string) (inner, rest string, err error) {
	closing := byte(')')
	if s[0] == '{' {
		closing = '}'
	}
	quote := byte(0)
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case c == quote:
			quote = 0
		case quote == 0 && opensQuote(s[1:i], c):
			quote = c
		case quote == 0 && c == closing:
			return s[1:i], s[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("the closing %q is missing", closing)
}

// opensQuote reports whether c begins a quoted argument. VMware's older tools
// write single quotes, which count only where an argument begins: elsewhere
// they are apostrophes.
func opensQuote(before string, c byte) bool {
	if c != '\'' {
		return c == '"'
	}
	for i := len(before) - 1; i >= 0; i-- {
		switch before[i] {
		case ' ', '\t', '\n', '\r':
		case ',':
			return true
		default:
			return false
		}
	}
	return true
}

// splitArguments splits at commas outside quotes and takes the quotes off.
func splitArguments(s string) ([]string, error) {
	var list []string
	var word strings.Builder
	quote, any := byte(0), false
	flush := func() {
		if any {
			list = append(list, word.String())
		}
		word.Reset()
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\'' && !any):
			quote, any = c, true
		case quote == 0 && c == ',':
			flush()
			any = false
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r') && (!any || word.Len() == 0):
		default:
			word.WriteByte(c)
			any = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quotation mark is not closed")
	}
	flush()
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list, nil
}

// maxValues bounds a ValueMap; it becomes an enumeration in every catalog.
const maxValues = 1000

// vendorQualifiers are VMware's that say where a value comes from in vSphere
// and constrain nothing here.
var vendorQualifiers = []string{
	"VimIp", "Net", "AutoIp", "DomainName", "HostPrefix", "Dns", "Subnet",
	"SearchPath", "HttpProxy", "Expression", "Description", "Units", "Values",
}

func (r *reader) qualifiers(p *Property, text string) {
	if text == "" {
		return
	}
	list, err := parseQualifiers(text)
	if err != nil {
		r.warn(p.place, CodePropertyQualifier, "property %q: %v; the rest of its qualifiers is ignored", printable(p.Key, 60), err)
	}
	for _, q := range list {
		if err := r.qualifier(p, q); err != nil {
			r.warn(p.place, CodePropertyQualifier, "property %q: qualifier %s: %v; it is ignored", printable(p.Key, 60), printable(q.name, 40), err)
		}
	}
	rules := p.Rules
	if rules.MinLen != nil && rules.MaxLen != nil && *rules.MinLen > *rules.MaxLen ||
		rules.MinValue != nil && rules.MaxValue != nil && *rules.MinValue > *rules.MaxValue {
		r.err(p.place, CodePropertyRange, "property %q: the minimum is above the maximum", printable(p.Key, 60))
	}
}

func (r *reader) qualifier(p *Property, q qualifier) error {
	switch q.name {
	case "MinLen":
		return setLength(&p.Rules.MinLen, q)
	case "MaxLen":
		return setLength(&p.Rules.MaxLen, q)
	case "MinValue":
		return setValue(&p.Rules.MinValue, q)
	case "MaxValue":
		return setValue(&p.Rules.MaxValue, q)
	case "ValueMap":
		if len(q.arguments) == 0 || len(q.arguments) > maxValues {
			return fmt.Errorf("it must have 1 to %d values", maxValues)
		}
		p.Rules.Values = q.arguments
	case "Ip", "Netmask", "Gateway":
		if len(q.arguments) == 1 {
			p.Fill = r.fill(p, FillKind(strings.ToLower(q.name)), q.arguments[0])
		}
		if p.Fill == nil {
			p.Sources = append(p.Sources, Source{q.name, q.arguments})
		}
	default:
		if !slices.Contains(vendorQualifiers, q.name) {
			return errors.New("it is not known")
		}
		p.Sources = append(p.Sources, Source{q.name, q.arguments})
	}
	return nil
}

// fill binds a property to the addressing of a network of this package.
func (r *reader) fill(p *Property, kind FillKind, network string) *Fill {
	if !r.networks[network] {
		r.warn(p.place, CodeUnknownNetwork, "property %q: network %q is not in the NetworkSection, so the value is left to the user", printable(p.Key, 60), printable(network, 60))
		return nil
	}
	return &Fill{Kind: kind, Network: network}
}

func setLength(into **int64, q qualifier) error {
	n, err := strconv.ParseUint(first(q.arguments), 10, 31)
	if err != nil {
		return errors.New("its argument is no length")
	}
	v := int64(n)
	*into = &v
	return nil
}

func setValue(into **float64, q qualifier) error {
	v, err := parseReal(first(q.arguments))
	if err != nil {
		return errors.New("its argument is no number")
	}
	*into = &v
	return nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
