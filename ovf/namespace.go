package ovf

import (
	"encoding/xml"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

type binding struct{ prefix, uri string }

// declaration reads a namespace declaration: xmlns="…" or xmlns:prefix="…".
func declaration(a xml.Attr) (binding, bool) {
	switch {
	case a.Name.Space == "xmlns":
		return binding{a.Name.Local, a.Value}, true
	case a.Name.Space == "" && a.Name.Local == "xmlns":
		return binding{"", a.Value}, true
	}
	return binding{}, false
}

// resolve looks a prefix up from the innermost open element outwards.
func (s *scanner) resolve(prefix string) (string, bool) {
	switch prefix {
	case "xml":
		return nsXML, true
	case "xmlns":
		return nsXMLNS, true
	}
	for i := len(s.open) - 1; i >= 0; i-- {
		for _, b := range s.open[i].bindings {
			if b.prefix == prefix {
				return b.uri, b.uri != "" || prefix == ""
			}
		}
	}
	return "", prefix == ""
}

func (s *scanner) keepAttributes(el *etree.Element, attributes []xml.Attr) *syntaxError {
	if len(attributes) == 0 {
		return nil
	}
	el.Attr = make([]etree.Attr, 0, len(attributes))
	var declared []string
	for _, a := range attributes {
		name := a.Name
		if strings.Contains(name.Local, ":") {
			return refuse(CodeXMLSyntax, "attribute name %q has a misplaced colon", name.Local)
		}
		if b, ok := declaration(a); ok {
			if slices.Contains(declared, b.prefix) {
				return refuse(CodeXMLDuplicateAttribute, "attribute %s stands twice in element %s", name.Local, el.Tag)
			}
			declared = append(declared, b.prefix)
			continue
		}
		// An unprefixed attribute is in no namespace, whatever the default one is.
		if name.Space != "" {
			uri, ok := s.resolve(name.Space)
			if !ok {
				return refuse(CodeXMLPrefix, "attribute %s:%s: the prefix %q is bound to no namespace", name.Space, name.Local, name.Space)
			}
			name.Space = uri
		}
		// At most maxAttributesPerElement to compare with.
		for _, other := range el.Attr {
			if other.Key == name.Local && other.Space == name.Space {
				return refuse(CodeXMLDuplicateAttribute, "attribute %s stands twice in element %s", name.Local, el.Tag)
			}
		}
		el.Attr = append(el.Attr, etree.Attr{Space: name.Space, Key: name.Local, Value: a.Value})
	}
	return nil
}
