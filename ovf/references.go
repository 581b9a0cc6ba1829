package ovf

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func (r *reader) references(root node) {
	section := node{}
	for n := range root.children {
		if r.section(n) != "References" {
			continue
		}
		if section.exists() {
			r.err(n.place(), CodeDuplicateSection, "a second References stands in the Envelope")
			continue
		}
		section = n
	}
	if !section.exists() {
		r.err(root.place(), CodeMissingElement, "there is no References")
		return
	}
	hrefs := map[string]bool{}
	for n := range section.children {
		if !n.is("File") {
			r.unknown(n)
			continue
		}
		f := r.reference(n)
		if _, twice := r.fileIDs[f.ID]; twice && f.ID != "" {
			r.err(f.place, CodeDuplicateID, "file id %q stands twice", printable(f.ID, 60))
			continue
		}
		if f.Name != "" && hrefs[f.Name] {
			r.err(f.place, CodeDuplicateFile, "two files have the href %q", printable(f.Href, 60))
		}
		r.fileIDs[f.ID], hrefs[f.Name] = len(r.pkg.Files), true
		r.pkg.Files = append(r.pkg.Files, f)
	}
}

func (r *reader) reference(n node) File {
	f := File{ID: r.need(n, "id"), Href: r.need(n, "href"), Size: -1, place: n.place()}
	if f.Href != "" {
		name, err := hrefName(f.Href)
		if err != nil {
			r.note(r.forbidden(), CodeHref, n.place(), "href %q: %v", printable(f.Href, 100), err)
		}
		f.Name = name
	}
	f.Size = r.fileSize(n)
	if chunk, ok := r.attr(n, "chunkSize"); ok {
		f.ChunkSize, _ = r.number(n.place(), "chunkSize", chunk, 1)
	}
	compression, _ := r.attr(n, "compression")
	switch compression {
	case "", "identity", "gzip":
		f.Compression = compression
	case "bzip2":
		r.err(n.place(), CodeUnsupportedCompression, "compression bzip2 is not supported; use gzip")
	default:
		r.err(n.place(), CodeValue, "compression %q is not known", printable(compression, 40))
	}
	return f
}

// fileSize returns -1 where the size is not said. In 0.9 a negative one said so
// as well.
func (r *reader) fileSize(n node) int64 {
	text, ok := r.attr(n, "size")
	if !ok || (r.doc.legacy && strings.HasPrefix(text, "-")) {
		return -1
	}
	size, ok := r.number(n.place(), "size", text, 0)
	if !ok {
		return -1
	}
	return size
}

// forbidden is the severity of a href that no package may contain. A descriptor
// looked at by itself is no package: nothing is opened for it, so that its
// author hears of the href and of everything else.
func (r *reader) forbidden() Severity {
	if r.scope == alone {
		return Warning
	}
	return Error
}

// hrefName decodes an href to the name of a member of this package. Nothing is
// ever fetched, so a scheme is refused, and so is whatever could leave the
// package.
func hrefName(href string) (string, error) {
	if i := strings.IndexByte(href, ':'); i > 1 && isScheme(href[:i]) {
		return "", fmt.Errorf("only files of the package itself are accepted, not %s addresses", strings.ToLower(href[:i]))
	}
	name, err := url.PathUnescape(href)
	if err != nil {
		name = href // a bare % is common in file names
	}
	return memberName(name)
}

func isScheme(s string) bool {
	for i, c := range []byte(s) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(c))) {
			return false
		}
	}
	return true
}

// memberName checks the name of a file of a package and returns it without a
// leading "./". A name is relative, with forward slashes, made of printable
// characters, and leads nowhere but down.
func memberName(name string) (string, error) {
	clean := strings.TrimPrefix(name, "./")
	switch {
	case clean == "":
		return "", fmt.Errorf("the name is empty")
	case len(clean) > maxNameLength:
		return "", fmt.Errorf("the name is longer than %d bytes", maxNameLength)
	case !utf8.ValidString(clean):
		return "", fmt.Errorf("the name is not UTF-8")
	case strings.HasPrefix(clean, "/"):
		return "", fmt.Errorf("the name is an absolute path")
	case strings.Contains(clean, `\`), len(clean) > 1 && clean[1] == ':':
		return "", fmt.Errorf("the name is a path of another system")
	case strings.ContainsFunc(clean, func(c rune) bool { return unicode.IsControl(c) || unicode.Is(unicode.Cf, c) }):
		return "", fmt.Errorf("the name holds control characters")
	}
	for part := range strings.SplitSeq(clean, "/") {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("the name leads out of the package or around in it")
		}
	}
	return clean, nil
}

// fold maps names that a file system or a reader could take for one another to
// one text: case is folded (by way of capitals, as file systems do it) and accents
// are compared without regard to how they are composed.
func fold(name string) string {
	return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(name))))
}
