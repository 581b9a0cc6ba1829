package openstack

import (
	"cmp"
	"context"
	"errors"
	"strconv"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Boot starts an appliance on its ports. See cloud.Cloud.
func (d *Driver) Boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance, s cloud.Server) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v, f, err := d.before(ctx, tenant, topology.Step{Verb: topology.Boot, Appliance: &a})
	if err != nil {
		return err
	}
	for _, o := range f.Appliances {
		if o.ID == a.ID && o.Booted {
			return nil
		}
		if o.ID == a.ID {
			a.Legs = o.Legs // as they are
		}
	}
	id, err := v.begun(ctx, a.ID)
	if err == nil && id == "" {
		id, err = v.begin(ctx, a, s)
	}
	if err != nil {
		return err
	}
	return v.started(ctx, a, id)
}

// begun is a server that is being built. One that has failed or was stopped makes
// room for another.
func (v *view) begun(ctx context.Context, a topology.ApplianceID) (id string, err error) {
	for _, s := range v.serversOf(a) {
		if s.Status == "BUILD" {
			return s.ID, nil
		}
		if err := v.d.end(ctx, s.ID); err != nil {
			return "", err
		}
	}
	return "", nil
}

// begin has Nova make a server with the ports in the package's order.
func (v *view) begin(ctx context.Context, a topology.Appliance, s cloud.Server) (string, error) {
	k, err := v.d.prepare(ctx, boot{tenant: v.tenant, project: v.project, appliance: a, server: s})
	if err != nil {
		return "", err
	}
	var nics []servers.Network
	for _, l := range a.Legs {
		for _, p := range v.ports {
			if p.mark.Kind == kindLeg && p.mark.ID == string(l.Port) && v.isLeg(p) {
				nics = append(nics, servers.Network{Port: p.ID})
			}
		}
	}
	made, err := whole(servers.Create(ctx, v.d.compute, servers.CreateOpts{
		Name: cmp.Or(a.Name, string(a.ID)), FlavorRef: k.Flavor, ImageRef: k.Image, BlockDevice: k.Disks, Networks: nics,
		ConfigDrive: &k.ConfigDrive, UserData: k.UserData,
		Tags: []string{v.d.scopeTag(), projectTag(v.project)},
		Metadata: map[string]string{metaScope: v.d.scope, metaTenant: string(v.tenant),
			metaAppliance: string(a.ID), metaStart: strconv.Itoa(a.Start)},
	}, k.Hints).Extract())
	if err != nil && v.d.withdrawn(ctx, k, err) {
		return "", &fault.Error{Kind: fault.Busy, Message: "what " + a.Name + " was to be made from was removed at the same moment", Err: err}
	}
	if err != nil {
		return "", said("boot "+a.Name, err)
	}
	return made.ID, nil
}

// started waits until Nova has started a server, and removes one that it could not.
func (v *view) started(ctx context.Context, a topology.Appliance, id string) error {
	failed := ""
	err := v.d.until(ctx, "boot "+a.Name, func() (bool, error) {
		s, err := whole(servers.Get(ctx, v.d.compute, id).Extract())
		if err != nil {
			return false, err
		}
		if s.Status == "ERROR" {
			failed = cmp.Or(s.Fault.Message, "it does not say why")
		}
		return failed != "" || isRunning(*s), nil
	})
	if err != nil || failed == "" {
		return err
	}
	if err := v.d.end(ctx, id); err != nil {
		return err
	}
	return &fault.Error{Kind: fault.Full, Message: "cannot boot " + a.Name + ": " + meant(failed), Err: errors.New(failed)}
}

// stop removes the machine that a step is about, unless it is of a later start.
func (v *view) stop(ctx context.Context, s topology.Step) error {
	now := *s.Appliance
	now.Start, now.Booted = v.running(now.ID)
	if s.Outlived(now) {
		return nil
	}
	for _, o := range v.serversOf(now.ID) {
		if err := v.d.end(ctx, o.ID); err != nil {
			return err
		}
	}
	return v.d.discard(ctx, v.tenant, now.ID)
}

// end deletes a server and waits until its ports are free.
func (d *Driver) end(ctx context.Context, id string) error {
	err := servers.Delete(ctx, d.compute, id).ExtractErr()
	if err := dropped("delete server "+id, err, func() error { return servers.Get(ctx, d.compute, id).Err }); err != nil {
		return err
	}
	return d.gone(ctx, id)
}
