package ovf

import (
	"slices"
	"strings"
)

// BootDevice is one device that a virtual system tries to boot from.
type BootDevice struct {
	InstanceID string // of an Item
	Caption    string
	hint       bool // by a section that is not of the standard
	place      *place
}

// bootDevices reads a BootDeviceSection (2.x): a CIM_BootConfigSetting with
// sources in their order. Further ones are alternatives for other occasions;
// the first is what the system boots with.
func (r *reader) bootDevices(c *Content, n node) {
	first := true
	r.parts(n, func(config node) bool {
		if config.el.Tag != "CIM_BootConfigSetting" {
			return false
		}
		if !first {
			r.note(remark, CodeIgnored, config.place(), "a further boot configuration is ignored; the first one counts")
			return true
		}
		first = false
		for source := range config.children {
			if source.el.Tag == "CIM_BootSourceSetting" {
				c.Boot = append(c.Boot, bootSource(source))
			}
		}
		return true
	})
}

func bootSource(n node) BootDevice {
	d := BootDevice{place: n.place()}
	for field := range n.children {
		switch field.el.Tag {
		case "InstanceID":
			d.InstanceID = strings.TrimSpace(field.el.Text())
		case "Caption":
			d.Caption = strings.TrimSpace(field.el.Text())
		}
	}
	return d
}

// bootOrder reads a vmw:BootOrderSection, the common form in 1.x: each names
// one device, and they stand in the order to try. Kinds without an item, such
// as a floppy, name none.
func (r *reader) bootOrder(c *Content, n node) {
	id := foreignAttr(n, nsVMware, "instanceId")
	if id == "" {
		r.unknown(n)
		return
	}
	c.Boot = append(c.Boot, BootDevice{InstanceID: id, Caption: foreignAttr(n, nsVMware, "type"), hint: true, place: n.place()})
}

// checkBoot checks that the devices to boot from are there, each once.
func (r *reader) checkBoot(c *Content) {
	if len(c.Boot) == 0 {
		return
	}
	items, seen := map[string]bool{}, map[string]bool{}
	for _, h := range c.Hardware {
		for _, item := range h.Items {
			items[item.InstanceID] = true
		}
	}
	c.Boot = slices.DeleteFunc(c.Boot, func(d BootDevice) bool {
		twice := seen[d.InstanceID]
		seen[d.InstanceID] = true
		switch {
		case twice:
			r.err(d.place, CodeDuplicateItem, "the boot order names item %q twice", printable(d.InstanceID, 40))
		case !items[d.InstanceID] && d.hint:
			r.warn(d.place, CodeUnknownItem, "the boot order names item %q, which there is none of; it is left out", printable(d.InstanceID, 40))
		case !items[d.InstanceID]:
			r.err(d.place, CodeUnknownItem, "the boot order names item %q, which there is none of", printable(d.InstanceID, 40))
		}
		return twice || !items[d.InstanceID]
	})
}
