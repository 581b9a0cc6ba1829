package ovf

import (
	"strings"
)

// The sections of the standard and where each may stand (DSP8023, DSP0243
// clause 9). Placement groups and encryption are of 2.x.
const (
	atEnvelope   = 1 << iota // directly in Envelope
	atSystem                 // in VirtualSystem
	atCollection             // in VirtualSystemCollection
)

var sectionPlaces = map[string]int{
	"DiskSection": atEnvelope, "SharedDiskSection": atEnvelope, "NetworkSection": atEnvelope,
	"DeploymentOptionSection": atEnvelope, "PlacementGroupSection": atEnvelope, "EncryptionSection": atEnvelope,
	"ProductSection": atSystem | atCollection, "EulaSection": atSystem | atCollection,
	"AnnotationSection": atSystem | atCollection, "PlacementSection": atSystem | atCollection,
	"OperatingSystemSection": atSystem, "VirtualHardwareSection": atSystem, "InstallSection": atSystem,
	"BootDeviceSection": atSystem, "EnvironmentFilesSection": atSystem,
	"ResourceAllocationSection": atCollection, "StartupSection": atCollection, "ScaleOutSection": atCollection,
}

// placed reports whether a section may stand at that level, with a finding
// when it may not.
func (r *reader) placed(n node, name string, level int) bool {
	allowed, standard := sectionPlaces[name]
	if standard && allowed&level == 0 && r.doc.legacy {
		r.warn(n.place(), CodeMisplaced, "%s in %s is ignored", name, n.place().parent.name)
		return false
	}
	if standard && allowed&level == 0 {
		r.err(n.place(), CodeMisplaced, "%s may not stand in %s", name, n.place().parent.name)
		return false
	}
	return true
}

func (r *reader) envelope(root node) {
	if !r.dialect(root) {
		return
	}
	r.pkg.Language = foreignAttr(root, nsXML, "lang")
	r.bundles(root)
	// References and options come first, then the other sections: each may be
	// referred to by what is read after it.
	r.references(root)
	for n := range root.children {
		if r.section(n) == "DeploymentOptionSection" {
			r.deploymentOptions(n)
		}
	}
	for _, content := range []bool{false, true} {
		for n := range root.children {
			if strings.HasPrefix(r.section(n), "VirtualSystem") == content {
				r.envelopeChild(n)
			}
		}
	}
	if r.pkg.Content == nil {
		r.err(root.place(), CodeMissing, "there is no VirtualSystem and no VirtualSystemCollection")
		return
	}
	r.checkProperties()
	r.checkDisks()
	r.checkUse()
	r.plans()
}

// dialect decides by the namespace of the root what kind of descriptor this is.
func (r *reader) dialect(root node) bool {
	at := root.place()
	switch {
	case root.el.Tag != "Envelope":
		r.err(at, CodeDialect, "the root element is %s, not an OVF Envelope", root.el.Tag)
		return false
	case at.namespace == nsEnvelope1:
		r.pkg.Dialect = Dialect1
	case at.namespace == nsEnvelope2:
		r.pkg.Dialect = Dialect2
	case at.namespace == nsEnvelope09:
		r.pkg.Dialect, r.doc.legacy = Dialect09, true
	case at.namespace == nsEnvelope1+"/":
		r.err(at, CodeDialect, "this is the dialect of oVirt and RHV, which is not OVF; export the machine as OVA instead")
		return false
	case at.namespace == "":
		r.err(at, CodeNamespace, "the Envelope is in no namespace; it must be in %s", nsEnvelope1)
		return false
	default:
		r.err(at, CodeNamespace, "namespace %s is of no known OVF version", printable(at.namespace, 100))
		return false
	}
	return true
}

func (r *reader) envelopeChild(n node) {
	name := r.section(n)
	if !r.placed(n, name, atEnvelope) {
		return
	}
	switch name {
	case "References", "DeploymentOptionSection":
		// read before
	case "Strings":
		if ref, _ := r.attr(n, "fileRef"); ref != "" {
			r.otherRef(n, ref)
		}
	case "DiskSection", "SharedDiskSection":
		r.disks(n, name == "SharedDiskSection")
	case "NetworkSection":
		r.networkSection(n)
	case "PlacementGroupSection":
		r.ignored(n)
	case "EncryptionSection":
		r.err(n.place(), CodeUnsupported, "encrypted packages are not supported")
	case "VirtualSystem", "VirtualSystemCollection":
		if r.pkg.Content != nil {
			r.err(n.place(), CodeDuplicate, "a second %s stands in the Envelope; there must be one", name)
			return
		}
		r.pkg.Content = r.content(n, name, nil)
	default:
		r.unknown(n)
	}
}

// ignored notes a section of the standard that has no effect here.
func (r *reader) ignored(n node) {
	r.warn(n.place(), CodeIgnored, "%s has no effect here", n.el.Tag)
}

func (r *reader) deploymentOptions(n node) {
	r.info(n)
	for c := range n.children {
		switch {
		case c.is("Info"):
		case c.is("Configuration"):
			r.configuration(c)
		default:
			r.unknown(c)
		}
	}
	if len(r.pkg.Configurations) > r.limits.Configurations {
		r.err(n.place(), CodeLimit, "more than %d configurations", r.limits.Configurations)
		r.pkg.Configurations = r.pkg.Configurations[:r.limits.Configurations]
	}
	defaults := 0
	for _, c := range r.pkg.Configurations {
		if c.Default {
			defaults++
		}
	}
	switch {
	case defaults > 1:
		r.err(n.place(), CodeAmbiguous, "%d configurations are marked as default; at most one may be", defaults)
	case defaults == 0 && len(r.pkg.Configurations) > 0:
		r.pkg.Configurations[0].Default = true // DSP0243 9.8: the first one then
	}
}

func (r *reader) configuration(n node) {
	c := Configuration{
		ID: r.need(n, "id"), Label: r.text(n.child("Label")), Description: r.text(n.child("Description")),
		Default: r.flag(n, "default", false), place: n.place(),
	}
	switch {
	case c.ID == "":
		return
	case strings.ContainsAny(c.ID, " \t\r\n"):
		r.err(n.place(), CodeValue, "configuration id %q holds white space, so no list can name it", printable(c.ID, 60))
	case r.options[c.ID]:
		r.err(n.place(), CodeDuplicate, "configuration id %q stands twice", printable(c.ID, 60))
		return
	}
	if c.Label == "" {
		r.warn(n.place(), CodeMissing, "configuration %q has no Label", c.ID)
		c.Label = c.ID
	}
	r.options[c.ID] = true
	r.pkg.Configurations = append(r.pkg.Configurations, c)
}

// configurations reads a list of configuration ids, all of which must exist.
func (r *reader) configurations(n node) []string {
	value, _ := r.attr(n, "configuration")
	ids := list(value)
	for _, id := range ids {
		if !r.options[id] {
			r.err(n.place(), CodeDangling, "configuration %q is not declared in the DeploymentOptionSection", printable(id, 60))
		}
	}
	return ids
}

func (r *reader) networkSection(n node) {
	r.info(n)
	for c := range n.children {
		switch {
		case c.is("Info"):
		case c.is("Network"):
			r.network(c)
		default:
			r.unknown(c)
		}
	}
}

func (r *reader) network(n node) {
	name := r.need(n, "name")
	if name == "" {
		return
	}
	if r.networks[name] {
		r.err(n.place(), CodeDuplicate, "network %q stands twice", printable(name, 60))
		return
	}
	r.networks[name] = true
	r.pkg.Networks = append(r.pkg.Networks, Network{Name: name, Description: r.text(n.child("Description")), place: n.place()})
}

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
		r.warn(n.place(), CodeDangling, "%s refers to file %q, which is not in References", n.el.Tag, printable(id, 60))
	}
	r.otherRefs[id] = true
}
