package ovf

import (
	"bytes"
	"io"
	"strings"
)

// maxBundle bounds an external string bundle, in bytes. They hold labels and
// licences.
const maxBundle = mib

// bundles reads the string bundles that fit the wanted language, the
// descriptor's own unless the caller wants another: first those of the language
// in other regions, then of the bare language, then of the exact locale; each
// message is the last one read. A message without an entry keeps the text
// that stands beside its id.
func (r *reader) bundles(root node) {
	language := r.locale
	if language == "" {
		language = r.pkg.Language
	}
	if language == "" {
		language = "en-US" // DSP8023: the default of xml:lang
	}
	for rank := otherRegion; rank <= exactLocale; rank++ {
		for n := range root.children {
			if n.el.Tag == "Strings" && localeRank(foreignAttr(n, nsXML, "lang"), language) == rank {
				r.bundle(n)
			}
		}
	}
	for n := range root.children {
		if ref, _ := r.attr(n, "fileRef"); n.el.Tag == "Strings" && ref != "" {
			r.fileUse(n, ref, r.forbidden())
		}
	}
}

// How well a bundle's language fits.
const (
	otherLanguage = iota
	otherRegion
	bareLanguage
	exactLocale
)

func localeRank(bundle, wanted string) int {
	language, _, _ := strings.Cut(bundle, "-")
	wantedLanguage, _, _ := strings.Cut(wanted, "-")
	switch {
	case strings.EqualFold(bundle, wanted):
		return exactLocale
	case strings.EqualFold(bundle, wantedLanguage):
		return bareLanguage
	case strings.EqualFold(language, wantedLanguage):
		return otherRegion
	}
	return otherLanguage
}

// bundle reads one Strings element, or the file that it names once that has
// come.
func (r *reader) bundle(n node) {
	ref, _ := r.attr(n, "fileRef")
	if ref == "" {
		r.takeMessages(n)
		return
	}
	at, ok := r.fileIDs[ref]
	if !ok || r.pkg.Files[at].Name == "" {
		return
	}
	name := r.pkg.Files[at].Name
	r.external[name] = true
	if data, ok := r.outside[name]; ok {
		r.externalBundle(name, data)
	}
}

func (r *reader) takeMessages(n node) {
	for m := range n.children {
		for _, a := range m.el.Attr {
			if m.el.Tag == "Msg" && a.Key == "msgid" && a.Value != "" {
				r.messages[strings.TrimSpace(a.Value)] = strings.TrimSpace(m.el.Text())
			}
		}
	}
}

// externalBundle reads a file that is nothing but a Strings element. It is
// scanned with the care that the descriptor is.
func (r *reader) externalBundle(file string, data []byte) {
	if len(data) > maxBundle {
		r.report.file(Error, CodeSizeLimit, file, "the string bundle is longer than %d bytes", maxBundle)
		return
	}
	text, _, problem := toUTF8(data)
	if problem != "" {
		r.report.file(Error, CodeEncoding, file, "%s", problem)
		return
	}
	doc, fail := parseDocument(text, r.limits)
	if fail != nil {
		r.add(Finding{Severity: Error, Code: fail.code, Message: fail.message, File: file, Line: fail.line, Column: fail.column})
		return
	}
	root := doc.node(doc.root)
	if root.el.Tag != "Strings" {
		at := root.place()
		r.add(Finding{Severity: Error, Code: CodeDialect, File: file, Line: int(at.line), Column: int(at.column), Path: at.path(),
			Message: "the root element is " + root.el.Tag + ", not Strings as of a string bundle"})
		return
	}
	r.takeMessages(root)
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

// keepBundle is what keeps the bytes of a string bundle while it streams by.
// One that comes before the descriptor is not known for what it is, and the
// descriptor's own texts stand.
func (in *intake) keepBundle(name string) io.Writer {
	if in.reader == nil || !in.reader.external[name] {
		return io.Discard
	}
	kept := &bounded{limit: maxBundle + 1}
	in.bundles[name] = kept
	return kept
}

// bounded keeps the first bytes of what is written to it.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// translate reads the descriptor again when string bundles have come: its
// texts are resolved while it is read.
func (in *intake) translate() {
	if len(in.bundles) == 0 {
		return
	}
	r := in.newReader(in.descriptor.name)
	for name, kept := range in.bundles {
		r.outside[name] = kept.Bytes()
	}
	r.read(in.descriptor.data)
	in.reader = r
}
