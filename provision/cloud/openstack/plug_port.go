package openstack

import (
	"context"
	"maps"
	"net/netip"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// landing makes sure of the plug's ranges where it goes, and gives their ids.
func (v *view) landing(ctx context.Context, s swap) (ids []string, err error) {
	to, err := v.neutron(s.to)
	if err != nil {
		return nil, err
	}
	for _, a := range s.Addresses {
		id := ""
		if v.owns(to) {
			for _, o := range v.subnets {
				if o.NetworkID == to && o.CIDR == a.Masked().String() {
					id = o.ID
				}
			}
		} else if id, err = v.subnet(ctx, to, topology.Subnet{CIDR: a.Masked(), Gateway: v.gatewayOf(s.Home, a)}); err != nil {
			return nil, err
		}
		if id == "" {
			return nil, fault.New(fault.Conflict, "network %q has no range for %s any more", s.to, a)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// gatewayOf is the address that hosts of a plug's range send to.
func (v *view) gatewayOf(home topology.NetworkID, a netip.Prefix) netip.Addr {
	for _, s := range v.subnetsOf(string(home)) {
		if s.CIDR == a.Masked() {
			return s.Gateway
		}
	}
	return netip.Addr{}
}

// newPlug makes the port that a router is to have. Away from home it carries our
// mark; at home it is the tenant's as before.
func (v *view) newPlug(ctx context.Context, s swap, subnets []string) (string, error) {
	network, err := v.neutron(s.to)
	if err != nil {
		return "", err
	}
	var ips []any
	for i, a := range s.Addresses {
		ips = append(ips, map[string]any{"subnet_id": subnets[i], "ip_address": a.Addr().String()})
	}
	w := wanted{"network_id": network, "project_id": v.project, "mac_address": s.MAC, "fixed_ips": ips, "name": s.Name, "description": s.Description}
	away := s.to != s.Home
	if v.silent(s) {
		off := "true"
		maps.Copy(w, silenced(&off))
	}
	w["port_security_enabled"] = false // as Neutron makes routers' ports itself
	if s.Policy != "" {
		w["qos_policy_id"] = s.Policy
	}
	if away {
		w["description"] = v.d.description(kindPlug, v.tenant, string(s.plug))
	}
	made, err := whole(ports.Create(ctx, v.d.network, w).Extract())
	if err != nil {
		return "", said("make the gateway's port on network "+string(s.to), err)
	}
	if away {
		err = v.tagPlug(ctx, made.ID, kindPlug, s)
	}
	return made.ID, err
}

// anyPlug is the port that an attempt cut off has made, with its mark, or a new one.
func (v *view) anyPlug(ctx context.Context, s swap, subnets []string) (string, error) {
	to, err := v.neutron(s.to)
	if err != nil {
		return "", err
	}
	found, err := v.d.ports(ctx, query{"network_id": {to}, "mac_address": {s.MAC}, "project_id": {v.project}})
	if err != nil {
		return "", err
	}
	for _, p := range found {
		if p.DeviceID == "" && s.to != s.Home {
			return p.ID, v.tagPlug(ctx, p.ID, kindPlug, s)
		}
		if p.DeviceID == "" {
			return p.ID, nil
		}
	}
	return v.newPlug(ctx, s, subnets)
}

// unplug takes the port from the router. One that is said not to be there is looked for:
// where the router has it still, another one in the same range is refused.
func (v *view) unplug(ctx context.Context, s swap) error {
	_, err := routers.RemoveInterface(ctx, v.d.network, s.Router, routers.RemoveInterfaceOpts{PortID: s.old}).Extract()
	if !isMissing(err) {
		return err
	}
	p, lookErr := whole(ports.Get(ctx, v.d.network, s.old).Extract())
	if isMissing(lookErr) {
		return nil
	}
	if lookErr == nil && p.DeviceID == s.Router {
		lookErr = &fault.Error{Kind: fault.Unavailable, Message: "the cloud does not find the gateway's port, which is there", Err: err}
	}
	return lookErr
}

// arrive gives the router its port where the plug goes. Only after an attempt that was
// cut off does it look for that port first: traffic waits.
func (v *view) arrive(ctx context.Context, s *swap, subnets []string) (err error) {
	if s.fresh == "" && s.old == "" {
		s.fresh, err = v.anyPlug(ctx, *s, subnets)
	} else if s.fresh == "" {
		s.fresh, err = v.newPlug(ctx, *s, subnets)
	}
	if err != nil {
		return err
	}
	_, err = routers.AddInterface(ctx, v.d.network, s.Router, routers.AddInterfaceOpts{PortID: s.fresh}).Extract()
	return err
}
