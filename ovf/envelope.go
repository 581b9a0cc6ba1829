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
	// XenServer puts the start order of its one system into the Envelope.
	harmless := name == "StartupSection" && level == atEnvelope
	if standard && allowed&level == 0 && (r.doc.legacy || harmless) {
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
	// References and options come first, then the other sections: each may be
	// referred to by what is read after it.
	r.references(root)
	r.bundles(root)
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
		r.err(root.place(), CodeMissingElement, "there is no VirtualSystem and no VirtualSystemCollection")
		return
	}
	r.checkProperties()
	r.checkSides()
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
		r.legacyVersion(root)
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

// legacyVersion checks the version, which the 0.9 schema requires. From 1.0 on
// it is no attribute of the schema, so whatever it says there means nothing.
func (r *reader) legacyVersion(root node) {
	if version, _ := r.attr(root, "version"); version != string(Dialect09) {
		r.err(root.place(), CodeVersion, "the version is %q; in namespace %s it must be 0.9", printable(version, 40), nsEnvelope09)
	}
}

func (r *reader) envelopeChild(n node) {
	name := r.section(n)
	if !r.placed(n, name, atEnvelope) {
		return
	}
	switch name {
	case "References", "DeploymentOptionSection", "Strings":
		// read before
	case "DiskSection", "SharedDiskSection":
		r.disks(n, name == "SharedDiskSection")
	case "NetworkSection":
		r.networkSection(n)
	case "PlacementGroupSection":
		r.placementGroup(n)
	case "EncryptionSection":
		r.err(n.place(), CodeUnsupportedEncryption, "encrypted packages are not supported")
	case "VirtualSystem", "VirtualSystemCollection":
		if r.pkg.Content != nil {
			r.err(n.place(), CodeDuplicateSection, "a second %s stands in the Envelope; there must be one", name)
			return
		}
		r.pkg.Content = r.content(n, name, nil)
	default:
		r.unknown(n)
	}
}
