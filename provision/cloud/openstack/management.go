package openstack

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// management is a network of the operator's that the management legs of all tenants'
// appliances share. A tenant's part of it, which plans take for a network, is a security
// group: its members reach each other, and the operator's ranges reach them.
type management struct {
	network string // its id
	cidr    netip.Prefix
	from    []netip.Prefix
}

// dialPatience is how long a connection to an appliance may take.
const dialPatience = 10 * time.Second

// sharedManagement looks at the network that the options name, if they do. Invalid when it
// is not there or cannot serve.
func (d *Driver) sharedManagement(ctx context.Context, o Options) (*management, error) {
	if o.Management == "" {
		return nil, nil
	}
	if len(o.ManagementFrom) == 0 {
		return nil, fault.New(fault.Invalid, "nobody may reach appliances on the management network %q: state from where the broker does (cloud.management_from)", o.Management)
	}
	found, err := d.networks(ctx, query{"name": {o.Management}})
	if err == nil && len(found) == 0 {
		found, err = d.networks(ctx, query{"id": {o.Management}})
	}
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fault.New(fault.Invalid, "%d networks that the account may use are called %q, the management network: give its id, and share it with the account's project (openstack network rbac create)", len(found), o.Management)
	}
	pages, err := subnets.List(d.network, subnets.ListOpts{NetworkID: found[0].ID, IPVersion: 4}).AllPages(ctx)
	if err != nil {
		return nil, said("read the management network", err)
	}
	ranges, err := subnets.ExtractSubnets(pages)
	if err != nil {
		return nil, said("read the management network", err)
	}
	if len(ranges) != 1 {
		return nil, fault.New(fault.Invalid, "the management network %q has %d IPv4 ranges; give it one", o.Management, len(ranges))
	}
	cidr, err := netip.ParsePrefix(ranges[0].CIDR)
	if err != nil {
		return nil, said("read the management network", err)
	}
	if g := ranges[0].GatewayIP; g != "" && g != cidr.Masked().Addr().Next().String() {
		return nil, fault.New(fault.Invalid, "the gateway of the management network %q is %s; appliances are told the first address of its range %s", o.Management, g, cidr)
	}
	return &management{found[0].ID, cidr, o.ManagementFrom}, nil
}

// Management is the range that all tenants' management legs share, if they do. See
// cloud.Managing.
func (d *Driver) Management(ctx context.Context) (netip.Prefix, map[netip.Addr]bool, error) {
	if d.management == nil {
		return netip.Prefix{}, nil, nil
	}
	list, err := d.ports(ctx, query{"network_id": {d.management.network}})
	if err != nil {
		return netip.Prefix{}, nil, err
	}
	taken := map[netip.Addr]bool{}
	for _, p := range list {
		for _, ip := range p.FixedIPs {
			if a, err := netip.ParseAddr(ip.IPAddress); err == nil {
				taken[a] = true
			}
		}
	}
	return d.management.cidr, taken, nil
}

// Dial opens a connection over the network that tenants' management legs share. See
// cloud.Cloud.
func (d *Driver) Dial(ctx context.Context, _ topology.TenantID, to netip.AddrPort) (net.Conn, error) {
	if d.management == nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Err: cloud.ErrNoWay,
			Message: "the broker has no way to " + to.String() + ": on this cloud each tenant has a management network of its own; have the operator name one that they share (cloud.management)"}
	}
	if !d.management.cidr.Contains(to.Addr()) {
		return nil, fault.New(fault.Invalid, "%s is not on the management network %s", to.Addr(), d.management.cidr)
	}
	conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Message: to.String() + " on the management network does not answer", Err: err}
	}
	return conn, nil
}

// Blind is true: packets are the tenants', and the API sends none. See cloud.Blind.
func (d *Driver) Blind() bool { return true }

// Since is when Nova launched an appliance's server. See cloud.Blind.
func (d *Driver) Since(ctx context.Context, tenant topology.TenantID, a topology.ApplianceID) (time.Time, error) {
	project, err := d.projectOf(ctx, tenant)
	if err != nil {
		return time.Time{}, err
	}
	v := &view{d: d, tenant: tenant, project: project}
	if v.servers, err = d.servers(ctx, projectTag(project)); err != nil {
		return time.Time{}, err
	}
	v.sift()
	for _, s := range v.serversOf(a) {
		if isRunning(s) {
			return s.LaunchedAt, nil
		}
	}
	return time.Time{}, nil
}

// shares says whether a network of a plan is a tenant's part of the operator's.
func (d *Driver) shares(n topology.Network) bool {
	return d.management != nil && n.Role == topology.RoleManagement
}

// parts are the tenants' parts of the management network that have all the tags: as
// networks, and their security groups.
func (d *Driver) parts(ctx context.Context, tags string) (list []network, err error) {
	if d.management == nil {
		return nil, nil
	}
	pages, err := groups.List(d.network, groups.ListOpts{Tags: tags, ProjectID: d.project}).AllPages(ctx)
	if err != nil {
		return nil, listing("security groups", err)
	}
	found, err := groups.ExtractGroups(pages)
	if err != nil {
		return nil, listing("security groups", err)
	}
	for _, g := range found {
		m, _ := readMark(g.Tags)
		n := networks.Network{ID: d.management.network, Name: g.Name, ProjectID: g.ProjectID, Tags: g.Tags}
		list = append(list, network{netOf: netOf{Network: n}, mark: m, group: g.ID})
	}
	return list, nil
}

// makePart makes a tenant's part of the management network.
func (v *view) makePart(ctx context.Context, n topology.Network) error {
	m, err := newMark(kindNetwork, v.tenant, string(n.ID), n)
	if err != nil {
		return err
	}
	found, err := v.d.groupsOf(ctx, m)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		made, err := whole(groups.Create(ctx, v.d.network, groups.CreateOpts{Name: n.Name, Description: v.d.description(m.Kind, m.Tenant, m.ID)}).Extract())
		if err != nil {
			return said("make security group "+n.Name, err)
		}
		found = append(found, *made)
	}
	if have, _ := readMark(found[0].Tags); have.ID == m.ID {
		return nil
	}
	if err := v.d.open(ctx, found[0]); err != nil {
		return err
	}
	return v.d.tag(ctx, "security-groups", found[0].ID, v.project, m) // last: with its mark it is whole
}

// groupsOf are those that were made for a part, with its mark or not.
func (d *Driver) groupsOf(ctx context.Context, m mark) ([]groups.SecGroup, error) {
	pages, err := groups.List(d.network, groups.ListOpts{Description: d.description(m.Kind, m.Tenant, m.ID), ProjectID: d.project}).AllPages(ctx)
	if err != nil {
		return nil, listing("security groups", err)
	}
	found, err := groups.ExtractGroups(pages)
	return found, listing("security groups", err)
}

// open lets in who may reach the members of a group.
func (d *Driver) open(ctx context.Context, g groups.SecGroup) error {
	wanted := []rules.CreateOpts{{RemoteGroupID: g.ID, EtherType: rules.EtherType4}}
	for _, p := range d.management.from {
		if p.Addr().Is4() {
			wanted = append(wanted, rules.CreateOpts{RemoteIPPrefix: p.Masked().String(), EtherType: rules.EtherType4})
		}
	}
	for _, w := range wanted {
		there := slices.ContainsFunc(g.Rules, func(r rules.SecGroupRule) bool {
			return r.Direction == string(rules.DirIngress) && r.RemoteGroupID == w.RemoteGroupID && r.RemoteIPPrefix == w.RemoteIPPrefix
		})
		if there {
			continue
		}
		w.SecGroupID, w.Direction = g.ID, rules.DirIngress
		if _, err := rules.Create(ctx, d.network, w).Extract(); err != nil {
			return said("let in who manages "+g.Name, err)
		}
	}
	return nil
}

// dropPart removes a tenant's part of the management network, if that is what a network is.
func (v *view) dropPart(ctx context.Context, id topology.NetworkID) error {
	if v.d.management == nil {
		return nil
	}
	found, err := v.d.groupsOf(ctx, mark{Kind: kindNetwork, Tenant: v.tenant, ID: string(id)})
	if err != nil {
		return err
	}
	for _, g := range found {
		err := groups.Delete(ctx, v.d.network, g.ID).ExtractErr()
		if err := dropped("delete security group "+g.Name, err, func() error { return groups.Get(ctx, v.d.network, g.ID).Err }); err != nil {
			return err
		}
	}
	return nil
}
