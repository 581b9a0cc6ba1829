package ovf

import (
	"strconv"
	"strings"
)

func (r *reader) hardware(c *Content, n node) {
	r.info(n)
	h := Hardware{place: n.place()}
	h.ID, _ = r.attr(n, "id")
	transport, _ := r.attr(n, "transport")
	h.Transports = listed(transport) // 1.0 said commas, 1.1 spaces
	for child := range n.children {
		switch {
		case child.is("Info"):
		case child.is("System"):
			r.hardwareSystem(&h, child)
		case child.is("Item"), child.is("StorageItem"), child.is("EthernetPortItem"):
			if len(h.Items) == r.limits.Items {
				r.err(n.place(), CodeCountLimit, "more than %d items", r.limits.Items)
				break
			}
			h.Items = append(h.Items, r.item(child))
			r.itemSettings(&h, child)
		case isSetting(child):
			r.setting(&h, "", child)
		default:
			r.unknown(child)
		}
	}
	r.checkItems(&h)
	c.Hardware = append(c.Hardware, h)
}

func (r *reader) hardwareSystem(h *Hardware, n node) {
	if len(n.el.Child) == 0 {
		r.err(n.place(), CodeMissingElement, "the System is empty; it must say at least which VirtualSystemType it is for")
	}
	for c := range n.children {
		switch c.el.Tag {
		case "VirtualSystemType":
			h.Families = append(h.Families, listed(c.el.Text())...)
		case "VirtualSystemIdentifier":
			h.Identifier = strings.TrimSpace(c.el.Text())
		}
	}
}

func isSetting(n node) bool {
	return n.namespace() == nsVMware && (n.el.Tag == "Config" || n.el.Tag == "ExtraConfig")
}

func (r *reader) itemSettings(h *Hardware, n node) {
	for c := range n.children {
		if isSetting(c) {
			r.setting(h, h.Items[len(h.Items)-1].InstanceID, c)
		}
	}
}

// item reads one Item. Its children are of CIM namespaces: rasd, or of the
// storage and Ethernet kinds of 2.x; which one makes no difference to us.
func (r *reader) item(n node) Item {
	item := Item{
		Quantity: -1, Reservation: -1, Limit: -1, Weight: -1, Required: r.required(n), Configurations: r.configurations(n),
		Bound: r.bound(n), AutomaticAllocation: true, place: n.place(),
	}
	hasType := false
	for c := range n.children {
		if isSetting(c) {
			continue
		}
		if !strings.HasPrefix(c.namespace(), nsCIM) {
			r.unknown(c)
			continue
		}
		hasType = hasType || c.el.Tag == "ResourceType"
		r.itemField(&item, c, strings.TrimSpace(c.el.Text()))
	}
	switch {
	case item.InstanceID == "":
		r.err(n.place(), CodeMissingElement, "the item has no InstanceID")
	case !hasType:
		r.err(n.place(), CodeMissingElement, "item %s has no ResourceType", printable(item.InstanceID, 40))
	case item.ElementName == "":
		r.warn(n.place(), CodeMissingElement, "item %s has no ElementName", printable(item.InstanceID, 40))
	}
	return item
}

func (r *reader) itemField(item *Item, n node, value string) {
	switch n.el.Tag {
	case "InstanceID", "InstanceId":
		item.InstanceID = value
	case "ElementName":
		item.ElementName = r.text(n)
	case "Caption":
		if item.ElementName == "" {
			item.ElementName = r.text(n) // 0.9 has no ElementName
		}
	case "Description":
		item.Description = r.text(n)
	case "ResourceType":
		item.Type = r.resourceType(n, value)
	case "ResourceSubType":
		item.Subtypes = append(item.Subtypes, listed(value)...)
	case "VirtualQuantity":
		item.Quantity, item.badQuantity = r.quantity(n, value)
	case "Reservation":
		item.Reservation, _ = r.quantity(n, value)
	case "Limit":
		item.Limit, _ = r.quantity(n, value)
	case "Weight":
		item.Weight, _ = r.quantity(n, value)
	case "AllocationUnits":
		item.Units = value
	case "VirtualQuantityUnits":
		quantityUnits(item, value)
	case "NetworkPortProfileID":
		item.PortProfile = value
	case "Parent":
		item.Parent = value
	case "AddressOnParent":
		item.AddressOnParent = value
	case "Address":
		item.Address = value
	case "HostResource":
		item.HostResources = append(item.HostResources, value)
	case "Connection":
		item.Connections = append(item.Connections, value)
	case "AutomaticAllocation":
		if on, ok := parseBool(value); ok {
			item.AutomaticAllocation = on
		}
	default:
		if !knownSetting(n.el.Tag) {
			r.unknown(n)
		}
	}
}

// quantityUnits takes the unit that newer CIM schemas give the quantity, where
// AllocationUnits, which comes first, does not. A count has none.
func quantityUnits(item *Item, value string) {
	if item.Units == "" && value != "count" {
		item.Units = value
	}
}

// quantity reads a number that may be left out; -1 stands for that.
func (r *reader) quantity(n node, value string) (count int64, bad bool) {
	if value == "" {
		return -1, false
	}
	count, ok := r.number(n.place(), n.el.Tag, value, 0)
	return count, !ok
}

func (r *reader) resourceType(n node, value string) int {
	number, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		r.err(n.place(), CodeNumber, "ResourceType %q is no number", printable(value, 40))
	}
	return int(number)
}

func (r *reader) bound(n node) Bound {
	value, _ := r.attr(n, "bound")
	switch value {
	case "", string(BoundNormal):
		return BoundNormal
	case string(BoundMin):
		return BoundMin
	case string(BoundMax):
		return BoundMax
	}
	r.err(n.place(), CodeValue, "bound is %q; it must be normal, min or max", printable(value, 40))
	return BoundNormal
}
