package ovf

import (
	"fmt"
	"strconv"
	"strings"
)

// DiskCapacity is the size of a plan's disk in bytes, which a property decides
// where CapacityProperty is set (DSP0243 9.1): its value in values, or its default
// where it has none. It is an error when that value is no whole number above 0, or
// makes a disk of more than 64 TiB.
func (p *Package) DiskCapacity(d PlanDisk, values map[string]string) (int64, error) {
	value, given := values[d.CapacityProperty]
	if d.CapacityProperty == "" || !given {
		return d.CapacityBytes, nil
	}
	disk, ok := p.Disk(d.ID)
	if !ok {
		return 0, fmt.Errorf("there is no disk %q", d.ID)
	}
	count, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil || count < 1 {
		return 0, fmt.Errorf("property %q, the size of disk %q, must be a whole number above 0, not %q", d.CapacityProperty, d.ID, printable(value, 40))
	}
	n, ok := multiply(count, disk.Unit)
	if limit := (Limits{}).withDefaults().Disk; !ok || n > limit {
		return 0, fmt.Errorf("property %q makes disk %q larger than %d bytes", d.CapacityProperty, d.ID, limit)
	}
	return n, nil
}
