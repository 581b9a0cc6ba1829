package openstack

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Clear removes all of the tenant's, and what was made for it, and lists what is left.
func (g *Ground) Clear(ctx context.Context) (left []string, err error) {
	err = errors.Join(g.dismiss(ctx), g.clearRouters(ctx), g.clearHosts(ctx), g.clearNetworks(ctx))
	if gone := projects.Delete(ctx, g.d.identity, string(g.Tenant)).ExtractErr(); gone != nil && !isMissing(gone) {
		err = errors.Join(err, said("delete project "+g.name, gone))
	}
	for _, q := range g.ownNetworks() {
		found, lookErr := g.d.networks(ctx, q)
		err = errors.Join(err, lookErr)
		for _, n := range found {
			left = append(left, "network "+n.ID)
		}
	}
	made, lookErr := g.d.Resources(ctx)
	for _, r := range made {
		left = append(left, r.Kind+" "+r.ID)
	}
	return left, errors.Join(err, lookErr, g.d.Close())
}

// dismiss takes services out of the path that are still there.
func (g *Ground) dismiss(ctx context.Context) error {
	have, err := g.d.Observe(ctx, g.Tenant)
	if err != nil {
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	steps, err := topology.Plan(have, topology.Base(have))
	if err != nil {
		return err
	}
	through := cloud.Steady{Cloud: g.d}
	for _, s := range steps {
		if err := through.Do(ctx, g.Tenant, s); err != nil {
			return fmt.Errorf("cannot %s: %w", s, err)
		}
	}
	return nil
}

func (g *Ground) clearRouters(ctx context.Context) error {
	pages, err := routers.List(g.d.network, routers.ListOpts{ProjectID: string(g.Tenant)}).AllPages(ctx)
	if err != nil {
		return listing("routers", err)
	}
	list, err := routers.ExtractRouters(pages)
	for _, r := range list {
		plugs, lookErr := g.d.ports(ctx, query{"device_id": {r.ID}})
		err = errors.Join(err, lookErr)
		for _, p := range plugs {
			if _, gone := routers.RemoveInterface(ctx, g.d.network, r.ID, routers.RemoveInterfaceOpts{PortID: p.ID}).Extract(); gone != nil && !isMissing(gone) {
				err = errors.Join(err, said("unplug a router", gone))
			}
		}
		if gone := routers.Delete(ctx, g.d.network, r.ID).ExtractErr(); gone != nil && !isMissing(gone) {
			err = errors.Join(err, said("delete a router", gone))
		}
	}
	return err
}

func (g *Ground) clearHosts(ctx context.Context) error {
	found, err := g.d.ports(ctx, query{"device_owner": {hostOwner}})
	for _, p := range found {
		if !strings.HasPrefix(p.DeviceID, g.name+" ") {
			continue
		}
		_, unplugged := shell("ovs-vsctl", "--if-exists", "del-port", "br-int", link(p.Port))
		err = errors.Join(err, unplugged, g.d.dropPort(ctx, p.ID))
		if p.Name != brokerPort {
			_, gone := shell("ip", "netns", "del", g.Space(p.Name))
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (g *Ground) ownNetworks() []query {
	return []query{{"project_id": {string(g.Tenant)}}, {"name": {g.beyond()}}, {"name": {g.managed()}}}
}

func (g *Ground) clearNetworks(ctx context.Context) (err error) {
	for _, q := range g.ownNetworks() {
		found, lookErr := g.d.networks(ctx, q)
		err = errors.Join(err, lookErr)
		for _, n := range found {
			if gone := networks.Delete(ctx, g.d.network, n.ID).ExtractErr(); gone != nil && !isMissing(gone) {
				err = errors.Join(err, said("delete network "+n.ID, gone))
			}
		}
	}
	return err
}
