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

// fileUse notes that the file of that id is used; severity is of the finding
// when there is none. Without a bundle or an icon nothing is lost, so that one
// which a descriptor alone does not list is like a file that is not at hand.
func (r *reader) fileUse(n node, id string, severity Severity) {
	if _, ok := r.fileIDs[id]; !ok {
		r.note(severity, CodeUnknownFile, n.place(), "%s refers to file %q, which is not in References", n.el.Tag, printable(id, 60))
	}
	r.otherRefs[id] = true
}
