package provision

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// server is what a member of an instance boots from and with: the disks of its
// plan, and the OVF environment with the tenant's values. It holds secrets and
// is made anew whenever it is needed.
func (s *Service) server(ctx context.Context, i Instance, member int) (cloud.Server, error) {
	pkg, err := s.catalog.Descriptor(ctx, i.Package)
	if err != nil {
		return cloud.Server{}, fmt.Errorf("cannot read package %q: %w", i.Package, err)
	}
	stored, err := s.catalog.Package(ctx, i.Package)
	if err != nil {
		return cloud.Server{}, fmt.Errorf("cannot find package %q: %w", i.Package, err)
	}
	system, err := systemOn(pkg, i, i.sideOf(member))
	if err != nil {
		return cloud.Server{}, err
	}
	server := cloud.Server{VCPUs: int(system.VCPUs), MemoryBytes: system.MemoryBytes, Firmware: system.Firmware, Group: group(i, pkg, system.ID)}
	for _, nic := range i.Insertion.LegsOf(i.sideOf(member)) {
		server.NICModels = append(server.NICModels, nic.Model)
	}
	for _, d := range system.Disks {
		disk, err := s.disk(stored, d)
		if err == nil {
			disk.CapacityBytes, err = capacity(pkg, d, i.Values, disk.CapacityBytes)
		}
		if err != nil {
			return cloud.Server{}, err
		}
		server.Disks = append(server.Disks, disk)
	}
	server.Environment, err = s.environment(ctx, i, member, pkg, stored, system)
	return server, err
}

// systemOn is the virtual system that an instance is made of on a side: the only one of
// its configuration, or the one that serves the side.
func systemOn(pkg *ovf.Package, i Instance, side string) (ovf.PlanSystem, error) {
	plan, _ := pkg.Plan(i.Configuration)
	id := i.Insertion.SystemOf(side)
	for _, s := range plan.Systems {
		if s.ID == id || id == "" && len(plan.Systems) == 1 {
			return s, nil
		}
	}
	return ovf.PlanSystem{}, fault.New(fault.Invalid, "configuration %q of the package has %d virtual systems, and none of them is the one to boot", i.Configuration, len(plan.Systems))
}

func (s *Service) disk(p catalog.Package, d ovf.PlanDisk) (cloud.Disk, error) {
	disk := cloud.Disk{ID: d.ID, Format: string(d.Format), CapacityBytes: d.CapacityBytes, Bus: d.Bus}
	if d.Member == "" {
		return disk, nil
	}
	image, err := p.Image(d.Member)
	if err != nil {
		return disk, fault.New(fault.Invalid, "package %q holds no file %q for disk %q", p.ID, d.Member, d.ID)
	}
	disk.Digest, disk.SizeBytes = image.Digest, image.Size
	if image.Format != "" {
		disk.Format = image.Format // what the bytes are, not what the descriptor says they are
	}
	if disk.CapacityBytes == 0 {
		disk.CapacityBytes = image.Virtual // the package makes a disk of a file without saying how large
	}
	disk.Open = func(ctx context.Context) (io.ReadCloser, error) { return s.catalog.OpenImage(ctx, p, image) }
	return disk, nil
}

// checkDisks refuses values that make no disk, before anything is built for them.
func checkDisks(pkg *ovf.Package, i Instance) error {
	for _, side := range i.Insertion.SideNames() {
		system, err := systemOn(pkg, i, side)
		if err != nil {
			return err
		}
		for _, d := range system.Disks {
			n, err := capacity(pkg, d, i.Values, 0)
			if err != nil {
				return err
			}
			if n == 0 && d.Member == "" {
				return fault.New(fault.Invalid, "disk %q has no size; property %q decides it", d.ID, d.CapacityProperty)
			}
		}
	}
	return nil
}

// capacity is the size of a disk with the tenant's values; image is what it is
// where the package does not say.
func capacity(pkg *ovf.Package, d ovf.PlanDisk, values map[string]string, image int64) (int64, error) {
	n, err := pkg.DiskCapacity(d, values)
	switch {
	case err != nil:
		return 0, fault.New(fault.Invalid, "%s", err)
	case n == 0:
		return image, nil
	}
	return n, nil
}

// environment is the CD with the OVF environment, or nil when the appliance has no
// use for one.
func (s *Service) environment(ctx context.Context, i Instance, member int, pkg *ovf.Package, stored catalog.Package, system ovf.PlanSystem) ([]byte, error) {
	n := slices.IndexFunc(pkg.Systems(), func(c *ovf.Content) bool { return c.ID == system.ID })
	if n < 0 || system.Environment == ovf.DeliverNone {
		return nil, nil
	}
	values := maps.Clone(i.Values)
	if values == nil {
		values = map[string]string{}
	}
	for property := range i.Secrets {
		plain, err := s.secret(i, property)
		if err != nil {
			return nil, err
		}
		values[property] = plain
	}
	maps.Copy(values, addresses(i.member(member), i.sideOf(member), pkg))
	maps.Copy(values, peers(i, member, pkg))
	maps.Copy(values, s.reporting(i, pkg))
	env, err := pkg.Environment(i.Configuration, system.ID, values)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s", err)
	}
	env.Platform = s.platform
	var cd bytes.Buffer
	err = pkg.Systems()[n].WriteMedium(&cd, env, string(i.firstOf(member)), func(fileRef string) (io.ReadCloser, error) {
		f, _ := pkg.File(fileRef)
		return s.member(ctx, stored, f.Name)
	})
	return cd.Bytes(), err
}

// member opens a file of a stored package as its readers see it.
func (s *Service) member(ctx context.Context, p catalog.Package, name string) (io.ReadCloser, error) {
	image, err := p.Image(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "package %q holds no file %q", p.ID, name)
	}
	return s.catalog.OpenImage(ctx, p, image)
}

// addresses are the values that the broker knows and the tenant does not: the
// management leg's address and mask, for properties that ask for them.
func addresses(i Instance, side string, pkg *ovf.Package) map[string]string {
	values := map[string]string{}
	if !i.Management.IsValid() {
		return values
	}
	network := managementNetwork(i.Insertion.LegsOf(side))
	for _, p := range pkg.Properties() {
		if p.Fill == nil || p.Fill.Network != "" && p.Fill.Network != network {
			continue
		}
		switch p.Fill.Kind {
		case ovf.FillIP:
			values[p.ID] = i.Management.Addr().String()
		case ovf.FillNetmask:
			values[p.ID] = netmask(i.Management)
		case ovf.FillGateway:
			values[p.ID] = i.Management.Masked().Addr().Next().String()
		}
	}
	return values
}

// managementNetwork is the name, in the package, of the network that its
// management leg is on.
func managementNetwork(legs []catalog.Leg) string {
	for _, l := range legs {
		if l.Role == string(topology.Management) {
			return l.Network
		}
	}
	return ""
}

func netmask(p netip.Prefix) string {
	return net.IP(net.CIDRMask(p.Bits(), p.Addr().BitLen())).String()
}
