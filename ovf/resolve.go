package ovf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// defaultPlan is the plan of a package without deployment options.
const defaultPlan = "default"

// maxResolution bounds items times configurations, which is what resolving a
// package costs; a package at every other limit stays below it.
const maxResolution = 250_000

// plans resolves every configuration.
func (r *reader) plans() {
	options := r.pkg.Configurations
	if len(options) == 0 {
		options = []Configuration{{ID: defaultPlan, Label: r.pkg.Content.Name, Default: true}}
	}
	items := 0
	for _, system := range r.pkg.Systems() {
		for _, h := range system.Hardware {
			items += len(h.Items)
		}
	}
	if items*len(options) > maxResolution {
		r.err(r.pkg.Content.place, CodeCountLimit, "%d items in %d configurations are too much to resolve", items, len(options))
		return
	}
	for _, option := range options {
		r.pkg.plans = append(r.pkg.plans, r.plan(option))
	}
}

func (r *reader) plan(option Configuration) Plan {
	plan := Plan{ID: option.ID, Label: option.Label, Description: option.Description, Default: option.Default}
	for _, content := range r.systems() {
		system := r.planSystem(option.ID, content)
		plan.Systems = append(plan.Systems, system)
		plan.VCPUs += system.VCPUs
		plan.MemoryBytes += system.MemoryBytes
	}
	return plan
}

// maxSystems is far above real appliances and keeps the sums of a plan, each
// part of which is under its own limit, exact.
const maxSystems = 1000

func (r *reader) systems() []*Content {
	systems := r.pkg.Systems()
	if len(systems) > maxSystems {
		r.err(r.pkg.Content.place, CodeCountLimit, "more than %d virtual systems", maxSystems)
		systems = systems[:maxSystems]
	}
	return systems
}

func (r *reader) planSystem(configuration string, c *Content) PlanSystem {
	system := PlanSystem{ID: c.ID, Name: c.Name, Environment: c.Delivery()}
	if len(c.Hardware) == 0 {
		return system
	}
	h := preferred(c.Hardware)
	system.Hardware = h.ID
	system.Transports, system.Families = h.Transports, h.Families
	system.Firmware, system.SecureBoot = h.Firmware, h.SecureBoot
	items := r.devices(effective(h.Items, configuration), h, configuration)
	if cpu, ok := r.single(items, ResourceCPU, "CPU", configuration); ok {
		system.VCPUs = r.cpus(cpu)
	}
	if memory, ok := r.single(items, ResourceMemory, "memory", configuration); ok {
		system.MemoryBytes = r.memory(memory)
	}
	system.CPURange = r.ranged(h.Items, configuration, ResourceCPU, system.VCPUs, r.cpus)
	system.MemoryRange = r.ranged(h.Items, configuration, ResourceMemory, system.MemoryBytes, r.memory)
	controllers := controllersOf(items)
	system.Boot = bootable(c.Boot, items)
	for _, item := range inBootOrder(items, controllers, system.Boot) {
		system.Disks = append(system.Disks, r.planDisk(item, controllers, configuration))
	}
	for _, item := range items {
		switch {
		case item.Type == ResourceEthernet:
			system.NICs = append(system.NICs, planNIC(item))
		case item.isDrive():
			system.Drives = append(system.Drives, r.planDrive(item))
		}
	}
	assignRoles(system.NICs, c.Service)
	return system
}

// preferred picks one of several VirtualHardwareSections, which are
// alternatives: the first that is written for the hypervisor used here, else
// the first that asks for no device which the machine will not get, else the
// first.
func preferred(alternatives []Hardware) Hardware {
	isOurs := func(h Hardware) bool {
		return slices.ContainsFunc(h.Families, func(f string) bool {
			f = strings.ToLower(f)
			return strings.HasPrefix(f, "kvm") || strings.HasPrefix(f, "qemu")
		})
	}
	isComplete := func(h Hardware) bool {
		return !slices.ContainsFunc(h.Requirements, func(q Requirement) bool { return q.Kind == RequireDevice && q.Required })
	}
	for _, fits := range []func(Hardware) bool{isOurs, isComplete} {
		if i := slices.IndexFunc(alternatives, fits); i >= 0 {
			return alternatives[i]
		}
	}
	return alternatives[0]
}

// devices keeps disks, drives and NICs under their limit.
func (r *reader) devices(items []Item, h Hardware, configuration string) []Item {
	count := 0
	for i, item := range items {
		if item.isDisk() || item.isDrive() || item.Type == ResourceEthernet {
			count++
		}
		if count > r.limits.Devices {
			r.err(h.place, CodeCountLimit, "configuration %q has more than %d disks, drives and NICs", configuration, r.limits.Devices)
			return items[:i]
		}
	}
	return items
}

// effective returns the items that are devices in one configuration. Of those
// with the same InstanceID one is meant: an item for this configuration goes
// before one for all, and the last of several goes before the others. A
// replacement without a unit keeps the unit of what it replaces.
func effective(items []Item, configuration string) []Item {
	var chosen []Item
	index := make(map[string]int, len(items))
	for _, item := range items {
		if item.Bound != BoundNormal || !item.appliesTo(configuration) {
			continue
		}
		i, seen := index[item.InstanceID]
		if !seen || item.InstanceID == "" {
			index[item.InstanceID] = len(chosen)
			chosen = append(chosen, item)
			continue
		}
		old := chosen[i]
		if len(item.Configurations) == 0 && len(old.Configurations) > 0 {
			item, old = old, item
		}
		if item.Units == "" {
			item.Units = old.Units
		}
		chosen[i] = item
	}
	return chosen
}

// single picks the one CPU or memory item. Some writers give each
// configuration's item an InstanceID of its own; then the specific one is
// meant and the general one is the fallback.
func (r *reader) single(items []Item, kind int, what, configuration string) (Item, bool) {
	var found []Item
	specific := 0
	for _, item := range items {
		if item.Type != kind {
			continue
		}
		found = append(found, item)
		if len(item.Configurations) > 0 {
			specific++
		}
	}
	if len(found) == 0 {
		return Item{}, false
	}
	if specific > 0 {
		found = slices.DeleteFunc(found, func(i Item) bool { return len(i.Configurations) == 0 })
	}
	last := found[len(found)-1]
	if len(found) > 1 {
		r.err(last.place, CodeAmbiguousItem, "configuration %q has %d %s items; there must be one", configuration, len(found), what)
	}
	return last, true
}

func controllersOf(items []Item) map[string]Item {
	controllers := map[string]Item{}
	for _, item := range items {
		switch item.Type {
		case ResourceIDE, ResourceSCSI, ResourceSATA:
			controllers[item.InstanceID] = item
		}
	}
	return controllers
}

// bootable returns the devices of one configuration to boot from.
func bootable(order []BootDevice, items []Item) []string {
	if len(order) == 0 {
		return nil
	}
	present := make(map[string]bool, len(items))
	for _, item := range items {
		present[item.InstanceID] = true
	}
	var ids []string
	for _, d := range order {
		if present[d.InstanceID] {
			ids = append(ids, d.InstanceID)
		}
	}
	return ids
}

// inBootOrder returns the disk items: those to boot from first, then by
// controller address, then by address on the controller; document order
// decides between equals.
func inBootOrder(items []Item, controllers map[string]Item, boot []string) []Item {
	rank := make(map[string]int, len(boot))
	for i, id := range boot {
		rank[id] = i - len(boot)
	}
	var disks []Item
	for _, item := range items {
		if item.isDisk() {
			disks = append(disks, item)
		}
	}
	slices.SortStableFunc(disks, func(a, b Item) int {
		return cmp.Or(
			cmp.Compare(rank[a.InstanceID], rank[b.InstanceID]),
			cmp.Compare(address(controllers[a.Parent].Address), address(controllers[b.Parent].Address)),
			cmp.Compare(address(a.AddressOnParent), address(b.AddressOnParent)))
	})
	return disks
}

func address(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0
	}
	return n
}
