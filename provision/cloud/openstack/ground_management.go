package openstack

import (
	"context"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/hypervisors"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
)

// groundManagement is the range of the Ground's management network (RFC 5737). Its
// first address is this machine's.
var groundManagement = netip.MustParsePrefix("192.0.2.0/24")

// brokerPort is the name of this machine's port there.
const brokerPort = "broker"

func (g *Ground) managed() string { return g.name + " appliances" }

// hasGuests says whether Nova starts machines: clouds for tests may only say so.
func (d *Driver) hasGuests(ctx context.Context) (bool, error) {
	pages, err := hypervisors.List(d.compute, hypervisors.ListOpts{}).AllPages(ctx)
	if err != nil {
		return false, listing("hypervisors", err)
	}
	list, err := hypervisors.ExtractHypervisors(pages)
	if err != nil {
		return false, listing("hypervisors", err)
	}
	return slices.ContainsFunc(list, func(h hypervisors.Hypervisor) bool { return h.HypervisorType != "fake" }), nil
}

// Manage makes a management network for appliances, on which this machine has an
// address, and gives its id and that address.
func (g *Ground) Manage(ctx context.Context) (network string, from netip.Prefix, err error) {
	n, err := networks.Create(ctx, g.d.network, networks.CreateOpts{Name: g.managed()}).Extract()
	if err != nil {
		return "", from, said("make a management network", err)
	}
	here := groundManagement.Addr().Next()
	made, err := subnets.Create(ctx, g.d.network, wanted{"network_id": n.ID, "cidr": groundManagement.String(), "ip_version": 4, "gateway_ip": nil, "enable_dhcp": false}).Extract()
	if err != nil {
		return "", from, said("make a range", err)
	}
	p, err := ports.Create(ctx, g.d.network, wanted{"network_id": n.ID, "name": brokerPort, "device_owner": hostOwner, "device_id": g.name + " " + brokerPort,
		"binding:host_id": g.host, "fixed_ips": []any{map[string]any{"subnet_id": made.ID, "ip_address": here.String()}}}).Extract()
	if err != nil {
		return "", from, said("make a port for the broker", err)
	}
	g.d.management = &management{n.ID, groundManagement, []netip.Prefix{netip.PrefixFrom(here, 32)}}
	if err := shells(attach(*p)); err != nil {
		return n.ID, from, err
	}
	err = g.settle(place{link(*p), [][]string{
		{"ip", "addr", "replace", netip.PrefixFrom(here, groundManagement.Bits()).String(), "dev", link(*p)},
		{"ip", "link", "set", link(*p), "address", p.MACAddress, "mtu", "1400", "up"},
	}})
	return n.ID, g.d.management.from[0], err
}
