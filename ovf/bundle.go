package ovf

import (
	"strings"
)

// bundles reads the inline string bundles that fit the descriptor's language
// best: the exact locale wins over the bare language.
func (r *reader) bundles(root node) {
	language := r.pkg.Language
	if language == "" {
		language = "en-US" // DSP8023: the default of xml:lang
	}
	for _, exact := range []bool{false, true} {
		for n := range root.children {
			lang := foreignAttr(n, nsXML, "lang")
			if n.el.Tag != "Strings" || strings.EqualFold(lang, language) != exact || !sameLanguage(lang, language) {
				continue
			}
			for m := range n.children {
				if id, _ := r.attr(m, "msgid"); m.el.Tag == "Msg" && id != "" {
					r.messages[id] = strings.TrimSpace(m.el.Text())
				}
			}
		}
	}
}

func sameLanguage(a, b string) bool {
	a, _, _ = strings.Cut(a, "-")
	b, _, _ = strings.Cut(b, "-")
	return strings.EqualFold(a, b)
}

// otherRef notes a file that a string bundle or an icon is in.
func (r *reader) otherRef(n node, id string) {
	if _, ok := r.fileIDs[id]; !ok {
		// Texts have defaults and an icon is decoration: nothing is lost.
		r.warn(n.place(), CodeUnknownFile, "%s refers to file %q, which is not in References", n.el.Tag, printable(id, 60))
	}
	r.otherRefs[id] = true
}
