package ovf

import "strconv"

func (d *descriptorWriter) hardware(h Hardware) {
	d.section("VirtualHardwareSection", "The virtual hardware",
		some(xmlAttr{"ovf:id", h.ID}, xmlAttr{"ovf:transport", words(h.Transports)})...)
	if len(h.Families) > 0 || h.Identifier != "" {
		d.begin("System")
		d.text("vssd:ElementName", "Virtual hardware family")
		d.text("vssd:InstanceID", "0")
		d.optional("vssd:VirtualSystemIdentifier", h.Identifier)
		d.optional("vssd:VirtualSystemType", words(h.Families))
		d.end()
	}
	settings := h.settings()
	for _, item := range h.Items {
		d.item(item, settings[item.InstanceID])
		delete(settings, item.InstanceID) // an InstanceID may stand again
	}
	d.settings(settings[""])
	d.end()
}

// settings are those to be written, by the item they belong to. A firmware that
// was not read but given by a program is one as well.
func (h Hardware) settings() map[string][]Requirement {
	settings := map[string][]Requirement{}
	given := map[string]bool{}
	for _, q := range h.Requirements {
		if q.Kind != RequireDevice { // those are items themselves
			settings[q.InstanceID] = append(settings[q.InstanceID], q)
			given[q.Key] = given[q.Key] || (q.InstanceID == "" && q.Kind == RequireConfig)
		}
	}
	if h.Firmware != "" && !given["firmware"] {
		settings[""] = append(settings[""], Requirement{Kind: RequireConfig, Key: "firmware", Value: h.Firmware})
	}
	if h.SecureBoot && !given["bootOptions.efiSecureBootEnabled"] {
		settings[""] = append(settings[""], Requirement{Kind: RequireConfig, Key: "bootOptions.efiSecureBootEnabled", Value: "true"})
	}
	return settings
}

func (d *descriptorWriter) settings(list []Requirement) {
	for _, q := range list {
		name := "vmw:Config"
		if q.Kind == RequireExtraConfig {
			name = "vmw:ExtraConfig"
		}
		d.empty(name, xmlAttr{"ovf:required", strconv.FormatBool(q.Required)}, xmlAttr{"vmw:key", q.Key}, xmlAttr{"vmw:value", q.Value})
	}
}

// item writes the settings in the order of the schema, which is the alphabet's.
func (d *descriptorWriter) item(i Item, settings []Requirement) {
	name, prefix := "Item", "rasd:"
	if i.PortProfile != "" {
		name, prefix = d.graft+"EthernetPortItem", "epasd:"
	}
	attributes := some(xmlAttr{"ovf:configuration", words(i.Configurations)}, xmlAttr{"ovf:bound", unless(string(BoundNormal), string(i.Bound))})
	if !i.Required {
		attributes = append(attributes, xmlAttr{"ovf:required", "false"})
	}
	d.begin(name, attributes...)
	d.optional(prefix+"Address", i.Address)
	d.optional(prefix+"AddressOnParent", i.AddressOnParent)
	d.optional(prefix+"AllocationUnits", i.Units)
	if !i.AutomaticAllocation {
		d.text(prefix+"AutomaticAllocation", "false")
	}
	for _, c := range i.Connections {
		d.text(prefix+"Connection", c)
	}
	d.optional(prefix+"Description", i.Description)
	d.text(prefix+"ElementName", i.ElementName)
	for _, r := range i.HostResources {
		d.text(prefix+"HostResource", r)
	}
	d.text(prefix+"InstanceID", i.InstanceID)
	d.optional(prefix+"Limit", notNegative(i.Limit))
	d.optional(prefix+"NetworkPortProfileID", i.PortProfile)
	d.optional(prefix+"Parent", i.Parent)
	d.optional(prefix+"Reservation", notNegative(i.Reservation))
	d.optional(prefix+"ResourceSubType", words(i.Subtypes))
	d.text(prefix+"ResourceType", strconv.Itoa(i.Type))
	d.optional(prefix+"VirtualQuantity", notNegative(i.Quantity))
	d.optional(prefix+"Weight", notNegative(i.Weight))
	d.settings(settings)
	d.end()
}
