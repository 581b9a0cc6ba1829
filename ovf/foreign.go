package ovf

import (
	"slices"
	"strings"
)

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
	namespace := "no namespace"
	if n.namespace() != "" {
		namespace = "namespace " + printable(n.namespace(), 100)
	}
	switch {
	case n.namespace() == nsXMLEnc || n.el.Tag == "EncryptionSection":
		r.err(n.place(), CodeUnsupportedEncryption, "%s: encrypted packages are not supported", n.el.Tag)
	case required:
		r.err(n.place(), CodeRequiredUnknown, "%s of %s is required and not understood here", n.el.Tag, namespace)
	case !known:
		r.note(remark, CodeIgnored, n.place(), "%s of %s is optional and ignored", n.el.Tag, namespace)
	}
}

// foreignKnown lists what other vendors' tools add without marking it
// optional, and what has no meaning for an appliance in a network here.
var foreignKnown = map[string][]string{
	nsVMware: {
		"IpAssignmentSection", "BootOrderSection", "StorageGroupSection", "StorageSection", "CpuCompatibilitySection",
		"TagBasedPlacementGroupSection", "TagBasedPlacementSection", "NetworkConfigSection",
		"Config", "ExtraConfig",
		"CoresPerSocket", "Key",
	},
	nsStrings:                                {"Strings"},
	nsVBox:                                   {"Machine", "OSType"},
	nsXen:                                    {"VirtualSystemOtherConfigurationData"},
	nsCIM + "ProcessorAllocationSettingData": {"InstructionSet", "InstructionSetExtensionName"},
	nsIBM:                                    {"boot", "architecture"},
	nsVCloud:                                 {"CustomizationSection", "LeaseSettingsSection", "NetworkConfigSection", "GuestCustomizationSection", "NetworkConnectionSection"},
}

func knownForeign(namespace, name string) bool {
	return slices.Contains(foreignKnown[namespace], name) || (namespace == nsIBM)
}
