package ovf

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fillSizes writes the stored sizes of files into a descriptor that leaves them
// out: readers reserve room and show progress by them. It changes the text at
// just those places, and leaves a descriptor alone that is not plain UTF-8.
func (b *builder) fillSizes(pkg *Package) (*Package, error) {
	stored := map[string]int64{}
	for _, m := range pkg.Members {
		stored[m.FileID] += m.Size
	}
	var missing []File
	for _, f := range pkg.Files {
		if f.Size < 0 {
			missing = append(missing, f)
		}
	}
	if len(missing) == 0 {
		return pkg, nil
	}
	data, err := b.root.ReadFile(pkg.Descriptor)
	if err != nil {
		return nil, err
	}
	if sha256Hex(data) != pkg.Members[0].SHA256 {
		return nil, fmt.Errorf("file %q was changed while the package was built", pkg.Descriptor)
	}
	text, _, _ := toUTF8(data)
	if !bytes.HasSuffix(data, text) { // a byte order mark may go before it
		return pkg, nil
	}
	mark := data[:len(data)-len(text)]
	for i := len(missing) - 1; i >= 0; i-- { // from behind, so that places stay right
		text = insertSize(text, missing[i].place, stored[missing[i].ID])
	}
	return b.withDescriptor(pkg, slices.Concat(mark, text), stored), nil
}

// withDescriptor is the package with another text of its descriptor. One that
// does not say what it should is not taken: it was in a form of XML that is not
// foreseen here, and goes without sizes.
func (b *builder) withDescriptor(pkg *Package, data []byte, stored map[string]int64) *Package {
	back := ReadDescriptor(pkg.Descriptor, data, b.opts.Options)
	same := func(a, b File) bool { return a.ID == b.ID && a.Href == b.Href && a.Size == stored[b.ID] }
	if !slices.EqualFunc(back.Files, pkg.Files, same) {
		return pkg
	}
	for i := range pkg.Files {
		pkg.Files[i].Size = back.Files[i].Size
	}
	h := b.opts.making.New()
	h.Write(data)
	pkg.made[pkg.Descriptor] = fmt.Sprintf("%x", h.Sum(nil))
	pkg.Members[0].Size, pkg.Members[0].SHA256 = int64(len(data)), sha256Hex(data)
	pkg.Digest = contentDigest(pkg.Members)
	b.descriptor = data
	return pkg
}

// insertSize adds a size attribute to the File that begins at that place, with
// the prefix that its href has.
func insertSize(text []byte, at *place, size int64) []byte {
	start := 0
	for range at.line - 1 {
		start += bytes.IndexByte(text[start:], '\n') + 1
	}
	start += int(at.column) - 1
	after := start + bytes.IndexAny(text[start:], " \t\r\n") // an element with attributes has one behind its name
	prefix := hrefPrefix(string(text[after:]))
	attribute := " " + prefix + `size="` + strconv.FormatInt(size, 10) + `"`
	return append(text[:after:after], append([]byte(attribute), text[after:]...)...)
}

// hrefPrefix is the prefix of the attribute href, colon included, among the
// attributes of a tag.
func hrefPrefix(tag string) string {
	for {
		name, rest, ok := strings.Cut(tag, "=")
		name, rest = strings.TrimSpace(name), strings.TrimLeft(rest, " \t\r\n")
		if !ok || rest == "" {
			return ""
		}
		if prefix, isHref := strings.CutSuffix(name, "href"); isHref && (prefix == "" || strings.HasSuffix(prefix, ":")) {
			return prefix
		}
		_, tag, _ = strings.Cut(rest[1:], rest[:1])
	}
}
