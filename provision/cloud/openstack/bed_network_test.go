package openstack

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func (b *bed) CreateNetwork(ctx context.Context, t topology.TenantID, n topology.Network, gateways ...string) error {
	gateways, err := cloud.Gateways(gateways)
	if err != nil {
		return err
	}
	f, err := b.Observe(ctx, t)
	if err == nil {
		for _, o := range f.Networks {
			switch same := slices.Equal(o.Subnets, n.Subnets) && slices.Equal(cloud.Plugged(f, o), gateways); {
			case o.ID == n.ID && same:
				return nil
			case o.ID == n.ID:
				return fault.New(fault.Conflict, "network %q is there with other content", n.ID)
			}
		}
	}
	project := string(b.project(t))
	made, err := networks.Create(ctx, b.d.network, networks.CreateOpts{Name: n.Name, ProjectID: project}).Extract()
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.networks[n.ID] = topology.NetworkID(made.ID)
	b.mu.Unlock()
	var ids []string
	dhcp := false
	for _, s := range n.Subnets {
		gateway := s.Gateway.String()
		made, err := subnets.Create(ctx, b.d.network, wanted{"network_id": made.ID, "project_id": project, "cidr": s.CIDR.String(),
			"ip_version": version(s.CIDR), "gateway_ip": gateway, "enable_dhcp": dhcp}).Extract()
		if err != nil {
			return err
		}
		ids = append(ids, made.ID)
	}
	for place, name := range gateways {
		if err := b.plugIn(ctx, project, name, made.ID, n, place, ids); err != nil {
			return err
		}
	}
	return b.connect(ctx, t)
}

// plugIn gives a router of a name, made if need be, ports on a network: of each at
// most one range of version 4, as Neutron wants it.
func (b *bed) plugIn(ctx context.Context, project, name, network string, n topology.Network, place int, ids []string) error {
	router, err := b.router(ctx, project, name)
	if err != nil {
		return err
	}
	addresses, err := cloud.PlugAddresses(n, place)
	if err != nil {
		return err
	}
	var groups [][]any
	for i, a := range addresses {
		ip := map[string]any{"subnet_id": ids[i], "ip_address": a.Addr().String()}
		if a.Addr().Is4() || len(groups) == 0 {
			groups = append(groups, []any{ip})
		} else {
			groups[0] = append(groups[0], ip)
		}
	}
	for _, ips := range groups {
		p, err := ports.Create(ctx, b.d.network, wanted{"network_id": network, "project_id": project, "fixed_ips": ips, "port_security_enabled": false}).Extract()
		if err != nil {
			return err
		}
		if _, err := routers.AddInterface(ctx, b.d.network, router, routers.AddInterfaceOpts{PortID: p.ID}).Extract(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bed) router(ctx context.Context, project, name string) (string, error) {
	pages, err := routers.List(b.d.network, routers.ListOpts{ProjectID: project, Name: name}).AllPages(ctx)
	if err != nil {
		return "", err
	}
	list, err := routers.ExtractRouters(pages)
	if err != nil {
		return "", err
	}
	if len(list) > 0 {
		return list[0].ID, nil
	}
	r, err := routers.Create(ctx, b.d.network, routers.CreateOpts{Name: name, ProjectID: project}).Extract()
	if err != nil {
		return "", err
	}
	return r.ID, nil
}

// theirs is Neutron's id of a network.
func (b *bed) theirs(id topology.NetworkID) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.networks[id])
}

func (b *bed) DeleteNetwork(ctx context.Context, t topology.TenantID, id topology.NetworkID) error {
	f, err := b.Observe(ctx, t)
	i := slices.IndexFunc(f.Networks, func(n topology.Network) bool { return n.ID == id })
	if err != nil || i < 0 {
		return nil // not there for this tenant
	}
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if l.At == id || slices.Contains(l.Serves, id) {
				return fault.New(fault.Conflict, "services are stitched into network %q", id)
			}
		}
	}
	if slices.ContainsFunc(f.Redirects, func(r topology.Redirect) bool { return r.Network == id }) {
		return fault.New(fault.Conflict, "flows of network %q are redirected", id)
	}
	network := b.theirs(id)
	found, err := b.d.ports(ctx, query{"network_id": {network}})
	if err != nil {
		return err
	}
	for _, p := range found {
		if strings.HasPrefix(p.DeviceOwner, "network:router") {
			if err := b.plugOut(ctx, t, p); err != nil {
				return err
			}
			continue
		}
		if p.DeviceOwner != hostOfBed {
			continue // OVN's own, and DHCP's, go with the network
		}
		b.wire.unplug(p.Port)
		if err := b.d.dropPort(ctx, p.ID); err != nil {
			return err
		}
	}
	if err := networks.Delete(ctx, b.d.network, network).ExtractErr(); err != nil {
		return err
	}
	b.mu.Lock()
	delete(b.networks, id)
	b.mu.Unlock()
	return b.connect(ctx, t)
}

// plugOut takes a router's port away, and the router with its last one.
func (b *bed) plugOut(ctx context.Context, t topology.TenantID, p port) error {
	x, err := b.transit(ctx, t)
	if err != nil {
		return err
	}
	if err := x.route(ctx, p.DeviceID, []any{}); err != nil {
		return err
	}
	if _, err := routers.RemoveInterface(ctx, b.d.network, p.DeviceID, routers.RemoveInterfaceOpts{PortID: p.ID}).Extract(); err != nil {
		return err
	}
	left, err := b.d.ports(ctx, query{"device_id": {p.DeviceID}})
	if err != nil || slices.ContainsFunc(left, func(o port) bool { return o.ID != x.ports[p.DeviceID] }) {
		return err
	}
	if err := x.leave(ctx, p.DeviceID); err != nil {
		return err
	}
	return routers.Delete(ctx, b.d.network, p.DeviceID).ExtractErr()
}

// put changes a thing of Neutron's.
func put(ctx context.Context, d *Driver, path string, body any) error {
	_, err := d.network.Put(ctx, d.network.ServiceURL(strings.Split(path, "/")...), body, nil, &gophercloud.RequestOpts{OkCodes: []int{http.StatusOK}})
	return err
}
