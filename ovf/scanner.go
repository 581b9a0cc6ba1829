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

// scanner builds a document out of tokens, checking well-formedness with
// namespaces, and every limit before it allocates for the thing limited.
type scanner struct {
	limits     Limits
	source     *tokenBudget
	decoder    *xml.Decoder
	doc        *document
	open       []frame
	slab       []place
	attributes int
}

// frame is an element whose end has not been seen.
type frame struct {
	el       *etree.Element
	place    *place
	bindings []binding // namespace declarations of this element
	counts   ordinals  // children so far by name
	text     bool      // some text has been kept and no child has followed
	children bool
}

// parseDocument reads data, which must be UTF-8.
func parseDocument(data []byte, limits Limits) (*document, *syntaxError) {
	if fail := tooManyTags(data, limits); fail != nil {
		return nil, fail
	}
	source := &tokenBudget{data: data}
	s := &scanner{
		limits: limits, source: source, decoder: xml.NewDecoder(source),
		doc: &document{places: make(map[*etree.Element]*place, min(bytes.Count(data, []byte("</")), limits.Elements))},
	}
	// The bytes have been converted before; what they once were is no matter.
	s.decoder.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil }
	for first := true; ; first = false {
		line, column := s.decoder.InputPos()
		source.next()
		token, err := s.decoder.RawToken()
		if errors.Is(err, io.EOF) && token == nil {
			return s.finish(line, column)
		}
		if err != nil {
			line, column = positionOf(data, s.decoder.InputOffset())
			return nil, s.tokenError(line, column, err)
		}
		if fail := s.token(token, line, column, first); fail != nil {
			fail.line, fail.column = line, column
			return nil, fail
		}
	}
}

// positionOf is the place of a byte. The decoder's own is wrong where it has
// read a line break and given it back.
func positionOf(data []byte, offset int64) (line, column int) {
	before := data[:min(int(offset), len(data))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// tooManyTags counts what begins like a start tag before anything is built. In
// a comment it counts as well, which no descriptor has that many of.
func tooManyTags(data []byte, limits Limits) *syntaxError {
	if bytes.Count(data, []byte("<")) <= limits.Elements {
		return nil
	}
	tags, at := 0, 0
	for rest := data; ; rest = data[at:] {
		i := bytes.IndexByte(rest, '<')
		if i < 0 {
			return nil
		}
		at += i + 1
		if at < len(data) && (data[at] == '_' || data[at] >= 'A' && data[at] <= 'Z' || data[at] >= 'a') {
			tags++ // a name begins here, perhaps one of other letters
		}
		if tags > limits.Elements {
			break
		}
	}
	line := 1 + bytes.Count(data[:at], []byte("\n"))
	column := at - (bytes.LastIndexByte(data[:at], '\n') + 1)
	return &syntaxError{CodeXMLLimit, line, column, fmt.Sprintf("more than %d elements", limits.Elements)}
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
	f := frame{el: el, place: s.newPlace()}
	*f.place = place{name: t.Name.Local, ordinal: 1, line: int32(line), column: int32(column)}
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
	s.attributes += len(t.Attr)
	switch {
	case len(s.open) == 0 && s.doc.root != nil:
		return refuse(CodeXMLRoots, "a second root element %s follows the first", t.Name.Local)
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

// newPlace takes places from a slab: there is one for each element.
func (s *scanner) newPlace() *place {
	if len(s.slab) == 0 {
		s.slab = make([]place, 32)
	}
	p := &s.slab[0]
	s.slab = s.slab[1:]
	return p
}

// adopt makes f a child and numbers it among its namesakes.
func (p *frame) adopt(f *frame) {
	p.el.AddChild(f.el)
	p.children = true
	f.place.ordinal = p.counts.next(f.place.name)
	f.place.parent = p.place
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
	blank := isBlank(t)
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

func isBlank(text []byte) bool {
	for _, c := range text {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return true
}
