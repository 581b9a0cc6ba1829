package ovf

import "strconv"

func (d *descriptorWriter) content(c *Content) {
	name := "VirtualSystem"
	if c.Collection {
		name = "VirtualSystemCollection"
	}
	d.begin(name, xmlAttr{"ovf:id", c.ID})
	d.text("Info", c.Info)
	d.optional("Name", unless(c.ID, c.Name))
	for _, p := range c.Products {
		d.product(p)
	}
	for _, e := range c.Eulas {
		d.section("EulaSection", e.Info)
		d.text("License", e.License)
		d.end()
	}
	if c.Annotation != "" {
		d.section("AnnotationSection", "A description")
		d.text("Annotation", c.Annotation)
		d.end()
	}
	d.operatingSystem(c.OperatingSystem)
	d.deployment(c)
	for _, h := range c.Hardware {
		d.hardware(h)
	}
	d.networkService(c.Service)
	for _, child := range c.Children {
		d.content(child)
	}
	d.end()
}

func (d *descriptorWriter) operatingSystem(os *OperatingSystem) {
	if os == nil {
		return
	}
	d.section("OperatingSystemSection", "The guest operating system", append([]xmlAttr{{"ovf:id", strconv.Itoa(os.ID)}},
		some(xmlAttr{"ovf:version", os.Version}, xmlAttr{"vmw:osType", os.VMware})...)...)
	d.optional("Description", os.Description)
	d.end()
}

// deployment writes how a content is brought up.
func (d *descriptorWriter) deployment(c *Content) {
	for _, group := range c.Placement {
		d.section2("PlacementSection", "Where it is placed", xmlAttr{"ovf:group", group})
		d.end()
	}
	if len(c.Allocation) > 0 {
		d.section("ResourceAllocationSection", "The resources of all together")
		for _, item := range c.Allocation {
			d.item(item, nil)
		}
		d.end()
	}
	d.startup(c.Startup)
	for _, s := range c.ScaleOut {
		d.scaleOut(s)
	}
	if len(c.EnvironmentFiles) > 0 {
		d.section2("EnvironmentFilesSection", "Files that the guest is given")
		for _, f := range c.EnvironmentFiles {
			d.empty(d.graft+"File", xmlAttr{"ovf:fileRef", f.FileRef}, xmlAttr{"ovf:path", f.Path})
		}
		d.end()
	}
	d.boot(c.Boot)
	if c.Install != nil {
		d.section("InstallSection", "It installs itself", xmlAttr{"ovf:initialBootStopDelay", strconv.Itoa(c.Install.StopDelay)})
		d.end()
	}
}

func (d *descriptorWriter) startup(list []Startup) {
	if len(list) == 0 {
		return
	}
	d.section("StartupSection", "The order of starting")
	for _, s := range list {
		attributes := append([]xmlAttr{{"ovf:id", s.ID}, {"ovf:order", strconv.Itoa(s.Order)}},
			some(xmlAttr{"ovf:startDelay", positive(s.StartDelay)}, xmlAttr{"ovf:startAction", s.StartAction},
				xmlAttr{"ovf:stopDelay", positive(s.StopDelay)}, xmlAttr{"ovf:stopAction", s.StopAction})...)
		d.empty("Item", append(attributes, when(s.WaitingForGuest, "ovf:waitingForGuest")...)...)
	}
	d.end()
}

func (d *descriptorWriter) scaleOut(s ScaleOut) {
	d.section2("ScaleOutSection", "How many copies may run", xmlAttr{"ovf:id", s.ID})
	d.optional(d.graft+"Description", s.Description)
	d.empty(d.graft+"InstanceCount", append([]xmlAttr{{"ovf:minimum", strconv.Itoa(s.Minimum)}, {"ovf:default", strconv.Itoa(s.Default)}},
		some(xmlAttr{"ovf:maximum", positive(s.Maximum)})...)...)
	d.end()
}

// boot writes the boot order: in 1.x as vSphere does, which others read as well.
func (d *descriptorWriter) boot(devices []BootDevice) {
	if d.graft != "" {
		for _, b := range devices {
			d.section("vmw:BootOrderSection", "The boot order", append(
				[]xmlAttr{{"vmw:instanceId", b.InstanceID}, {"ovf:required", "false"}}, some(xmlAttr{"vmw:type", b.Caption})...)...)
			d.end()
		}
		return
	}
	if len(devices) == 0 {
		return
	}
	d.section("BootDeviceSection", "The boot order")
	d.begin("bootc:CIM_BootConfigSetting")
	for _, b := range devices {
		d.begin("boots:CIM_BootSourceSetting")
		d.optional("boots:Caption", b.Caption)
		d.text("boots:InstanceID", b.InstanceID)
		d.end()
	}
	d.end()
	d.end()
}
