package openstack

import (
	"context"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// hostOfBed is the owner of a host's port.
const hostOfBed = "compute:bed"

func (b *bed) CreateHost(ctx context.Context, t topology.TenantID, h cloud.Host) error {
	f, err := b.Observe(ctx, t)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(f.Networks, func(n topology.Network) bool { return n.ID == h.Network })
	if i < 0 {
		return fault.New(fault.NotFound, "tenant %q has no network %q", t, h.Network)
	}
	if _, _, err := b.host(ctx, t, h.Name); err == nil {
		return nil
	}
	n := f.Networks[i]
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			if p.Home == h.Network && slices.Contains(p.Addresses, h.Address) {
				return fault.New(fault.Invalid, "%s is gateway %q's on network %q", h.Address, g.Name, h.Network)
			}
		}
	}
	network := b.theirs(h.Network)
	pages, err := subnets.List(b.d.network, subnets.ListOpts{NetworkID: network}).AllPages(ctx)
	if err != nil {
		return err
	}
	ranges, err := subnets.ExtractSubnets(pages)
	if err != nil {
		return err
	}
	for _, s := range ranges {
		if s.CIDR != h.Address.Masked().String() {
			continue
		}
		p, err := ports.Create(ctx, b.d.network, wanted{"network_id": network, "project_id": string(b.project(t)), "name": h.Name, "port_security_enabled": false,
			"fixed_ips": []any{map[string]any{"subnet_id": s.ID, "ip_address": h.Address.Addr().String()}}, "device_owner": hostOfBed, "device_id": h.Name, "binding:host_id": "lab"}).Extract()
		if err != nil {
			return said("make a host", err)
		}
		at := slices.IndexFunc(n.Subnets, func(o topology.Subnet) bool { return o.CIDR == h.Address.Masked() })
		return b.wire.plug(b, *p, h.Address, n.Subnets[at].Gateway)
	}
	return fault.New(fault.Invalid, "%s is in no range of network %q", h.Address, h.Network)
}

func (b *bed) Hosts(ctx context.Context, t topology.TenantID) (list []cloud.Host, err error) {
	found, err := b.d.ports(ctx, query{"project_id": {string(b.project(t))}, "device_owner": {hostOfBed}})
	for _, p := range found {
		list = append(list, b.hostOf(p.Port))
	}
	return list, err
}

func (b *bed) hostOf(p ports.Port) (h cloud.Host) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h.Name = p.Name
	for ours, theirs := range b.networks {
		if string(theirs) == p.NetworkID {
			h.Network = ours
		}
	}
	address := netip.MustParseAddr(p.FixedIPs[0].IPAddress)
	bits := 24
	if address.Is6() {
		bits = 64
	}
	h.Address = netip.PrefixFrom(address, bits)
	return h
}

func (b *bed) host(ctx context.Context, t topology.TenantID, name string) (ports.Port, cloud.Host, error) {
	found, err := b.d.ports(ctx, query{"project_id": {string(b.project(t))}, "device_owner": {hostOfBed}, "name": {name}})
	if err != nil {
		return ports.Port{}, cloud.Host{}, err
	}
	if len(found) == 0 {
		return ports.Port{}, cloud.Host{}, fault.New(fault.NotFound, "there is no host %q", name)
	}
	return found[0].Port, b.hostOf(found[0].Port), nil
}

func (b *bed) Trace(ctx context.Context, t topology.TenantID, host string) ([]topology.ApplianceID, bool, error) {
	return b.TraceTo(ctx, t, host, cloud.Target{})
}

func (b *bed) TraceTo(ctx context.Context, t topology.TenantID, host string, to cloud.Target) ([]topology.ApplianceID, bool, error) {
	p, h, err := b.host(ctx, t, host)
	if err != nil {
		return nil, false, err
	}
	f, err := b.Cloud.Observe(ctx, b.project(t))
	if err != nil {
		return nil, false, err
	}
	target, err := b.target(ctx, t, f, p, h, to)
	if err != nil {
		return nil, false, err
	}
	return b.wire.trace(b, f, p, h, target)
}

// target is the address of what a host sends to.
func (b *bed) target(ctx context.Context, t topology.TenantID, f topology.Fabric, from ports.Port, h cloud.Host, to cloud.Target) (netip.Addr, error) {
	if to.Host != "" {
		_, other, err := b.host(ctx, t, to.Host)
		return other.Address.Addr(), err
	}
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			for _, a := range p.Addresses {
				if g.ID == to.Gateway && string(p.Home) == from.NetworkID && a.Masked().Contains(h.Address.Addr()) {
					return a.Addr(), nil
				}
			}
		}
	}
	for _, n := range f.Networks {
		for _, s := range n.Subnets {
			if to.Gateway == "" && string(n.ID) == from.NetworkID && s.CIDR.Contains(h.Address.Addr()) {
				return s.Gateway, nil
			}
		}
	}
	return netip.Addr{}, fault.New(fault.NotFound, "network %q has no such gateway", h.Network)
}
