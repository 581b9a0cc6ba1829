package openstack

import (
	"context"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servergroups"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

// policies are what Nova calls placements.
var policies = map[cloud.Placement]string{
	cloud.Together: "affinity", cloud.Apart: "anti-affinity", cloud.PreferApart: "soft-anti-affinity",
}

// A server group has no tags; its name says whose it is. Nova removes servers from
// groups by itself.
func (d *Driver) groupName(b boot) string {
	return d.groupPrefix() + digest(string(b.tenant), b.server.Group.ID) + " " + string(b.tenant)
}

func (d *Driver) groupPrefix() string { return tagPrefix + " " + d.scope + " " }

// group finds or makes the server group of an appliance; empty for none.
func (d *Driver) group(ctx context.Context, b boot) (string, error) {
	if b.server.Group.ID == "" {
		return "", nil
	}
	policy, ok := policies[b.server.Group.Policy]
	if !ok {
		return "", fault.New(fault.Invalid, "this cloud has no placement %q", b.server.Group.Policy)
	}
	release, err := d.depot.claim(ctx, d.groupName(b))
	if err != nil {
		return "", err
	}
	defer release()
	list, err := d.groups(ctx)
	if err != nil {
		return "", err
	}
	for _, g := range list {
		if g.Name == d.groupName(b) {
			d.depot.promise(b, g.ID)
			return g.ID, nil
		}
	}
	made, err := whole(servergroups.Create(ctx, d.compute, servergroups.CreateOpts{Name: d.groupName(b), Policies: []string{policy}}).Extract())
	if err != nil {
		return "", said("make a server group", err)
	}
	d.depot.promise(b, made.ID)
	return made.ID, nil
}

// groups are this broker's.
func (d *Driver) groups(ctx context.Context) (list []servergroups.ServerGroup, err error) {
	pages, err := servergroups.List(d.compute, servergroups.ListOpts{}).AllPages(ctx)
	if err != nil {
		return nil, listing("server groups", err)
	}
	found, err := servergroups.ExtractServerGroups(pages)
	for _, g := range found {
		if strings.HasPrefix(g.Name, d.groupPrefix()) {
			list = append(list, g)
		}
	}
	return list, listing("server groups", err)
}

func (d *Driver) dropGroup(ctx context.Context, id string) error {
	err := servergroups.Delete(ctx, d.compute, id).ExtractErr()
	return dropped("delete server group "+id, err, func() error { return servergroups.Get(ctx, d.compute, id).Err })
}
