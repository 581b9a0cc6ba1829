package ovf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/beevik/etree"
)

// document is the element tree of a descriptor with each element's namespace
// and place.
//
// The tree is etree's, but it is built here from the token stream: etree's own
// reading accepts empty input, two roots, duplicate attributes and unbound
// prefixes, knows no positions, and spends some seventy bytes per byte of tiny
// elements before any limit could stop it. White space between elements and comments are
// not kept.
type document struct {
	root   *etree.Element
	places map[*etree.Element]*place
	legacy bool // VMware's 0.9 namespace counts as OVF here, and so do elements in none
	late   bool // the XML declaration stands after white space
}

func (d *document) node(el *etree.Element) node { return node{el, d} }

// Namespaces of the standard and of its neighbours.
const (
	nsEnvelope1  = "http://schemas.dmtf.org/ovf/envelope/1"
	nsEnvelope2  = "http://schemas.dmtf.org/ovf/envelope/2"
	nsEnvelope09 = "http://www.vmware.com/schema/ovf/1/envelope"
	nsXML        = "http://www.w3.org/XML/1998/namespace"
	nsXMLNS      = "http://www.w3.org/2000/xmlns/"
	nsXSI        = "http://www.w3.org/2001/XMLSchema-instance"
	nsVMware     = "http://www.vmware.com/schema/ovf"
	nsVBox       = "http://www.virtualbox.org/ovf/machine"
	nsCIM        = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_"
	nsStrings    = "http://schemas.dmtf.org/ovf/strings/1"
	nsIBM        = "ibmpvc"
	nsVCloud     = "http://www.vmware.com/vcloud/v1.5"
)

func (d *document) isOVF(namespace string) bool {
	return namespace == nsEnvelope1 || namespace == nsEnvelope2 ||
		(d.legacy && (namespace == nsEnvelope09 || namespace == ""))
}

// syntaxError is what makes a descriptor unreadable, and where.
type syntaxError struct {
	code         Code
	line, column int
	message      string
}

func (e *syntaxError) Error() string { return e.message }

// scanner builds a document out of tokens, checking well-formedness with
// namespaces, and every limit before it allocates for the thing limited.
type scanner struct {
	limits     Limits
	source     *tokenBudget
	decoder    *xml.Decoder
	doc        *document
	open       []frame
	elements   int
	attributes int
}

// frame is an element whose end has not been seen.
type frame struct {
	el       *etree.Element
	place    *place
	bindings []binding      // namespace declarations of this element
	counts   map[string]int // children so far by name
	text     bool           // some text has been kept and no child has followed
	children bool
}

type binding struct{ prefix, uri string }

// tokenBudget feeds the tokenizer bytewise and stops it when one token grows
// beyond maxToken; the tokenizer itself would hold all of it first.
type tokenBudget struct {
	*bytes.Reader
	used int
}

var errTokenTooLong = errors.New("one tag, comment or text is longer than 2 MiB")

func (b *tokenBudget) ReadByte() (byte, error) {
	if b.used++; b.used > maxToken {
		return 0, errTokenTooLong
	}
	return b.Reader.ReadByte()
}

// parseDocument reads data, which must be UTF-8.
func parseDocument(data []byte, limits Limits) (*document, *syntaxError) {
	source := &tokenBudget{Reader: bytes.NewReader(data)}
	s := &scanner{
		limits: limits, source: source, decoder: xml.NewDecoder(source),
		doc: &document{places: make(map[*etree.Element]*place)},
	}
	// The bytes have been converted before; what they once were is no matter.
	s.decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	for first := true; ; first = false {
		line, column := s.decoder.InputPos()
		source.used = 0
		token, err := s.decoder.RawToken()
		if errors.Is(err, io.EOF) && token == nil {
			return s.finish(line, column)
		}
		if err != nil {
			line, column = s.decoder.InputPos()
			return nil, s.tokenError(line, column, err)
		}
		if fail := s.token(token, line, column, first); fail != nil {
			fail.line, fail.column = line, column
			return nil, fail
		}
	}
}

func (s *scanner) finish(line, column int) (*document, *syntaxError) {
	switch {
	case len(s.open) > 0:
		top := s.open[len(s.open)-1].place
		return nil, &syntaxError{CodeXMLSyntax, line, column,
			fmt.Sprintf("the file ends inside element %s of line %d", top.name, top.line)}
	case s.doc.root == nil:
		return nil, &syntaxError{CodeXMLEmpty, line, column, "there is no element in the file"}
	}
	return s.doc, nil
}

func (s *scanner) tokenError(line, column int, err error) *syntaxError {
	if errors.Is(err, errTokenTooLong) {
		return &syntaxError{CodeXMLLimit, line, column, err.Error()}
	}
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return &syntaxError{CodeXMLSyntax, line, column, "not well-formed XML: " + syntax.Msg}
	}
	return &syntaxError{CodeXMLSyntax, line, column, "not well-formed XML: " + strings.TrimPrefix(err.Error(), "xml: ")}
}

func refuse(code Code, format string, args ...any) *syntaxError {
	return &syntaxError{code: code, message: fmt.Sprintf(format, args...)}
}

func (s *scanner) token(token xml.Token, line, column int, first bool) *syntaxError {
	switch t := token.(type) {
	case xml.StartElement:
		return s.start(t, line, column)
	case xml.EndElement:
		return s.end(t)
	case xml.CharData:
		return s.chars(t)
	case xml.Directive:
		return refuse(CodeXMLDoctype, "a document type declaration is not accepted")
	case xml.ProcInst:
		if t.Target == "xml" && !first && s.doc.root == nil {
			s.doc.late = true // not well-formed, and harmless
		} else if t.Target == "xml" && !first {
			return refuse(CodeXMLSyntax, "the XML declaration is not at the start of the file")
		}
	}
	return nil
}

func (s *scanner) start(t xml.StartElement, line, column int) *syntaxError {
	if fail := s.budget(t); fail != nil {
		return fail
	}
	el := etree.NewElement(t.Name.Local)
	el.Space = t.Name.Space
	f := frame{el: el, place: &place{name: t.Name.Local, ordinal: 1, line: int32(line), column: int32(column)}}
	if len(s.open) == 0 {
		s.doc.root = el
	} else {
		parent := &s.open[len(s.open)-1]
		parent.adopt(&f)
	}
	for _, a := range t.Attr {
		if b, ok := declaration(a); ok {
			f.bindings = append(f.bindings, b)
		}
	}
	s.open = append(s.open, f)
	namespace, ok := s.resolve(t.Name.Space)
	if !ok {
		return refuse(CodeXMLPrefix, "element %s:%s: the prefix %q is bound to no namespace", t.Name.Space, t.Name.Local, t.Name.Space)
	}
	f.place.namespace = namespace
	s.doc.places[el] = f.place
	return s.keepAttributes(el, t.Attr)
}

func (s *scanner) budget(t xml.StartElement) *syntaxError {
	s.elements++
	s.attributes += len(t.Attr)
	switch {
	case len(s.open) == 0 && s.doc.root != nil:
		return refuse(CodeXMLRoots, "a second root element %s follows the first", t.Name.Local)
	case s.elements > s.limits.Elements:
		return refuse(CodeXMLLimit, "more than %d elements", s.limits.Elements)
	case s.attributes > s.limits.Attributes:
		return refuse(CodeXMLLimit, "more than %d attributes", s.limits.Attributes)
	case len(t.Attr) > maxAttributesPerElement:
		return refuse(CodeXMLLimit, "element %s has more than %d attributes", t.Name.Local, maxAttributesPerElement)
	case len(s.open) >= s.limits.Depth:
		return refuse(CodeXMLLimit, "elements are nested deeper than %d", s.limits.Depth)
	case strings.Contains(t.Name.Local, ":"):
		return refuse(CodeXMLSyntax, "element name %q has a misplaced colon", t.Name.Local)
	}
	return nil
}

// adopt makes f a child and numbers it among its namesakes.
func (p *frame) adopt(f *frame) {
	p.el.AddChild(f.el)
	p.children = true
	if p.counts == nil {
		p.counts = make(map[string]int)
	}
	p.counts[f.place.name]++
	f.place.ordinal = int32(p.counts[f.place.name])
	f.place.parent = p.place
}

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
	seen := make(map[xml.Name]struct{}, len(attributes))
	for _, a := range attributes {
		name := a.Name
		if strings.Contains(name.Local, ":") {
			return refuse(CodeXMLSyntax, "attribute name %q has a misplaced colon", name.Local)
		}
		// An unprefixed attribute is in no namespace, whatever the default one is.
		if name.Space != "" {
			uri, ok := s.resolve(name.Space)
			if !ok {
				return refuse(CodeXMLPrefix, "attribute %s:%s: the prefix %q is bound to no namespace", name.Space, name.Local, name.Space)
			}
			name.Space = uri
		}
		if _, twice := seen[name]; twice {
			return refuse(CodeXMLDuplicateAttribute, "attribute %s stands twice in element %s", name.Local, el.Tag)
		}
		seen[name] = struct{}{}
		el.Attr = append(el.Attr, etree.Attr{Space: name.Space, Key: name.Local, Value: a.Value})
	}
	return nil
}

func (s *scanner) end(t xml.EndElement) *syntaxError {
	if len(s.open) == 0 {
		return refuse(CodeXMLSyntax, "end tag %s has no start tag", t.Name.Local)
	}
	top := s.open[len(s.open)-1].el
	if top.Space != t.Name.Space || top.Tag != t.Name.Local {
		return refuse(CodeXMLSyntax, "end tag %s closes element %s", t.Name.Local, top.Tag)
	}
	s.open = s.open[:len(s.open)-1]
	return nil
}

// chars keeps the text before an element's first child. Comments and CDATA
// sections inside it do not split the value.
func (s *scanner) chars(t xml.CharData) *syntaxError {
	blank := len(bytes.TrimSpace(t)) == 0
	if len(s.open) == 0 {
		if !blank && !bytes.Equal(t, []byte("\ufeff")) {
			return refuse(CodeXMLRoots, "there is text outside the root element")
		}
		return nil
	}
	top := &s.open[len(s.open)-1]
	if top.children || (blank && !top.text) {
		return nil
	}
	top.text = true
	top.el.CreateText(string(t))
	return nil
}
