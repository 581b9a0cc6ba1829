package ovf

import (
	"bytes"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"
)

// EnvironmentFile is the name a guest looks for on its CD.
const EnvironmentFile = "ovf-env.xml"

const nsEnvironment = "http://schemas.dmtf.org/ovf/environment/1"

// Environment is the document a guest reads at boot (DSP8027). It may hold
// passwords in clear, so it is as secret as they are.
type Environment struct {
	ID         string // ovf:id of this virtual system
	Platform   Platform
	Properties []EnvironmentProperty
	Entities   []Entity
}

// Platform describes who runs the guest. Empty fields are left out.
type Platform struct {
	Kind     string
	Version  string
	Vendor   string
	Locale   string
	Timezone *int // minutes east of UTC
}

// EnvironmentProperty is a full property id and its value.
type EnvironmentProperty struct{ Key, Value string }

// Entity is a neighbour in the same collection.
type Entity struct {
	ID         string
	Properties []EnvironmentProperty
}

// Environment composes the document for one virtual system of a plan: every
// property that exists in that configuration, of the system and of the
// collections around it, and an entity for each neighbour with what that sees
// (DSP0243 11). A property of the system goes before one of the same id further
// out. Values are in the canonical form of their type (XML Schema part 2). values
// holds what differs from the defaults, by full property id; an id that the
// package does not have and a value against a property's rules are errors, which
// never show the value. "" means the default configuration or the first system.
func (p *Package) Environment(configuration, system string, values map[string]string) (Environment, error) {
	plan, ok := p.Plan(configuration)
	if !ok {
		return Environment{}, fmt.Errorf("the package has no configuration %q", configuration)
	}
	var content *Content
	for _, s := range p.Systems() {
		if content == nil && (system == "" || s.ID == system) {
			content = s
		}
	}
	if content == nil {
		return Environment{}, fmt.Errorf("the package has no virtual system %q", system)
	}
	if err := p.checkValues(values); err != nil {
		return Environment{}, err
	}
	env := Environment{ID: content.ID}
	env.Properties = content.environment(plan.ID, values)
	if content.Parent != nil {
		for _, sibling := range content.Parent.Children {
			if sibling != content {
				env.Entities = append(env.Entities, Entity{sibling.ID, sibling.environment(plan.ID, values)})
			}
		}
	}
	return env, nil
}

func (p *Package) checkValues(values map[string]string) error {
	known := map[string]bool{}
	for _, property := range p.Properties() {
		value, given := values[property.ID]
		known[property.ID] = true
		if !given {
			continue
		}
		if err := property.Check(value); err != nil {
			return err
		}
	}
	for id := range values {
		if !known[id] {
			return fmt.Errorf("the package has no property %q", printable(id, 100))
		}
	}
	return nil
}

// environment are the properties that a content sees: its own, then those of the
// collections around it, the nearest first.
func (c *Content) environment(configuration string, values map[string]string) []EnvironmentProperty {
	var outer, list []EnvironmentProperty
	if c.Parent != nil {
		outer = c.Parent.environment(configuration, values)
	}
	own := map[string]bool{}
	for _, property := range c.Properties() {
		if !property.appliesTo(configuration) {
			continue
		}
		value, given := values[property.ID]
		if !given {
			value, _ = property.Value(configuration)
			value = substituted(value, outer)
		}
		own[property.ID] = true
		list = append(list, EnvironmentProperty{property.ID, property.canonical(value)})
	}
	for _, property := range outer {
		if !own[property.Key] {
			list = append(list, property)
		}
	}
	return list
}

// substituted is a default, or what it stands for: ${id} means the value of a
// property of a collection around (DSP0243 9.5). What a tenant gives is taken as
// it is, and so is what names nothing.
func substituted(value string, outer []EnvironmentProperty) string {
	inner, opened := strings.CutPrefix(value, "${")
	name, closed := strings.CutSuffix(inner, "}")
	if !opened || !closed {
		return value
	}
	for _, property := range outer {
		if property.Key == name {
			return property.Value
		}
	}
	return value
}

// canonical is a value as a guest expects it, whatever spelling of its type was
// used; one that is not of its type is left as it is.
func (p Property) canonical(value string) string {
	trimmed := strings.TrimSpace(value)
	switch {
	case p.Type == TypeString || p.checkType(value) != nil:
		return value
	case p.Type == TypeBoolean:
		b, _ := parseBool(trimmed)
		return strconv.FormatBool(b)
	case p.Type.isInteger():
		n, _ := new(big.Int).SetString(trimmed, 10)
		return n.String()
	}
	return trimmed
}

// XML is the document in UTF-8. Every value comes out of a parser as it went
// in, white space included; a value with a character that XML cannot hold is
// an error, which names the property.
func (e Environment) XML() ([]byte, error) {
	names := []string{e.ID, e.Platform.Kind, e.Platform.Version, e.Platform.Vendor, e.Platform.Locale}
	for _, entity := range e.Entities {
		names = append(names, entity.ID)
	}
	for _, name := range names {
		if !isXMLText(name) {
			return nil, fmt.Errorf("the name %q holds a character that XML cannot hold", printable(name, 100))
		}
	}
	doc := etree.NewDocument()
	doc.WriteSettings = etree.WriteSettings{CanonicalAttrVal: true}
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	root := doc.CreateElement("Environment")
	root.CreateAttr("xmlns", nsEnvironment)
	root.CreateAttr("xmlns:oe", nsEnvironment)
	root.CreateAttr("oe:id", e.ID)
	e.Platform.write(root.CreateElement("PlatformSection"))
	if err := writeProperties(root, e.Properties); err != nil {
		return nil, err
	}
	for _, entity := range e.Entities {
		el := root.CreateElement("Entity")
		el.CreateAttr("oe:id", entity.ID)
		if err := writeProperties(el, entity.Properties); err != nil {
			return nil, err
		}
	}
	doc.Indent(2)
	var b bytes.Buffer
	if _, err := doc.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("cannot write environment: %w", err)
	}
	return b.Bytes(), nil
}

func (p Platform) write(section *etree.Element) {
	timezone := ""
	if p.Timezone != nil {
		timezone = strconv.Itoa(*p.Timezone)
	}
	for _, field := range [][2]string{
		{"Kind", p.Kind}, {"Version", p.Version}, {"Vendor", p.Vendor}, {"Locale", p.Locale}, {"Timezone", timezone},
	} {
		if field[1] != "" {
			section.CreateElement(field[0]).SetText(field[1])
		}
	}
}

func writeProperties(parent *etree.Element, properties []EnvironmentProperty) error {
	if len(properties) == 0 {
		return nil
	}
	section := parent.CreateElement("PropertySection")
	for _, p := range properties {
		if !isXMLText(p.Key) || !isXMLText(p.Value) {
			return fmt.Errorf("property %q holds a character that XML cannot hold", printable(p.Key, 100))
		}
		el := section.CreateElement("Property")
		el.CreateAttr("oe:key", p.Key)
		el.CreateAttr("oe:value", p.Value)
	}
	return nil
}

// isXMLText reports whether every character may stand in an XML 1.0 document.
func isXMLText(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0xfffe || c == 0xffff {
			return false
		}
	}
	return true
}
