package ovf

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// xmlWriter writes indented XML. The first text that XML cannot hold is kept as
// its error.
type xmlWriter struct {
	bytes.Buffer
	open []string
	err  error
}

// xmlAttr is one attribute with its prefix, such as ovf:id.
type xmlAttr struct{ name, value string }

// some leaves out attributes without a value.
func some(attributes ...xmlAttr) []xmlAttr {
	var list []xmlAttr
	for _, a := range attributes {
		if a.value != "" {
			list = append(list, a)
		}
	}
	return list
}

// begin opens an element; end closes the innermost one.
func (x *xmlWriter) begin(name string, attributes ...xmlAttr) {
	x.tag(name, attributes)
	x.WriteString(">\n")
	x.open = append(x.open, name)
}

func (x *xmlWriter) end() {
	name := x.open[len(x.open)-1]
	x.open = x.open[:len(x.open)-1]
	x.indent()
	fmt.Fprintf(x, "</%s>\n", name)
}

// text writes an element that holds text, which may be empty.
func (x *xmlWriter) text(name, value string, attributes ...xmlAttr) {
	x.tag(name, attributes)
	if value == "" {
		x.WriteString("/>\n")
		return
	}
	x.WriteByte('>')
	x.WriteString(textEscapes.Replace(x.checked(name, value)))
	fmt.Fprintf(x, "</%s>\n", name)
}

// optional writes a text unless it is empty.
func (x *xmlWriter) optional(name, value string) {
	if value != "" {
		x.text(name, value)
	}
}

// empty writes an element of attributes only.
func (x *xmlWriter) empty(name string, attributes ...xmlAttr) { x.text(name, "", attributes...) }

func (x *xmlWriter) tag(name string, attributes []xmlAttr) {
	x.indent()
	x.WriteByte('<')
	x.WriteString(name)
	for _, a := range attributes {
		fmt.Fprintf(x, ` %s="%s"`, a.name, attributeEscapes.Replace(x.checked(a.name, a.value)))
	}
}

func (x *xmlWriter) indent() { x.WriteString(strings.Repeat("  ", len(x.open))) }

var (
	textEscapes      = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
	attributeEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\r", "&#13;", "\n", "&#10;", "\t", "&#9;")
)

// checked notes a text that XML 1.0 has no form for (clause 2.2).
func (x *xmlWriter) checked(name, value string) string {
	if x.err == nil && (!utf8.ValidString(value) || strings.ContainsFunc(value, outsideXML)) {
		x.err = fmt.Errorf("%s holds a character that XML cannot hold", name)
	}
	return value
}

func outsideXML(c rune) bool {
	return c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0xfffe || c == 0xffff
}
