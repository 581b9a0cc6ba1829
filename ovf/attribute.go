package ovf

import (
	"strconv"
	"strings"
)

// attr returns an OVF attribute, trimmed. The schema wants it qualified
// (DSP8023, attributeFormDefault); many writers leave the prefix out, which is
// tolerated. The same name in another namespace is another attribute.
func (r *reader) attr(n node, name string) (string, bool) {
	if n.el == nil {
		return "", false
	}
	value, bare, found := "", false, false
	for _, a := range n.el.Attr {
		if a.Key != name {
			continue
		}
		if r.doc.isOVF(a.Space) {
			return strings.TrimSpace(a.Value), true
		}
		if a.Space == "" {
			value, bare, found = strings.TrimSpace(a.Value), true, true
		}
	}
	if bare && !r.noPrefix {
		r.noPrefix = true
		r.warn(n.place(), CodeAttributePrefix, "attribute %s bears no OVF namespace; it and others like it are read as OVF's", name)
	}
	return value, found
}

// need is attr for an attribute that must be there and not be empty.
func (r *reader) need(n node, name string) string {
	value, _ := r.attr(n, name)
	if value == "" {
		r.err(n.place(), CodeMissingAttribute, "%s has no %s", n.place().name, name)
	}
	return value
}

// exact is attr without the trimming.
func (r *reader) exact(n node, name string) string {
	value := ""
	for _, a := range n.el.Attr {
		switch {
		case a.Key != name:
		case r.doc.isOVF(a.Space):
			return a.Value
		case a.Space == "":
			value = a.Value
		}
	}
	return value
}

// foreignAttr returns an attribute of that namespace.
func foreignAttr(n node, namespace, name string) string {
	for _, a := range n.el.Attr {
		if a.Key == name && a.Space == namespace {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// flag reads an xs:boolean attribute.
func (r *reader) flag(n node, name string, standard bool) bool {
	value, ok := r.attr(n, name)
	if !ok || value == "" {
		return standard
	}
	b, ok := parseBool(value)
	if !ok {
		r.err(n.place(), CodeValue, "%s is %q; it must be true or false", name, printable(value, 40))
		return standard
	}
	return b
}

// parseBool reads an xs:boolean; vendors write it in any case.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

// number reads a decimal integer of at least min; ok is false, with a
// finding, when it is none.
func (r *reader) number(at *place, what, text string, min int64) (n int64, ok bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case isPlaceholder(text):
		r.err(at, CodePlaceholder, "%s is %q: a template's placeholder was left in", what, printable(text, 60))
	case err != nil || strings.HasPrefix(text, "+"):
		r.err(at, CodeNumber, "%s is %q; it must be a whole number below 2^63", what, printable(text, 60))
	case n < min:
		r.err(at, CodeNumber, "%s is %d; it must be at least %d", what, n, min)
	default:
		return n, true
	}
	return 0, false
}

// isPlaceholder recognises what build scripts leave behind when they were not
// run: @@SIZE@@, ${SIZE}, {size}, %SIZE%.
func isPlaceholder(s string) bool {
	for _, mark := range [][2]string{{"@@", "@@"}, {"${", "}"}, {"{", "}"}, {"%", "%"}} {
		if len(s) > len(mark[0])+len(mark[1]) && strings.HasPrefix(s, mark[0]) && strings.HasSuffix(s, mark[1]) {
			return true
		}
	}
	return false
}

// text is a localisable text that is shown to people: cleaned of what does not
// show, and cut off at maxText bytes.
func (r *reader) text(n node) string { return presentable(r.message(n), maxText) }

// maxText bounds a label or a description. Licences are bound by the
// descriptor alone.
const maxText = 64 * kib

// message is a localisable text: the message its msgid names in the string
// bundles, else its own text, trimmed.
func (r *reader) message(n node) string {
	if !n.exists() {
		return ""
	}
	if id, ok := r.attr(n, "msgid"); ok {
		if message, ok := r.messages[id]; ok {
			return message
		}
	}
	return strings.TrimSpace(n.el.Text())
}

// list splits a space-separated list.
func list(s string) []string { return strings.Fields(s) }

// listed splits a list that vendors separate by spaces or commas.
func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
}

// required reads ovf:required, which defaults to true (DSP8023).
func (r *reader) required(n node) bool { return r.flag(n, "required", true) }
