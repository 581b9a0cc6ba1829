package openstack

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/flavors"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// equip makes what a server is made from. What takes long comes first.
func (d *Driver) equip(ctx context.Context, b boot) (k kit, err error) {
	if len(b.server.Disks) == 0 || b.server.Disks[0].Open == nil {
		return k, fault.New(fault.Invalid, "%s has no disk with content to boot from", b.appliance.Name)
	}
	s, err := sizeOf(b.server)
	if err != nil {
		return k, err
	}
	properties, err := hardware(b)
	if err != nil {
		return k, err
	}
	if k.Image, err = d.ensureImage(ctx, b, b.server.Disks[0], properties); err != nil {
		return k, err
	}
	if k.Disks, err = d.disks(ctx, b, k.Image, properties); err != nil {
		return k, err
	}
	f, err := d.flavor(ctx, b, s)
	if err != nil {
		return k, err
	}
	group, err := d.group(ctx, b)
	if group != "" {
		k.Hints = servers.SchedulerHintOpts{Group: group}
	}
	k.Flavor = f.ID
	// A guest that asks for both would take this one's word instead of the CD's.
	k.ConfigDrive = b.server.Environment == nil
	return k, err
}

// strip removes what was made for one start of an appliance, and what it shared with
// others when it was the last.
func (d *Driver) strip(ctx context.Context, t topology.TenantID, a topology.ApplianceID) error {
	d.depot.forget(t, a)
	if err := d.dropEnvironment(ctx, t, a); err != nil {
		return err
	}
	needed, err := d.needed(ctx)
	if err != nil {
		return err
	}
	stale, err := d.unneeded(ctx, needed)
	if err != nil {
		return err
	}
	own := tagFor + digest(string(t), string(a))
	for _, i := range stale.images {
		passing := !i.usable() || slices.Contains(i.Tags, tagEnvironment) // on its way, for another appliance
		if passing && !slices.Contains(i.Tags, own) && time.Since(i.CreatedAt) < abandoned || d.depot.kept(i.ID) {
			continue
		}
		if err := d.dropImage(ctx, i.ID); err != nil {
			return err
		}
	}
	for _, f := range stale.flavors {
		if !d.depot.kept(f.ID) {
			if err := d.dropFlavor(ctx, f.ID); err != nil {
				return err
			}
		}
	}
	for _, g := range stale.groups {
		if !d.depot.kept(g.id) {
			if err := d.dropGroup(ctx, g.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropEnvironment removes the CD of an appliance's last start, and an image of one
// that was cut off.
func (d *Driver) dropEnvironment(ctx context.Context, t topology.TenantID, a topology.ApplianceID) error {
	found, err := d.imagesWith(ctx, tagEnvironment, tagFor+digest(string(t), string(a)))
	if err != nil {
		return err
	}
	for _, i := range found {
		if err := d.dropImage(ctx, i.ID); err != nil {
			return err
		}
	}
	list, err := d.volumesOf(ctx, t, a)
	if err != nil {
		return err
	}
	for _, v := range list {
		if v.Metadata[metaDisk] == environmentDisk {
			if err := d.dropVolume(ctx, v.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// inUse are the images, flavors and groups of this broker's servers.
type inUse map[string]bool

func (d *Driver) needed(ctx context.Context) (inUse, error) {
	list, err := d.servers(ctx)
	if err != nil {
		return nil, err
	}
	used := inUse{}
	for _, s := range list {
		if id, ok := s.Image["id"].(string); ok {
			used[id] = true
		}
		if name, ok := s.Flavor["original_name"].(string); ok {
			used[name] = true
		}
		used[s.ID] = true
	}
	return used, nil
}

// spares are shared things that no server is made of.
type spares struct {
	images  []glanceImage
	flavors []flavors.Flavor
	groups  []spareGroup
}

type spareGroup struct{ id, tenant string }

func (d *Driver) unneeded(ctx context.Context, used inUse) (s spares, err error) {
	if s.images, err = d.imagesWith(ctx); err != nil {
		return s, err
	}
	s.images = slices.DeleteFunc(s.images, func(i glanceImage) bool { return used[i.ID] })
	if s.flavors, err = d.madeFlavors(ctx); err != nil {
		return s, err
	}
	s.flavors = slices.DeleteFunc(s.flavors, func(f flavors.Flavor) bool { return used[f.Name] })
	groups, err := d.groups(ctx)
	for _, g := range groups {
		if !slices.ContainsFunc(g.Members, func(server string) bool { return used[server] }) {
			_, tenant, _ := strings.Cut(strings.TrimPrefix(g.Name, d.groupPrefix()), " ")
			s.groups = append(s.groups, spareGroup{g.ID, tenant})
		}
	}
	return s, err
}

// inventory lists the volumes of appliances, and what is left of what they shared. An
// image that is being uploaded is its first appliance's tenant's.
func (d *Driver) inventory(ctx context.Context) ([]cloud.Resource, error) {
	var list []cloud.Resource
	disks, err := d.madeVolumes(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range disks {
		list = append(list, cloud.Resource{Kind: "volume", ID: v.ID, Tenant: topology.TenantID(v.Metadata[metaTenant]), Detail: v.Metadata[metaAppliance] + " " + v.Metadata[metaDisk]})
	}
	used, err := d.needed(ctx)
	if err != nil {
		return nil, err
	}
	left, err := d.unneeded(ctx, used)
	if err != nil {
		return nil, err
	}
	for _, i := range left.images {
		r := cloud.Resource{Kind: "image", ID: i.ID, Detail: i.Name}
		if time.Since(i.CreatedAt) < abandoned {
			tenant, _ := i.Properties[imageTenant].(string)
			r.Tenant = topology.TenantID(tenant)
		}
		list = append(list, r)
	}
	for _, f := range left.flavors {
		if !d.depot.kept(f.ID) {
			list = append(list, cloud.Resource{Kind: "flavor", ID: f.ID})
		}
	}
	for _, g := range left.groups {
		list = append(list, cloud.Resource{Kind: "server group", ID: g.id, Tenant: topology.TenantID(g.tenant)})
	}
	return list, nil
}

// withdrawn says whether Nova refused a server because a shared thing that it was to be
// made from is no longer there: another broker has removed it with its last appliance.
func (d *Driver) withdrawn(ctx context.Context, k kit, err error) bool {
	if !isMissing(err) && !gophercloud.ResponseCodeIs(err, http.StatusBadRequest) {
		return false
	}
	_, err = flavors.Get(ctx, d.compute, k.Flavor).Extract()
	return isMissing(err) || d.noImage(ctx, k.Image)
}

func (d *Driver) noImage(ctx context.Context, id string) bool {
	if d.image == nil {
		return false
	}
	_, err := images.Get(ctx, d.image, id).Extract()
	return isMissing(err)
}
