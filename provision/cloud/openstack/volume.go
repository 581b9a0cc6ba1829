package openstack

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// What a volume's metadata say, from the call that makes it on, beside what a
// server's do.
const (
	metaDisk = "bumpwire_disk" // which one, see diskName; or environment
	metaKept = "bumpwire_kept" // a volume that outlives its appliance: the scope that it was of
)

// environmentDisk is the CD of an appliance's OVF environment. It goes with its
// server; other volumes stay through a respin.
const environmentDisk = "environment"

// wantedVolume is one that is to be there.
type wantedVolume struct {
	disk  string
	gib   int
	image string // its content; empty for a blank one
}

// ensureVolume finds or makes a volume of an appliance, and waits until it can be used.
func (d *Driver) ensureVolume(ctx context.Context, b boot, w wantedVolume) (string, error) {
	if d.volume == nil {
		return "", fault.New(fault.Unavailable, "the cloud has no volume service in this region, which %s of %s needs", w.disk, b.appliance.Name)
	}
	found, err := d.volumesOf(ctx, b.tenant, b.appliance.ID)
	if err != nil {
		return "", err
	}
	what := "make a volume for " + b.appliance.Name
	for _, v := range found {
		if v.Metadata[metaDisk] == w.disk && v.Status != "error" && v.Status != "deleting" {
			return v.ID, d.settled(ctx, what, v.ID)
		}
	}
	made, err := whole(volumes.Create(ctx, d.volume, volumes.CreateOpts{
		Size: max(w.gib, 1), ImageID: w.image, Name: cmp.Or(b.appliance.Name, string(b.appliance.ID)) + " " + w.disk,
		Metadata: map[string]string{metaScope: d.scope, metaTenant: string(b.tenant), metaAppliance: string(b.appliance.ID), metaDisk: w.disk},
	}, nil).Extract())
	switch {
	case err != nil && w.image != "" && d.noImage(ctx, w.image):
		return "", &fault.Error{Kind: fault.Busy, Message: "cannot " + what + ": its image was removed at the same moment", Err: err}
	case err != nil:
		return "", said(what, err)
	}
	return made.ID, d.settled(ctx, what, made.ID)
}

// settled waits until a volume is free to be attached.
func (d *Driver) settled(ctx context.Context, what, id string) error {
	return d.until(ctx, what, func() (bool, error) {
		v, err := whole(volumes.Get(ctx, d.volume, id).Extract())
		switch {
		case err != nil:
			return false, err
		case v.Status == "error":
			return false, fault.New(fault.Full, "cannot %s: the cloud could not make it", what)
		}
		return v.Status == "available", nil
	})
}

// madeVolumes are those that this broker has made and that their appliances need.
func (d *Driver) madeVolumes(ctx context.Context) ([]volumes.Volume, error) {
	if d.volume == nil {
		return nil, nil
	}
	pages, err := volumes.List(d.volume, volumes.ListOpts{}).AllPages(ctx)
	if err != nil {
		return nil, listing("volumes", err)
	}
	list, err := volumes.ExtractVolumes(pages)
	return slices.DeleteFunc(list, func(v volumes.Volume) bool { return v.Metadata[metaScope] != d.scope }), listing("volumes", err)
}

func (d *Driver) volumesOf(ctx context.Context, t topology.TenantID, a topology.ApplianceID) ([]volumes.Volume, error) {
	list, err := d.madeVolumes(ctx)
	return slices.DeleteFunc(list, func(v volumes.Volume) bool {
		return v.Metadata[metaTenant] != string(t) || v.Metadata[metaAppliance] != string(a)
	}), err
}

// dropVolume deletes a volume that no server has, and waits until it is gone.
func (d *Driver) dropVolume(ctx context.Context, id string) error {
	what := "delete volume " + id
	asked := false
	return d.until(ctx, what, func() (bool, error) {
		none := false
		if !asked {
			err := volumes.Delete(ctx, d.volume, id, volumes.DeleteOpts{}).ExtractErr()
			asked, none = err == nil, isMissing(err)
			if attached := gophercloud.ResponseCodeIs(err, 400); err != nil && !none && !attached {
				return false, err // Nova lets go of a volume after it has answered
			}
		}
		v, err := whole(volumes.Get(ctx, d.volume, id).Extract())
		switch {
		case isMissing(err):
			return asked || none, nil
		case err != nil:
			return false, err
		case v.Status == "error_deleting":
			return false, fault.New(fault.Unavailable, "cannot %s: the cloud failed to", what)
		}
		return false, nil
	})
}

// keepVolume gives a volume to whoever operates the cloud: no broker counts it as its
// own from then on.
func (d *Driver) keepVolume(ctx context.Context, v volumes.Volume) error {
	meta := maps.Clone(v.Metadata)
	meta[metaKept] = meta[metaScope]
	delete(meta, metaScope)
	name := "kept " + v.Name
	_, err := volumes.Update(ctx, d.volume, v.ID, volumes.UpdateOpts{Name: &name, Metadata: meta}).Extract()
	return said("keep volume "+v.ID, err)
}

// dispose deletes what an appliance that will not come back has left of volumes, or
// keeps those with its data where the operator wants that.
func (d *Driver) dispose(ctx context.Context, t topology.TenantID, a topology.ApplianceID) error {
	list, err := d.volumesOf(ctx, t, a)
	if err != nil {
		return err
	}
	for _, v := range list {
		if d.depot.retain && v.Metadata[metaDisk] != environmentDisk && v.Status != "error" {
			err = d.keepVolume(ctx, v)
		} else {
			err = d.dropVolume(ctx, v.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leave disposes of an appliance's volumes before the last of its ports goes, which
// is what the appliance is still known by.
func (v *view) leave(ctx context.Context, leg topology.PortID) error {
	of := map[topology.ApplianceID]map[string]bool{} // the legs of each
	var owner topology.ApplianceID
	for _, p := range v.ports {
		f, err := facts[legFacts](p.mark)
		if p.mark.Kind != kindLeg || err != nil {
			continue
		}
		if of[f.Appliance.ID] == nil {
			of[f.Appliance.ID] = map[string]bool{}
		}
		of[f.Appliance.ID][p.mark.ID] = true
		if p.mark.ID == string(leg) {
			owner = f.Appliance.ID
		}
	}
	if owner == "" || len(of[owner]) > 1 {
		return nil
	}
	return v.d.dispose(ctx, v.tenant, owner)
}
