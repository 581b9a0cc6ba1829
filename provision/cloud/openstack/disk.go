package openstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// extras are the disks after the first, which is a server's own; they are volumes.
func extras(disks []cloud.Disk) []cloud.Disk {
	if len(disks) < 2 {
		return nil
	}
	return disks[1:]
}

// diskName is what a volume's metadata call a disk: where it stands, and what the
// package calls it.
func diskName(n int, d cloud.Disk) string { return fmt.Sprintf("%d %.200s", n, d.ID) }

// disks are a server's in boot order, then the CD.
func (d *Driver) disks(ctx context.Context, b boot, image string, hardware map[string]string) ([]servers.BlockDevice, error) {
	list := []servers.BlockDevice{{SourceType: servers.SourceImage, UUID: image, DestinationType: servers.DestinationLocal,
		DeleteOnTermination: true, DeviceType: "disk", DiskBus: hardware["hw_disk_bus"]}}
	for n, disk := range extras(b.server.Disks) {
		device, err := d.dataDisk(ctx, b, n+1, disk, hardware)
		if err != nil {
			return nil, err
		}
		list = append(list, device)
	}
	if b.server.Environment == nil {
		return list, nil
	}
	cd, err := d.cd(ctx, b, len(list), hardware)
	return append(list, cd), err
}

// dataDisk is a volume, blank or with the content of an image.
func (d *Driver) dataDisk(ctx context.Context, b boot, n int, disk cloud.Disk, hardware map[string]string) (device servers.BlockDevice, err error) {
	bus, err := diskBus(disk.Bus)
	if err != nil {
		return device, err
	}
	w := wantedVolume{disk: diskName(n, disk), gib: gibibytes(disk.CapacityBytes)}
	if disk.Open == nil && disk.CapacityBytes <= 0 {
		return device, fault.New(fault.Invalid, "the blank disk %q has no size", disk.ID)
	}
	if disk.Open != nil {
		if w.image, err = d.ensureImage(ctx, b, disk, hardware); err != nil {
			return device, err
		}
	}
	id, err := d.ensureVolume(ctx, b, w)
	return servers.BlockDevice{SourceType: servers.SourceVolume, UUID: id, DestinationType: servers.DestinationVolume,
		BootIndex: n, DeviceType: "disk", DiskBus: bus}, err
}

// cd is a volume with the OVF environment of this start. The image that it is made
// of holds secrets and goes at once.
func (d *Driver) cd(ctx context.Context, b boot, n int, hardware map[string]string) (device servers.BlockDevice, err error) {
	sum := sha256.Sum256(b.server.Environment)
	disk := cloud.Disk{ID: environmentDisk, Digest: "sha256:" + hex.EncodeToString(sum[:]), Format: "raw", SizeBytes: int64(len(b.server.Environment)),
		CapacityBytes: int64(len(b.server.Environment)),
		Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(b.server.Environment)), nil
		}}
	if err := d.dropEnvironment(ctx, b.tenant, b.appliance.ID); err != nil { // of an earlier start
		return device, err
	}
	image, err := d.upload(ctx, b, disk, map[string]string{}, tagEnvironment)
	if err != nil {
		return device, err
	}
	id, err := d.ensureVolume(ctx, b, wantedVolume{disk: environmentDisk, gib: gibibytes(disk.CapacityBytes), image: image})
	if err = errors.Join(err, d.dropImage(context.WithoutCancel(ctx), image)); err != nil {
		return device, err
	}
	bus := "ide"
	if hardware["hw_machine_type"] == "q35" { // it has no IDE
		bus = "sata"
	}
	return servers.BlockDevice{SourceType: servers.SourceVolume, UUID: id, DestinationType: servers.DestinationVolume,
		BootIndex: -1, DeviceType: "cdrom", DiskBus: bus}, nil
}
