package openstack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// size is what an appliance is to have of a flavor.
type size struct{ vcpus, memory, disk int } // memory in MiB, the root disk in GiB

func (s size) String() string {
	return fmt.Sprintf("%d vCPUs, %d MiB of memory and a disk of %d GiB", s.vcpus, s.memory, s.disk)
}

// sizeOf is what a machine needs. Invalid for one that is none.
func sizeOf(m cloud.Server) (size, error) {
	s := size{vcpus: m.VCPUs, memory: mebibytes(m.MemoryBytes)}
	if s.vcpus < 1 || s.memory < 1 {
		return s, fault.New(fault.Invalid, "an appliance needs at least one CPU and 1 MiB of memory, not %d and %d bytes", m.VCPUs, m.MemoryBytes)
	}
	if len(m.Disks) > 0 {
		s.disk = max(gibibytes(m.Disks[0].CapacityBytes), 1)
	}
	return s, nil
}

// exact is the flavor with just the CPUs and memory, and the smallest disk that is
// large enough.
func exact(list []flavors.Flavor, s size) (flavors.Flavor, bool) {
	return smallest(list, func(f flavors.Flavor) bool { return f.VCPUs == s.vcpus && f.RAM == s.memory && f.Disk >= s.disk })
}

// roomy is the smallest flavor that has no less of anything.
func roomy(list []flavors.Flavor, s size) (flavors.Flavor, bool) {
	return smallest(list, func(f flavors.Flavor) bool { return f.VCPUs >= s.vcpus && f.RAM >= s.memory && f.Disk >= s.disk })
}

func smallest(list []flavors.Flavor, fits func(flavors.Flavor) bool) (flavors.Flavor, bool) {
	list = slices.DeleteFunc(slices.Clone(list), func(f flavors.Flavor) bool { return !fits(f) })
	if len(list) == 0 {
		return flavors.Flavor{}, false
	}
	return slices.MinFunc(list, func(a, b flavors.Flavor) int {
		return cmp.Or(cmp.Compare(a.VCPUs, b.VCPUs), cmp.Compare(a.RAM, b.RAM), cmp.Compare(a.Disk, b.Disk),
			cmp.Compare(a.Ephemeral, b.Ephemeral), cmp.Compare(a.Swap, b.Swap), cmp.Compare(a.ID, b.ID))
	}), true
}

// flavor finds one of a size, makes it where the account may, and otherwise takes the
// next larger one. Full when there is none.
func (d *Driver) flavor(ctx context.Context, b boot, s size) (flavors.Flavor, error) {
	d.depot.promise(b, d.flavorID(s)) // before it is looked for
	list, err := d.flavors(ctx)
	if err != nil {
		return flavors.Flavor{}, err
	}
	if f, ok := exact(list, s); ok {
		return f, nil
	}
	made, err := d.makeFlavor(ctx, s)
	if fault.KindOf(err) != fault.Forbidden {
		return made, err
	}
	if f, ok := roomy(list, s); ok {
		return f, nil
	}
	return flavors.Flavor{}, fault.New(fault.Full, "this cloud has no flavor with %s, and the broker's account may not make one; an operator can", s)
}

// makeFlavor makes one for the account's project alone. Its id says what it is, so
// that there is never a second one.
func (d *Driver) makeFlavor(ctx context.Context, s size) (flavors.Flavor, error) {
	private := false
	id := d.flavorID(s)
	made, err := whole(flavors.Create(ctx, d.compute, flavors.CreateOpts{ID: id, Name: id, VCPUs: s.vcpus, RAM: s.memory, Disk: &s.disk, IsPublic: &private}).Extract())
	switch {
	case err == nil:
		return *made, nil
	case gophercloud.ResponseCodeIs(err, 409): // another broker was quicker
		return flavors.Flavor{ID: id, Name: id, VCPUs: s.vcpus, RAM: s.memory, Disk: s.disk}, nil
	}
	return flavors.Flavor{}, said("make a flavor", err)
}

func (d *Driver) flavorID(s size) string {
	return fmt.Sprintf("%s%d-%d-%d", d.flavorPrefix(), s.vcpus, s.memory, s.disk)
}

func (d *Driver) flavorPrefix() string { return tagPrefix + "." + d.scope + "." } // a scope has no dot

// flavors are everybody's and this broker's: an administrator is shown others' as well.
func (d *Driver) flavors(ctx context.Context) ([]flavors.Flavor, error) {
	pages, err := flavors.ListDetail(d.compute, flavors.ListOpts{AccessType: flavors.AllAccess}).AllPages(ctx)
	if err != nil {
		return nil, listing("flavors", err)
	}
	list, err := flavors.ExtractFlavors(pages)
	return slices.DeleteFunc(list, func(f flavors.Flavor) bool { return !f.IsPublic && !strings.HasPrefix(f.ID, d.flavorPrefix()) }), listing("flavors", err)
}

// madeFlavors are those that this broker has made.
func (d *Driver) madeFlavors(ctx context.Context) ([]flavors.Flavor, error) {
	list, err := d.flavors(ctx)
	return slices.DeleteFunc(list, func(f flavors.Flavor) bool { return !strings.HasPrefix(f.ID, d.flavorPrefix()) }), err
}

func (d *Driver) dropFlavor(ctx context.Context, id string) error {
	err := flavors.Delete(ctx, d.compute, id).ExtractErr()
	return dropped("delete flavor "+id, err, func() error { return flavors.Get(ctx, d.compute, id).Err })
}
