package ovf

import (
	"fmt"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// ReadDescriptor reads a descriptor alone. file is the name its findings
// bear. The result is never nil; whether files are there and match is not
// its subject (Open and Ingest), so a href that no package may contain is only
// warned of.
func ReadDescriptor(file string, data []byte, opts Options) *Package {
	r := newReader(file, opts.Limits.withDefaults(), &report{strict: opts.Strict}, alone)
	r.locale = opts.Locale
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
	scope  completeness
	locale string // the language of texts; "" for the descriptor's own
	pkg    *Package
	doc    *document

	messages   map[string]string // of the string bundles in the wanted language
	external   map[string]bool   // files that such bundles are in
	outside    map[string][]byte // what is in them, once they have come
	contents   map[string]*Content
	networks   map[string]bool
	products   map[productKey]bool
	fileIDs    map[string]int      // index in pkg.Files
	diskIDs    map[string]int      // index in pkg.Disks
	propertyID map[string]Property // by full id
	byKey      map[string]Property // by bare key, where one property has it
	options    map[string]bool     // configuration ids
	noPrefix   bool                // said once that attributes lack their prefix
	groups     map[string]bool     // placement group ids
	members    map[membership]bool // of placement groups
	otherRefs  map[string]bool     // files that are no disk: string bundles, icons, environment files
}

func newReader(file string, limits Limits, rep *report, scope completeness) *reader {
	return &reader{
		report: rep, file: file, limits: limits, scope: scope,
		pkg: &Package{
			Descriptor:   file,
			Verification: Verification{Manifest: ManifestAbsent, Signature: Unsigned},
		},
		messages: map[string]string{}, external: map[string]bool{}, outside: map[string][]byte{}, contents: map[string]*Content{},
		networks: map[string]bool{}, products: map[productKey]bool{}, fileIDs: map[string]int{}, diskIDs: map[string]int{},
		propertyID: map[string]Property{}, byKey: map[string]Property{}, options: map[string]bool{}, otherRefs: map[string]bool{}, groups: map[string]bool{}, members: map[membership]bool{},
	}
}

func (r *reader) read(data []byte) {
	if int64(len(data)) > r.limits.Descriptor {
		r.report.file(Error, CodeSizeLimit, r.file, "the descriptor is longer than %d bytes", r.limits.Descriptor)
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
		r.add(Finding{Severity: Error, Code: fail.code, Message: fail.message, File: r.file, Line: fail.line, Column: max(fail.column, min(fail.line, 1))})
		return
	}
	r.doc = doc
	if doc.late {
		r.warn(doc.places[doc.root], CodeXMLSyntax, "the XML declaration is not at the very start of the file")
	}
	r.envelope(doc.node(doc.root))
}

func (r *reader) note(s Severity, code Code, at *place, format string, args ...any) {
	if r.full(s) {
		return
	}
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

// info reads the Info that every section must have (DSP8023). Writers that
// leave it out do so in sections that describe what is around the machine.
func (r *reader) info(n node) string {
	info := n.child("Info")
	if !info.exists() {
		severity := Warning
		switch r.section(n) {
		case "OperatingSystemSection", "VirtualHardwareSection":
			severity = Error
		}
		r.note(severity, CodeMissingInfo, n.place(), "%s has no Info", n.place().name)
	}
	return r.text(info)
}

// parts reads the Info of a section and gives each other child to visit;
// what visit does not know is dealt with as unknown.
func (r *reader) parts(n node, visit func(node) bool) {
	r.info(n)
	for c := range n.children {
		if !c.is("Info") && !visit(c) {
			r.unknown(c)
		}
	}
}
