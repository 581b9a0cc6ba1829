package ovf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// ReadDescriptor reads a descriptor alone. file is the name its findings
// bear. The result is never nil; whether files are there and match is not
// its subject (Open and Ingest).
func ReadDescriptor(file string, data []byte, opts Options) *Package {
	r := newReader(file, opts.Limits.withDefaults(), &report{})
	r.read(data)
	r.pkg.Findings = r.sorted()
	r.pkg.Digest = contentDigest([]Member{{Name: file, SHA256: sha256Hex(data)}})
	return r.pkg
}

// reader turns the element tree into a Package, noting every problem on its way.
type reader struct {
	*report
	file   string
	limits Limits
	pkg    *Package
	doc    *document

	messages   map[string]string // string bundle of the descriptor's language
	contents   map[string]*Content
	networks   map[string]bool
	products   map[productKey]bool
	fileIDs    map[string]int      // index in pkg.Files
	diskIDs    map[string]int      // index in pkg.Disks
	propertyID map[string]Property // by full id
	byKey      map[string]Property // by bare key, where one property has it
	options    map[string]bool     // configuration ids
	noPrefix   bool                // said once that attributes lack their prefix
	seenBefore map[string]bool     // findings that several plans would repeat
	otherRefs  map[string]bool     // files that string bundles and icons are in
}

func newReader(file string, limits Limits, rep *report) *reader {
	return &reader{
		report: rep, file: file, limits: limits,
		pkg: &Package{
			Descriptor:   file,
			Verification: Verification{Manifest: ManifestAbsent, Signature: Unsigned},
		},
		messages: map[string]string{}, contents: map[string]*Content{},
		networks: map[string]bool{}, products: map[productKey]bool{}, fileIDs: map[string]int{}, diskIDs: map[string]int{},
		propertyID: map[string]Property{}, byKey: map[string]Property{}, options: map[string]bool{}, seenBefore: map[string]bool{}, otherRefs: map[string]bool{},
	}
}

func (r *reader) read(data []byte) {
	if int64(len(data)) > r.limits.Descriptor {
		r.report.file(Error, CodeLimit, r.file, "the descriptor is longer than %d bytes", r.limits.Descriptor)
		return
	}
	text, remark, problem := toUTF8(data)
	if problem != "" {
		r.report.file(Error, CodeEncoding, r.file, "%s", problem)
		return
	}
	if remark != "" {
		r.report.file(Warning, CodeEncoding, r.file, "%s", remark)
	}
	doc, fail := parseDocument(text, r.limits)
	if fail != nil {
		r.add(Finding{Severity: Error, Code: fail.code, Message: fail.message, File: r.file, Line: fail.line, Column: fail.column})
		return
	}
	r.doc = doc
	if doc.late {
		r.warn(doc.places[doc.root], CodeXMLSyntax, "the XML declaration is not at the very start of the file")
	}
	r.envelope(doc.node(doc.root))
}

func (r *reader) note(s Severity, code Code, at *place, format string, args ...any) {
	f := Finding{Severity: s, Code: code, File: r.file, Message: fmt.Sprintf(format, args...)}
	if at != nil {
		f.Line, f.Column, f.Path = int(at.line), int(at.column), at.path()
	}
	r.add(f)
}

func (r *reader) err(at *place, code Code, format string, args ...any) {
	r.note(Error, code, at, format, args...)
}

func (r *reader) warn(at *place, code Code, format string, args ...any) {
	r.note(Warning, code, at, format, args...)
}

// once notes a finding that the resolution of several configurations would
// repeat word for word.
func (r *reader) once(s Severity, at *place, code Code, format string, args ...any) {
	key := fmt.Sprintf("%p %s ", at, code) + fmt.Sprintf(format, args...)
	if !r.seenBefore[key] {
		r.seenBefore[key] = true
		r.note(s, code, at, format, args...)
	}
}

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
		r.err(n.place(), CodeMissing, "%s has no %s", n.place().name, name)
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
		r.err(at, CodeValue, "%s is %q; it must be a whole number below 2^63", what, printable(text, 60))
	case n < min:
		r.err(at, CodeValue, "%s is %d; it must be at least %d", what, n, min)
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

// text is a localisable text: the message its msgid names in the bundle of the
// descriptor's language, else its own text, trimmed.
func (r *reader) text(n node) string {
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

// section returns the OVF name of a section or content element: its own, or in
// the 0.9 form the one in xsi:type. It is "" for elements of other namespaces.
func (r *reader) section(n node) string {
	if !r.doc.isOVF(n.namespace()) {
		return ""
	}
	if n.el.Tag != "Section" && n.el.Tag != "Content" {
		return n.el.Tag
	}
	kind := foreignAttr(n, nsXSI, "type")
	kind = kind[strings.LastIndexByte(kind, ':')+1:]
	return strings.TrimSuffix(kind, "_Type")
}

// info checks the Info element that every section must have.
func (r *reader) info(n node) string {
	info := n.child("Info")
	if !info.exists() {
		r.warn(n.place(), CodeMissing, "%s has no Info", n.place().name)
	}
	return r.text(info)
}

// unknown deals with an element that this package does not read: refused when
// it is required, else noted.
func (r *reader) unknown(n node) {
	known := knownForeign(n.namespace(), n.el.Tag)
	// Vendors leave required out, and their own tools do not mind; only a
	// required that is written down is taken at its word for what is known.
	required := r.flag(n, "required", !known)
	if strings.HasSuffix(n.el.Tag, "Section") || !known {
		r.pkg.Extensions = append(r.pkg.Extensions, Extension{
			Namespace: n.namespace(), Name: n.el.Tag, Info: r.text(n.child("Info")), Required: required, Known: known,
		})
	}
	switch {
	case required:
		r.err(n.place(), CodeRequiredUnknown, "%s of %s is required and not understood here", n.el.Tag, printable(n.namespace(), 100))
	case !known:
		r.warn(n.place(), CodeIgnored, "%s of %s is optional and ignored", n.el.Tag, printable(n.namespace(), 100))
	}
}

// foreignKnown lists what other vendors' tools add without marking it
// optional, and what has no meaning for an appliance in a network here.
var foreignKnown = map[string][]string{
	nsVMware: {
		"IpAssignmentSection", "BootOrderSection", "StorageGroupSection", "StorageSection", "CpuCompatibilitySection",
		"TagBasedPlacementGroupSection", "TagBasedPlacementSection", "NetworkConfigSection", "EncryptionSection",
		"Config", "ExtraConfig", "CoresPerSocket", "Key",
	},
	nsStrings: {"Strings"},
	nsVBox:    {"Machine", "OSType"},
	nsIBM:     {"boot", "architecture"},
	nsVCloud:  {"CustomizationSection", "LeaseSettingsSection", "NetworkConfigSection", "GuestCustomizationSection", "NetworkConnectionSection"},
}

func knownForeign(namespace, name string) bool {
	return slices.Contains(foreignKnown[namespace], name) || (namespace == nsIBM)
}
