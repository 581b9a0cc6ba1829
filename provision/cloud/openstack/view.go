package openstack

import (
	"context"
	"net/url"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/mtu"
	qos "github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/qos/policies"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/provision/cloud/openstack/ovn"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A view is what the cloud shows of a tenant at one moment.
type view struct {
	d       *Driver
	tenant  topology.TenantID
	project string

	own     []network // the tenant's
	made    []network // ours
	subnets []subnets.Subnet
	routers []routers.Router
	plugs   []portOf // of the tenant's routers
	ports   []port   // ours
	servers []servers.Server
	rules   []ovn.Kept // of the tenant's routers
}

// network is a network of Neutron's, with its mark when it is one of ours.
type network struct {
	netOf
	mark  mark
	group string // the security group that a tenant's part of the management network is
}

type netOf struct {
	networks.Network
	mtu.NetworkMTUExt
	external.NetworkExternalExt
}

// port is a port of ours.
type port struct {
	portOf
	mark mark
}

type portOf struct {
	ports.Port
	qos.QoSPolicyExt
}

// query is a filter on a list, and may have a key more than once, which means any of
// its values.
type query url.Values

func (q query) text() (string, error)                  { return "?" + url.Values(q).Encode(), nil }
func (q query) ToNetworkListQuery() (string, error)    { return q.text() }
func (q query) ToSubnetListQuery() (string, error)     { return q.text() }
func (q query) ToPortListQuery() (string, error)       { return q.text() }
func (q query) ToFloatingIPListQuery() (string, error) { return q.text() }

// legsOfRouters are the owners of ports that are plain interfaces of routers.
var legsOfRouters = []string{"network:router_interface", "network:router_interface_distributed", "network:ha_router_replicated_interface"}

// look asks for all of a tenant's, and for what routers are told to redirect.
func (d *Driver) look(ctx context.Context, tenant topology.TenantID) (*view, error) {
	v, err := d.glance(ctx, tenant)
	if err != nil {
		return nil, err
	}
	v.rules, err = d.rules(ctx, tenant)
	return v, err
}

// glance asks Neutron and Nova for all of a tenant's at the same time.
func (d *Driver) glance(ctx context.Context, tenant topology.TenantID) (*view, error) {
	project, err := d.projectOf(ctx, tenant)
	if err != nil {
		return nil, err
	}
	v := &view{d: d, tenant: tenant, project: project}
	tags := d.scopeTag() + "," + projectTag(project)
	ours := query{"tags": {tags}}
	var parts []network
	theirs := query{"project_id": {project}}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() (err error) { v.own, err = d.networks(ctx, theirs); return err })
	all.Go(func() (err error) { v.made, err = d.networks(ctx, ours); return err })
	all.Go(func() (err error) { parts, err = d.parts(ctx, tags); return err })
	all.Go(func() (err error) { v.ports, err = d.ports(ctx, ours); return err })
	all.Go(func() (err error) {
		plugs, err := d.ports(ctx, query{"project_id": {project}, "device_owner": legsOfRouters})
		for _, p := range plugs {
			v.plugs = append(v.plugs, p.portOf)
		}
		return err
	})
	all.Go(func() error {
		pages, err := subnets.List(d.network, theirs).AllPages(ctx)
		if err == nil {
			v.subnets, err = subnets.ExtractSubnets(pages)
		}
		return listing("subnets", err)
	})
	all.Go(func() error {
		pages, err := routers.List(d.network, routers.ListOpts{ProjectID: project}).AllPages(ctx)
		if err == nil {
			v.routers, err = routers.ExtractRouters(pages)
		}
		return listing("routers", err)
	})
	all.Go(func() (err error) { v.servers, err = d.servers(ctx, projectTag(project)); return err })
	if err := all.Wait(); err != nil {
		return nil, err
	}
	v.made = append(v.made, parts...)
	v.sift()
	return v, nil
}

// sift keeps of the tenant's networks those that no broker has made, and of ours
// those with a whole mark of this tenant. Anybody can put tags on things of his own:
// a mark counts on what is in the account's project, and on a router's port in the
// tenant's.
func (v *view) sift() {
	v.own = slices.DeleteFunc(v.own, func(n network) bool { return n.External || foreign(n.Tags) || v.d.ours(n.Description) })
	v.made = slices.DeleteFunc(v.made, func(n network) bool { return n.mark.Tenant != v.tenant || n.ProjectID != v.d.project })
	v.ports = slices.DeleteFunc(v.ports, func(p port) bool {
		whose := v.d.project
		if p.mark.Kind == kindPlug {
			whose = v.project
		}
		return p.mark.Tenant != v.tenant || p.ProjectID != whose
	})
	v.servers = slices.DeleteFunc(v.servers, func(s servers.Server) bool { return s.Metadata[metaTenant] != string(v.tenant) })
}

func (d *Driver) networks(ctx context.Context, q query) ([]network, error) {
	pages, err := networks.List(d.network, q).AllPages(ctx)
	if err != nil {
		return nil, listing("networks", err)
	}
	var found []netOf
	if err := networks.ExtractNetworksInto(pages, &found); err != nil {
		return nil, listing("networks", err)
	}
	list := make([]network, 0, len(found))
	for _, n := range found {
		m, _ := readMark(n.Tags)
		list = append(list, network{netOf: n, mark: m})
	}
	return list, nil
}

func (d *Driver) ports(ctx context.Context, q query) ([]port, error) {
	pages, err := ports.List(d.network, q).AllPages(ctx)
	if err != nil {
		return nil, listing("ports", err)
	}
	var found []portOf
	if err := ports.ExtractPortsInto(pages, &found); err != nil {
		return nil, listing("ports", err)
	}
	list := make([]port, 0, len(found))
	for _, p := range found {
		m, _ := readMark(p.Tags)
		list = append(list, port{p, m})
	}
	return list, nil
}

// servers are this broker's that have a further tag, if one is named.
func (d *Driver) servers(ctx context.Context, further ...string) ([]servers.Server, error) {
	tags := d.scopeTag()
	for _, t := range further {
		tags += "," + t
	}
	pages, err := servers.List(d.compute, servers.ListOpts{Tags: tags}).AllPages(ctx)
	if err != nil {
		return nil, listing("servers", err)
	}
	list, err := servers.ExtractServers(pages)
	return list, listing("servers", err)
}

// network is one of Neutron's by the id that the broker knows it by.
func (v *view) network(id topology.NetworkID) (network, bool) {
	for _, n := range v.made {
		if n.mark.Kind == kindNetwork && n.mark.ID == string(id) {
			return n, true
		}
	}
	for _, n := range v.own {
		if n.ID == string(id) {
			return n, true
		}
	}
	return network{}, false
}

// at is the broker's id of a network of Neutron's; empty for one where a leg waits
// unused. known is false for a network that is neither the tenant's nor ours.
func (v *view) at(id string) (at topology.NetworkID, known bool) {
	for _, n := range v.made {
		if n.ID == id {
			if n.mark.Kind == kindNetwork {
				at = topology.NetworkID(n.mark.ID)
			}
			return at, true
		}
	}
	if v.owns(id) {
		return topology.NetworkID(id), true
	}
	return "", false
}

// owns says whether a network is the tenant's own.
func (v *view) owns(id string) bool {
	return slices.ContainsFunc(v.own, func(n network) bool { return n.ID == id })
}
