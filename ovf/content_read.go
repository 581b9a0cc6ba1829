package ovf

import (
	"strconv"
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
	if c.ID != "" {
		if r.contents[c.ID] != nil {
			r.err(n.place(), CodeDuplicateID, "content id %q stands twice", printable(c.ID, 60))
		}
		r.contents[c.ID] = c
	}
	for child := range n.children {
		r.contentChild(c, child)
	}
	r.checkContent(c)
	return c
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
		c.Eulas = append(c.Eulas, Eula{Info: r.info(n), License: r.text(n.child("License"))})
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
	case "StartupSection":
		r.startup(c, n)
	case "ScaleOutSection":
		r.scaleOut(c, n)
	default:
		r.otherChild(c, n, name)
	}
}

func (r *reader) otherChild(c *Content, n node, name string) {
	switch {
	case n.namespace() == ServiceNamespace && n.el.Tag == "NetworkServiceSection":
		r.networkService(c, n)
	case name == "InstallSection":
		r.installSection(n)
	case sectionPlaces[name] != 0:
		r.ignored(n)
	default:
		r.unknown(n)
	}
}

func (r *reader) installSection(n node) {
	r.err(n.place(), CodeUnsupportedInstall, "a package that installs itself at a first boot (InstallSection) is not supported")
}

func (r *reader) checkContent(c *Content) {
	if !c.Collection && len(c.Hardware) == 0 {
		r.err(c.place, CodeMissingElement, "VirtualSystem %q has no VirtualHardwareSection", printable(c.ID, 60))
	}
	children := map[string]bool{}
	for _, child := range c.Children {
		children[child.ID] = true
	}
	for _, s := range c.Startup {
		if !children[s.ID] {
			r.err(c.place, CodeUnknownContent, "StartupSection names %q, which is no child of %q", printable(s.ID, 60), printable(c.ID, 60))
		}
	}
	for _, s := range c.ScaleOut {
		if !children[s.ID] {
			r.err(c.place, CodeUnknownContent, "ScaleOutSection names %q, which is no child of %q", printable(s.ID, 60), printable(c.ID, 60))
		}
	}
	r.checkServiceLegs(c)
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
	os.ID = int(number)
	c.OperatingSystem = os
	for child := range n.children {
		if !child.is("Info") && !child.is("Description") {
			r.unknown(child)
		}
	}
}

func (r *reader) startup(c *Content, n node) {
	r.info(n)
	for item := range n.children {
		if item.is("Info") {
			continue
		}
		if !item.is("Item") {
			r.unknown(item)
			continue
		}
		s := Startup{
			ID: r.need(item, "id"), Order: r.count(item, "order", 0),
			StartDelay: r.count(item, "startDelay", 0), StopDelay: r.count(item, "stopDelay", 0),
			WaitingForGuest: r.flag(item, "waitingForGuest", false),
			StartAction:     "powerOn", StopAction: "powerOff",
		}
		if action, _ := r.attr(item, "startAction"); action != "" {
			s.StartAction = action
		}
		if action, _ := r.attr(item, "stopAction"); action != "" {
			s.StopAction = action
		}
		c.Startup = append(c.Startup, s)
	}
}

// count reads an attribute that is a small number (xs:unsignedShort).
func (r *reader) count(n node, name string, standard int) int {
	text, ok := r.attr(n, name)
	if !ok {
		return standard
	}
	v, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		r.err(n.place(), CodeNumber, "%s is %q; it must be a number from 0 to 65535", name, printable(text, 40))
		return standard
	}
	return int(v)
}

func (r *reader) scaleOut(c *Content, n node) {
	r.info(n)
	s := ScaleOut{ID: r.need(n, "id"), Minimum: 1, Default: 1}
	limits := n.child("InstanceCount")
	if limits.exists() {
		s.Minimum = r.count(limits, "minimum", 1)
		s.Default = r.count(limits, "default", s.Minimum)
		s.Maximum = r.count(limits, "maximum", 0)
	}
	if s.Default < s.Minimum || (s.Maximum > 0 && (s.Maximum < s.Minimum || s.Default > s.Maximum)) {
		r.err(n.place(), CodeInstanceCount, "instance count %d is not between %d and %d", s.Default, s.Minimum, s.Maximum)
	}
	c.ScaleOut = append(c.ScaleOut, s)
}
