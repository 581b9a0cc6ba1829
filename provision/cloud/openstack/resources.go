package openstack

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Resources lists this scope's networks, ports and servers, and what appliances boot
// from; not the ports of tenants' routers, which are theirs wherever they are plugged
// in. See cloud.Cloud.
func (d *Driver) Resources(ctx context.Context) ([]cloud.Resource, error) {
	var nets, shares, legs, machines, standing, turns, disks []cloud.Resource
	ours := query{"tags": {d.scopeTag()}, "project_id": {d.project}} // tags alone anybody could have
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		list, err := d.networks(ctx, ours)
		for _, n := range list {
			nets = append(nets, cloud.Resource{Kind: "network", ID: n.ID, Tenant: n.mark.Tenant, Detail: string(n.mark.Kind) + " " + n.mark.ID})
		}
		return err
	})
	all.Go(func() error {
		list, err := d.parts(ctx, d.scopeTag())
		for _, n := range list {
			shares = append(shares, cloud.Resource{Kind: "security group", ID: n.group, Tenant: n.mark.Tenant, Detail: string(n.mark.Kind) + " " + n.mark.ID})
		}
		return err
	})
	all.Go(func() error {
		list, err := d.ports(ctx, ours)
		for _, p := range list {
			legs = append(legs, cloud.Resource{Kind: "port", ID: p.ID, Tenant: p.mark.Tenant, Detail: string(p.mark.Kind) + " " + p.mark.ID})
		}
		return err
	})
	all.Go(func() error {
		list, err := d.servers(ctx)
		for _, s := range list {
			machines = append(machines, cloud.Resource{Kind: "server", ID: s.ID, Tenant: topology.TenantID(s.Metadata[metaTenant]), Detail: s.Metadata[metaAppliance]})
		}
		return err
	})
	all.Go(func() error {
		if d.north == nil {
			return nil
		}
		names, err := d.north.Left(ctx)
		for _, name := range names {
			standing = append(standing, cloud.Resource{Kind: "stand-in", ID: name, Detail: "carries a gateway's traffic while its port moves"})
		}
		return err
	})
	all.Go(func() (err error) { turns, err = d.redirecting(ctx); return err })
	all.Go(func() (err error) { disks, err = d.listed(ctx); return err })
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(nets, shares, legs, machines, standing, turns, disks), nil
}
