package openstack

import (
	"context"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// wanted is what a thing of Neutron's is to be made with.
type wanted map[string]any

func (w wanted) as(kind string) (map[string]any, error) {
	return map[string]any{kind: map[string]any(w)}, nil
}
func (w wanted) ToNetworkCreateMap() (map[string]any, error) { return w.as("network") }
func (w wanted) ToSubnetCreateMap() (map[string]any, error)  { return w.as("subnet") }
func (w wanted) ToPortCreateMap() (map[string]any, error)    { return w.as("port") }

// makeNetwork makes a segment or a management network, with the ranges in which a
// gateway's plug or a management leg will have an address there.
func (v *view) makeNetwork(ctx context.Context, n topology.Network) error {
	m, err := newMark(kindNetwork, v.tenant, string(n.ID), n)
	if err != nil {
		return err
	}
	made, err := v.ensure(ctx, m, n.Name, v.mtu(n.Carries))
	if err != nil {
		return err
	}
	for _, s := range n.Subnets {
		if _, err := v.subnet(ctx, made, s); err != nil {
			return err
		}
	}
	return nil
}

// ensure finds or makes a network of ours and gives it its mark.
func (v *view) ensure(ctx context.Context, m mark, name string, mtu int) (string, error) {
	what := "make network " + m.ID
	description := v.d.description(m.Kind, v.tenant, m.ID)
	found, err := v.d.networks(ctx, query{"description": {description}, "project_id": {v.d.project}})
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		if found[0].mark.ID == m.ID {
			return found[0].ID, nil
		}
		return found[0].ID, v.d.tag(ctx, "networks", found[0].ID, v.project, m)
	}
	w := wanted{"name": name, "description": description, "port_security_enabled": isManagement(m)}
	if mtu > 0 {
		w["mtu"] = mtu
	}
	made, err := whole(networks.Create(ctx, v.d.network, w).Extract())
	if err != nil {
		return "", said(what, err)
	}
	return made.ID, v.d.tag(ctx, "networks", made.ID, v.project, m)
}

// isManagement says whether a network's ports are to be kept to their addresses: on
// those that carry others' traffic they cannot be.
func isManagement(m mark) bool {
	n, err := facts[topology.Network](m)
	return m.Kind == kindNetwork && err == nil && n.Role == topology.RoleManagement
}

// mtu is the least of the networks whose traffic a segment is to carry; 0: whatever
// the cloud gives.
func (v *view) mtu(carries []topology.NetworkID) (least int) {
	for _, id := range carries {
		if n, ok := v.network(id); ok && (least == 0 || n.MTU < least) {
			least = n.MTU
		}
	}
	return least
}

// subnet finds or makes a range on a network of ours. It has no DHCP: on a segment
// the server of the tenant's own network answers.
func (v *view) subnet(ctx context.Context, network string, s topology.Subnet) (string, error) {
	what := "make a range on network " + network
	pages, err := subnets.List(v.d.network, subnets.ListOpts{NetworkID: network}).AllPages(ctx)
	if err != nil {
		return "", said(what, err)
	}
	found, err := subnets.ExtractSubnets(pages)
	if err != nil {
		return "", said(what, err)
	}
	if i := slices.IndexFunc(found, func(o subnets.Subnet) bool { return o.CIDR == s.CIDR.String() }); i >= 0 {
		return found[i].ID, nil
	}
	if v.d.management != nil && network == v.d.management.network {
		return "", fault.New(fault.Invalid, "the management network has no range %s", s.CIDR)
	}
	w := wanted{"network_id": network, "cidr": s.CIDR.String(), "ip_version": version(s.CIDR), "enable_dhcp": false, "gateway_ip": nil}
	if s.Gateway.IsValid() {
		w["gateway_ip"] = s.Gateway.String()
	}
	made, err := whole(subnets.Create(ctx, v.d.network, w).Extract())
	if err != nil {
		return "", said(what, err)
	}
	return made.ID, nil
}

func version(p netip.Prefix) int {
	if p.Addr().Is4() {
		return 4
	}
	return 6
}

// removeNetwork removes a segment or a management network, with what a swap that was
// cut off may have left there.
func (v *view) removeNetwork(ctx context.Context, id topology.NetworkID) error {
	if err := v.dropPart(ctx, id); err != nil {
		return err
	}
	return v.dropNetworks(ctx, kindNetwork, string(id))
}

func (v *view) dropNetworks(ctx context.Context, k kind, id string) error {
	found, err := v.d.networks(ctx, query{"description": {v.d.description(k, v.tenant, id)}, "project_id": {v.d.project}})
	if err != nil {
		return err
	}
	for _, n := range found {
		left, err := v.d.ports(ctx, query{"network_id": {n.ID}})
		if err != nil {
			return err
		}
		for _, p := range left {
			if p.DeviceID != "" || !v.d.ours(p.Description) {
				continue // Neutron's own, or a reason for it to refuse
			}
			if err := v.d.dropPort(ctx, p.ID); err != nil {
				return err
			}
		}
		if err := v.d.forget(ctx, n.ID); err != nil {
			return err
		}
		err = networks.Delete(ctx, v.d.network, n.ID).ExtractErr()
		if err := dropped("delete network "+id, err, func() error { return networks.Get(ctx, v.d.network, n.ID).Err }); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) dropPort(ctx context.Context, id string) error {
	err := ports.Delete(ctx, d.network, id).ExtractErr()
	return dropped("delete port "+id, err, func() error { return ports.Get(ctx, d.network, id).Err })
}

// neutron is the id of a network in Neutron.
func (v *view) neutron(id topology.NetworkID) (string, error) {
	n, ok := v.network(id)
	if !ok {
		return "", fault.New(fault.NotFound, "tenant %q has no network %q", v.tenant, id)
	}
	return n.ID, nil
}
