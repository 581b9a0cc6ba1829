package ovf

import (
	"strconv"
)

func (r *reader) cpus(item Item) int64 {
	if item.badQuantity {
		return 0
	}
	if item.Quantity < 1 || item.Quantity > r.limits.VCPUs {
		r.err(item.place, CodeQuantity, "the number of CPUs is %s; it must be from 1 to %d", quantity(item), r.limits.VCPUs)
		return 0
	}
	return item.Quantity
}

func quantity(item Item) string {
	if item.Quantity < 0 {
		return "not given"
	}
	return strconv.FormatInt(item.Quantity, 10)
}

// memory returns bytes. An item without a unit means MiB in practice, although
// the schema's default would be bytes; a number too large for that is taken
// as bytes.
func (r *reader) memory(item Item) int64 {
	if item.badQuantity {
		return 0
	}
	if item.Quantity < 1 {
		r.err(item.place, CodeQuantity, "the memory size is %s; it must be positive", quantity(item))
		return 0
	}
	unit := int64(1)
	switch {
	case item.Units != "":
		u, err := ParseUnits(item.Units)
		if err != nil {
			r.err(item.place, CodeUnits, "memory: %v", err)
			return 0
		}
		unit = u
	case item.Quantity < mib:
		r.warn(item.place, CodeNoUnits, "the memory size %d has no unit; MiB is assumed", item.Quantity)
		unit = mib
	default:
		r.warn(item.place, CodeNoUnits, "the memory size %d has no unit; bytes are assumed", item.Quantity)
	}
	n, _ := r.bytes(item.place, "memory", item.Quantity, unit, r.limits.Memory)
	return n
}

// ranged reads the min and max items of one resource. Like any item, one for
// this configuration goes before one for all.
func (r *reader) ranged(items []Item, configuration string, kind int, normal int64, amount func(Item) int64) Range {
	bounds := map[Bound]Item{}
	for _, item := range items {
		if item.Type != kind || item.Bound == BoundNormal || item.Quantity < 0 || !item.appliesTo(configuration) {
			continue // a bound may speak of Limit and Reservation alone
		}
		other, twice := bounds[item.Bound]
		general, otherGeneral := len(item.Configurations) == 0, len(other.Configurations) == 0
		switch {
		case twice && general == otherGeneral:
			r.err(item.place, CodeAmbiguousItem, "configuration %q has two items for the %s of one resource", configuration, item.Bound)
		case !twice || otherGeneral:
			bounds[item.Bound] = item
		}
	}
	var found Range
	var last Item
	if item, ok := bounds[BoundMin]; ok {
		found.Min, last = amount(item), item
	}
	if item, ok := bounds[BoundMax]; ok {
		found.Max, last = amount(item), item
	}
	if (found.Min > 0 && normal > 0 && normal < found.Min) || (found.Max > 0 && normal > found.Max) || (found.Max > 0 && found.Min > found.Max) {
		r.err(last.place, CodeBound, "the quantity %d of configuration %q is outside its bounds %d to %d", normal, configuration, found.Min, found.Max)
	}
	return found
}
