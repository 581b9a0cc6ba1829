package ovf

import (
	"slices"
	"strings"
)

// Requirement is a setting or a device of one virtual system that OVF has no
// word for.
type Requirement struct {
	Kind       RequirementKind
	InstanceID string // of the item it belongs to; "" for the virtual system
	Key        string // of a setting its key, of a device its kind
	Value      string
	Required   bool // written down as required
	Supported  bool // what it asks for is given to the machine
}

// RequirementKind says where a requirement comes from.
type RequirementKind string

// Settings of vSphere, and devices. Settings are never passed on: they
// configure another hypervisor, some of them its host.
const (
	RequireConfig      RequirementKind = "config"       // vmw:Config
	RequireExtraConfig RequirementKind = "extra-config" // vmw:ExtraConfig
	RequireDevice      RequirementKind = "device"       // an Item
)

// maxRequirements bounds the list of one virtual system. Real ones have up to
// some hundred settings.
const maxRequirements = 1000

func (r *reader) require(h *Hardware, at *place, q Requirement) {
	if len(h.Requirements) == maxRequirements {
		r.err(at, CodeCountLimit, "more than %d settings and devices that OVF has no word for", maxRequirements)
	}
	if len(h.Requirements) <= maxRequirements {
		h.Requirements = append(h.Requirements, q)
	}
}

// setting reads a vmw:Config or vmw:ExtraConfig. Two decide whether a guest
// boots at all and are acted on.
func (r *reader) setting(h *Hardware, instanceID string, n node) {
	q := Requirement{
		Kind: RequireConfig, InstanceID: instanceID, Required: r.flag(n, "required", false),
		Key: foreignAttr(n, nsVMware, "key"), Value: foreignAttr(n, nsVMware, "value"),
	}
	if n.el.Tag == "ExtraConfig" {
		q.Kind = RequireExtraConfig
	}
	if q.Kind == RequireConfig && instanceID == "" {
		q.Supported = h.takeSetting(q)
	}
	r.require(h, n.place(), q)
	r.checkSetting(n, q)
}

func (h *Hardware) takeSetting(q Requirement) bool {
	switch q.Key {
	case "firmware":
		h.Firmware = strings.ToLower(q.Value)
		return h.Firmware == "efi" || h.Firmware == "bios"
	case "bootOptions.efiSecureBootEnabled":
		on, ok := parseBool(q.Value)
		h.SecureBoot = on
		return ok
	}
	return false
}

func (r *reader) checkSetting(n node, q Requirement) {
	if kind, id := hostResource(q.Value); kind == "file" {
		r.fileUse(n, id, r.forbidden())
	}
	switch {
	case q.Supported:
	case q.Required:
		r.err(n.place(), CodeRequiredUnknown, "the setting %s is required and not understood here", printable(q.Key, 60))
	case q.Key == "nvram":
		r.warn(n.place(), CodeUnsupportedHardware, "the stored firmware variables (nvram) are not given to the machine, which starts with fresh ones")
	}
}

// hostDevices are the subtypes of Items that are hardware of the host, or of
// VMware's hypervisor alone, by how they begin.
var hostDevices = []string{"vmware.pci.passthrough", "vmware.vgpu", "vmware.vtpm", "vmware.nvdimm", "vmware.sgx", "sriovethernetcard", "vmware.pmem"}

// checkSupport says which hardware the machine will not get: host bus adapters,
// I/O slots and devices passed through. It is a warning although the item is
// required: writers label plain SCSI controllers so, and guests mostly boot
// without the rest.
func (r *reader) checkSupport(h *Hardware, item Item) {
	if !item.isOfHost() {
		return
	}
	kind := first(item.Subtypes)
	if kind == "" {
		kind = "type " + itoa(item.Type)
	}
	r.require(h, item.place, Requirement{
		Kind: RequireDevice, InstanceID: item.InstanceID, Key: kind, Value: item.ElementName, Required: item.Required,
	})
	if item.Required {
		r.warn(item.place, CodeUnsupportedHardware, "item %s (%s) is hardware of the host, which the machine will not get", printable(item.InstanceID, 40), printable(kind, 60))
	}
}

func (i Item) isOfHost() bool {
	if i.Type >= 7 && i.Type <= 13 && i.Type != ResourceEthernet {
		return true
	}
	return slices.ContainsFunc(i.Subtypes, func(s string) bool {
		s = strings.ToLower(s)
		return slices.ContainsFunc(hostDevices, func(d string) bool { return strings.HasPrefix(s, d) })
	})
}
