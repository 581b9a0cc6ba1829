package ovf

import (
	"strconv"
	"strings"
)

// content reads a VirtualSystem or a VirtualSystemCollection with all below it;
// the document's depth bounds the recursion.
func (r *reader) content(n node, name string, parent *Content) *Content {
	c := &Content{ID: r.need(n, "id"), Collection: name == "VirtualSystemCollection", Parent: parent, place: n.place()}
	if !n.child("Info").exists() {
		r.err(n.place(), CodeMissingInfo, "%s has no Info", name)
	}
	c.Info = r.text(n.child("Info"))
	c.Name = r.text(n.child("Name"))
	if c.Name == "" {
		c.Name = c.ID
	}
	r.contentID(c)
	for child := range n.children {
		r.contentChild(c, child)
	}
	r.checkContent(c)
	return c
}

// contentID keeps ids apart. vCloud Director gives a collection and the system
// in it one name; nothing refers to both by that.
func (r *reader) contentID(c *Content) {
	if c.ID == "" {
		return
	}
	switch other := r.contents[c.ID]; {
	case other == nil:
		r.contents[c.ID] = c
	case other.Collection != c.Collection:
		r.warn(c.place, CodeDuplicateID, "a collection and a system have the same id %q", printable(c.ID, 60))
	default:
		r.err(c.place, CodeDuplicateID, "content id %q stands twice", printable(c.ID, 60))
	}
}

func (r *reader) contentChild(c *Content, n node) {
	name, level := r.section(n), atSystem
	if c.Collection {
		level = atCollection
	}
	if !r.placed(n, name, level) {
		return
	}
	switch name {
	case "Info", "Name":
	case "VirtualSystem", "VirtualSystemCollection":
		if !c.Collection {
			r.err(n.place(), CodeMisplaced, "%s may not stand in a VirtualSystem", name)
			return
		}
		c.Children = append(c.Children, r.content(n, name, c))
	case "ProductSection":
		r.product(c, n)
	case "EulaSection":
		c.Eulas = append(c.Eulas, Eula{Info: r.info(n), License: r.message(n.child("License"))})
		if !n.child("License").exists() {
			r.warn(n.place(), CodeMissingElement, "EulaSection has no License")
		}
	case "AnnotationSection":
		r.info(n)
		c.Annotation = r.text(n.child("Annotation"))
	case "OperatingSystemSection":
		r.operatingSystem(c, n)
	case "VirtualHardwareSection":
		r.hardware(c, n)
	default:
		r.deploymentChild(c, n, name)
	}
}

// deploymentChild reads the sections that say how a content is brought up.
func (r *reader) deploymentChild(c *Content, n node, name string) {
	switch name {
	case "StartupSection":
		r.startup(c, n)
	case "ScaleOutSection":
		r.scaleOut(c, n)
	case "PlacementSection":
		r.placement(c, n)
	case "ResourceAllocationSection":
		r.allocation(c, n)
	case "BootDeviceSection":
		r.bootDevices(c, n)
	case "EnvironmentFilesSection":
		r.environmentFiles(c, n)
	case "InstallSection":
		r.install(c, n)
	default:
		r.foreignChild(c, n)
	}
}

func (r *reader) foreignChild(c *Content, n node) {
	switch {
	case n.namespace() == ServiceNamespace && n.el.Tag == "NetworkServiceSection":
		r.networkService(c, n)
	case n.namespace() == nsVMware && n.el.Tag == "BootOrderSection" && !c.Collection:
		r.bootOrder(c, n)
	default:
		r.unknown(n)
	}
}

func (r *reader) checkContent(c *Content) {
	if !c.Collection && len(c.Hardware) == 0 {
		r.err(c.place, CodeMissingElement, "VirtualSystem %q has no VirtualHardwareSection", printable(c.ID, 60))
	}
	r.checkChildren(c)
	r.checkBoot(c)
	r.checkServiceLegs(c)
	if c.Delivery() == DeliverBackdoor {
		h := preferred(c.Hardware)
		r.warn(h.place, CodeTransport, "the environment is to come through VMware's hypervisor alone (%s); elsewhere the guest does not get it unless the transport %s is listed too",
			printable(strings.Join(h.Transports, " "), 100), TransportISO)
	}
}

func (r *reader) operatingSystem(c *Content, n node) {
	r.info(n)
	if c.OperatingSystem != nil {
		r.err(n.place(), CodeDuplicateSection, "a second OperatingSystemSection stands in the VirtualSystem")
		return
	}
	os := &OperatingSystem{Description: r.text(n.child("Description")), VMware: foreignAttr(n, nsVMware, "osType")}
	os.Version, _ = r.attr(n, "version")
	id := r.need(n, "id")
	number, err := strconv.ParseUint(id, 10, 16)
	if err != nil && id != "" {
		r.warn(n.place(), CodeOSType, "operating system id %q is no CIM OsType number", printable(id, 40))
	}
	if err == nil {
		os.ID = int(number)
	}
	c.OperatingSystem = os
	for child := range n.children {
		if !child.is("Info") && !child.is("Description") {
			r.unknown(child)
		}
	}
}
