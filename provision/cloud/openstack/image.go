package openstack

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// An image of Glance's is one package disk's bytes with the hardware that they are to
// be given: appliances that boot the same share it. It counts once its bytes are there
// and are those that the package promises, which its last tag says.
const (
	tagVerified = tagPrefix + ":verified"
	tagContent  = tagPrefix + ":content:" // and the digest of bytes, format and hardware
	tagFor      = tagPrefix + ":for:"     // and the digest of the appliance it was first made for
	// An image of an appliance's CD has this in the place of its content's digest.
	tagEnvironment = tagPrefix + ":environment"
	imageTenant    = tagPrefix + "_tenant" // property: that appliance's tenant
)

// abandoned is when an image that was never finished is a dead broker's.
const abandoned = 24 * time.Hour

// contentTag says what an image is.
func contentTag(d cloud.Disk, hardware map[string]string) string {
	of := []string{d.Digest, d.Format}
	for _, key := range sorted(hardware) {
		of = append(of, key, hardware[key])
	}
	return tagContent + digest(of...)
}

func sorted(m map[string]string) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// hardware are the properties by which Nova makes a machine for an image (its
// documentation, "Useful image properties"). Invalid for hardware that it has not got.
func hardware(b boot) (map[string]string, error) {
	h := map[string]string{}
	bus, err := diskBus(b.server.Disks[0].Bus)
	if err != nil {
		return nil, err
	}
	h["hw_disk_bus"] = bus
	if bus == "scsi" {
		h["hw_scsi_model"] = "virtio-scsi"
	}
	if h["hw_vif_model"], err = nicModel(b.server.NICModels); err != nil {
		return nil, err
	}
	switch b.server.Firmware {
	case "":
		h["hw_machine_type"] = "pc" // what packages describe, with an IDE controller for the CD
	case "bios":
		h["hw_firmware_type"], h["hw_machine_type"] = "bios", "pc"
	case "efi":
		h["hw_firmware_type"], h["hw_machine_type"] = "uefi", "q35"
	default:
		return nil, fault.New(fault.Invalid, "this cloud has no firmware %q; it has bios and efi", b.server.Firmware)
	}
	return h, nil
}

func diskBus(bus string) (string, error) {
	switch bus {
	case "":
		return "virtio", nil
	case "virtio", "ide", "scsi", "sata":
		return bus, nil
	}
	return "", fault.New(fault.Invalid, "this cloud has no disk bus %q; it has virtio, ide, scsi and sata", bus)
}

// nicModel is the one model that all of a server's NICs have on Nova: where a package
// names several, an emulated one, for which the guest has a driver anyway.
func nicModel(models []string) (chosen string, err error) {
	chosen = "virtio"
	for _, m := range models {
		var name string
		switch m = strings.ToLower(m); m {
		case "", "virtio", "virtio-net", "virtionet":
			name = "virtio"
		case "e1000", "e1000e", "vmxnet3", "rtl8139", "pcnet":
			name = m
		case "pcnet32":
			name = "pcnet"
		default:
			return "", fault.New(fault.Invalid, "this cloud has no NIC model %q; it has virtio, e1000, e1000e, vmxnet3, rtl8139 and pcnet", m)
		}
		if chosen == "virtio" {
			chosen = name
		}
	}
	return chosen, nil
}

// whose says for which appliance a thing is made.
func whose(b boot) string { return digest(string(b.tenant), string(b.appliance.ID)) }

// ensureImage finds or uploads the image of a disk. Several that brokers have uploaded at
// the same time do no harm; the first one is used.
func (d *Driver) ensureImage(ctx context.Context, b boot, disk cloud.Disk, hardware map[string]string) (string, error) {
	if d.image == nil {
		return "", fault.New(fault.Unavailable, "the cloud has no image service in this region, which appliances boot from")
	}
	content := contentTag(disk, hardware)
	release, err := d.depot.claim(ctx, content) // one upload at a time in this process
	if err != nil {
		return "", err
	}
	defer release()
	found, err := d.imagesWith(ctx, content)
	if err != nil {
		return "", err
	}
	for _, i := range found {
		switch {
		case i.usable():
			d.depot.promise(b, i.ID)
			return i.ID, nil
		case slices.Contains(i.Tags, tagFor+whose(b)): // of an attempt that was cut off
			if err := d.dropImage(ctx, i.ID); err != nil {
				return "", err
			}
		}
	}
	id, err := d.upload(ctx, b, disk, hardware, content)
	if err == nil {
		d.depot.promise(b, id)
	}
	return id, err
}

// A glanceImage is one of ours.
type glanceImage struct{ images.Image }

func (i glanceImage) usable() bool {
	return i.Status == images.ImageStatusActive && slices.Contains(i.Tags, tagVerified)
}

// imagesWith are this broker's images with a further tag, if one is named, the oldest
// first.
func (d *Driver) imagesWith(ctx context.Context, further ...string) (list []glanceImage, err error) {
	if d.image == nil {
		return nil, nil
	}
	pages, err := images.List(d.image, images.ListOpts{Owner: d.project, Tags: append([]string{d.scopeTag()}, further...)}).AllPages(ctx)
	if err != nil {
		return nil, listing("images", err)
	}
	found, err := images.ExtractImages(pages)
	for _, i := range found {
		if i.Owner == d.project {
			list = append(list, glanceImage{i})
		}
	}
	slices.SortFunc(list, func(a, b glanceImage) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, listing("images", err)
}

// dropImage deletes an image, unless volumes are clones of it: then it goes with the
// last of them.
func (d *Driver) dropImage(ctx context.Context, id string) error {
	err := images.Delete(ctx, d.image, id).ExtractErr()
	if gophercloud.ResponseCodeIs(err, 409) {
		return nil
	}
	return dropped("delete image "+id, err, func() error { return images.Get(ctx, d.image, id).Err })
}
