package ovf

import (
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
)

// WriteDescriptor writes the package's descriptor as XML: OVF 2.x where
// Dialect is Dialect2, else OVF 1.1, in which sections of 2.x bear the
// namespace of 2.x and are optional, as other tools graft them. Equal packages
// give equal bytes. What is read back is the same package: the same files,
// disks, networks, configurations, content and plans.
//
// A value of its own is "not said" where the field's comment says so: a File's
// Size, a Disk's Populated, and an Item's Quantity, Reservation, Limit and
// Weight are -1 then. An Item for every configuration is Required and has
// AutomaticAllocation unless it is said otherwise.
//
// Not all of a descriptor is in a Package. Extensions, which are named in a
// comment at the end and returned, are left out; so are texts in other
// languages than the one it was read in, the Info of sections other than Eula,
// and settings of an item that mean nothing here.
//
// A package that is not valid, or would not be when it is read back, is a
// *Refused, and nothing is written.
func (p *Package) WriteDescriptor(w io.Writer) (omitted []Extension, err error) {
	if p.Content == nil || p.Findings.HasErrors() {
		return nil, &Refused{p.Findings}
	}
	d := descriptorWriter{graft: "ovf2:"}
	if p.Dialect == Dialect2 {
		d.graft = ""
	}
	d.envelope(p)
	if d.err != nil {
		return nil, fmt.Errorf("cannot write descriptor: %w", d.err)
	}
	if back := ReadDescriptor(p.Descriptor, d.Bytes(), Options{}); !back.Valid() {
		return nil, &Refused{back.Findings}
	}
	if _, err := w.Write(d.Bytes()); err != nil {
		return nil, fmt.Errorf("cannot write descriptor: %w", err)
	}
	return slices.Clone(p.Extensions), nil
}

// descriptorWriter knows where elements of 2.x go.
type descriptorWriter struct {
	xmlWriter
	graft string // the prefix of elements that only 2.x has; "" in a descriptor of 2.x
}

// section begins a section; every one has an Info for people.
func (d *descriptorWriter) section(name, info string, attributes ...xmlAttr) {
	d.begin(name, attributes...)
	d.text("Info", info)
}

// section2 begins a section that only 2.x has. A reader of 1.x may ignore it.
func (d *descriptorWriter) section2(name, info string, attributes ...xmlAttr) {
	if d.graft != "" {
		attributes = append(attributes, xmlAttr{"ovf:required", "false"})
	}
	d.begin(d.graft+name, attributes...)
	d.text(d.graft+"Info", info)
}

const (
	nsRASD = nsCIM + "ResourceAllocationSettingData"
	nsVSSD = nsCIM + "VirtualSystemSettingData"
	nsPort = nsCIM + "EthernetPortAllocationSettingData.xsd"
	nsBoot = nsCIM + "BootConfigSetting"
	nsFrom = nsCIM + "BootSourceSetting"
)

func (d *descriptorWriter) envelope(p *Package) {
	d.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	own := nsEnvelope1
	if d.graft == "" {
		own = nsEnvelope2
	}
	namespaces := []xmlAttr{{"xmlns", own}, {"xmlns:ovf", own}}
	if d.graft != "" {
		namespaces = append(namespaces, xmlAttr{"xmlns:ovf2", nsEnvelope2})
	}
	d.begin("Envelope", append(append(namespaces,
		xmlAttr{"xmlns:rasd", nsRASD}, xmlAttr{"xmlns:epasd", nsPort}, xmlAttr{"xmlns:vssd", nsVSSD}, xmlAttr{"xmlns:bootc", nsBoot}, xmlAttr{"xmlns:boots", nsFrom},
		xmlAttr{"xmlns:vmw", nsVMware}, xmlAttr{"xmlns:bw", ServiceNamespace}), some(xmlAttr{"xml:lang", p.Language})...)...)
	d.references(p.Files)
	d.disks(p.Disks)
	d.networks(p.Networks)
	d.configurations(p.Configurations)
	for _, g := range p.PlacementGroups {
		d.section2("PlacementGroupSection", "Systems that are placed with regard to each other", xmlAttr{"ovf:id", g.ID}, xmlAttr{"ovf:policy", string(g.Policy)})
		d.optional(d.graft+"Description", g.Description)
		d.end()
	}
	d.content(p.Content)
	for _, e := range p.Extensions {
		d.indent()
		fmt.Fprintf(d, "<!-- left out: %s of %s -->\n", commentText(e.Name), commentText(e.Namespace))
	}
	d.end()
}

func (d *descriptorWriter) references(files []File) {
	if len(files) == 0 {
		d.empty("References")
		return
	}
	d.begin("References")
	for _, f := range files {
		d.empty("File", append([]xmlAttr{{"ovf:id", f.ID}, {"ovf:href", f.Href}},
			some(xmlAttr{"ovf:size", notNegative(f.Size)}, xmlAttr{"ovf:compression", f.Compression}, xmlAttr{"ovf:chunkSize", positive(f.ChunkSize)})...)...)
	}
	d.end()
}

// disks writes neighbours of one kind into one section, so that their order
// stays.
func (d *descriptorWriter) disks(disks []Disk) {
	for len(disks) > 0 {
		shared := disks[0].Shared
		n := slices.IndexFunc(disks, func(other Disk) bool { return other.Shared != shared })
		if n < 0 {
			n = len(disks)
		}
		name := "DiskSection"
		if shared {
			name = d.graft + "SharedDiskSection"
		}
		d.section(name, "The virtual disks")
		for _, disk := range disks[:n] {
			d.disk(disk)
		}
		d.end()
		disks = disks[n:]
	}
}

func (d *descriptorWriter) disk(disk Disk) {
	capacity, unit := inUnits(disk.Capacity)
	if disk.CapacityProperty != "" {
		capacity, unit = "${"+disk.CapacityProperty+"}", unitText(max(disk.Unit, 1))
	}
	d.empty("Disk", append([]xmlAttr{{"ovf:diskId", disk.ID}}, some(
		xmlAttr{"ovf:fileRef", disk.FileRef}, xmlAttr{"ovf:parentRef", disk.ParentRef},
		xmlAttr{"ovf:capacity", capacity}, xmlAttr{"ovf:capacityAllocationUnits", unit},
		xmlAttr{"ovf:format", disk.Format}, xmlAttr{"ovf:populatedSize", notNegative(disk.Populated)},
		xmlAttr{"ovf:readOnly", unless("false", strconv.FormatBool(disk.ReadOnly))})...)...)
}

// inUnits is a number of bytes in the largest power of 1024 that fits evenly.
func inUnits(bytes int64) (count, unit string) {
	shift := bits.TrailingZeros64(uint64(bytes)) / 10 * 10
	if bytes <= 0 {
		shift = 0
	}
	return strconv.FormatInt(bytes>>shift, 10), unitText(1 << shift)
}

// unitText is a programmatic unit (DSP0004 annex C).
func unitText(bytes int64) string {
	switch shift := bits.TrailingZeros64(uint64(bytes)); {
	case bytes == 1:
		return "byte"
	case bytes == 1<<shift:
		return "byte * 2^" + strconv.Itoa(shift)
	}
	return "byte * " + strconv.FormatInt(bytes, 10)
}

func (d *descriptorWriter) networks(networks []Network) {
	if len(networks) == 0 {
		return
	}
	d.section("NetworkSection", "The logical networks")
	for _, n := range networks {
		d.begin("Network", xmlAttr{"ovf:name", n.Name})
		d.optional("Description", n.Description)
		for i, profile := range n.Profiles {
			d.portProfile(i, profile)
		}
		d.end()
	}
	d.end()
}

func (d *descriptorWriter) portProfile(n int, p PortProfile) {
	if p.URI != "" {
		d.text(d.graft+"NetworkPortProfileURI", p.URI)
		return
	}
	d.begin(d.graft + "NetworkPortProfile")
	d.begin(d.graft + "Item")
	d.optional("epasd:AllocationUnits", p.Units)
	d.text("epasd:ElementName", p.Name)
	d.text("epasd:InstanceID", strconv.Itoa(n+1))
	d.optional("epasd:Limit", notNegative(p.Limit))
	d.optional("epasd:NetworkPortProfileID", p.ID)
	d.optional("epasd:Reservation", notNegative(p.Reservation))
	d.text("epasd:ResourceType", strconv.Itoa(ResourceEthernet))
	d.end()
	d.end()
}

func (d *descriptorWriter) configurations(configurations []Configuration) {
	if len(configurations) == 0 {
		return
	}
	d.section("DeploymentOptionSection", "The sizes to choose from")
	for _, c := range configurations {
		d.begin("Configuration", append([]xmlAttr{{"ovf:id", c.ID}}, when(c.Default, "ovf:default")...)...)
		d.text("Label", c.Label)
		d.text("Description", c.Description)
		d.end()
	}
	d.end()
}
