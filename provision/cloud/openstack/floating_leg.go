package openstack

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// plugsAway are the plugs away from home that are plugged in on a network of Neutron's.
func (v *view) plugsAway(network string) (list []swap) {
	for _, p := range v.ports {
		if p.mark.Kind != kindPlug || p.NetworkID != network || p.DeviceID == "" {
			continue
		}
		if f, err := facts[plugFacts](p.mark); err == nil {
			at, _ := v.at(network)
			list = append(list, swap{plugFacts: f, plug: topology.PortID(p.mark.ID), to: at, fresh: p.ID})
		}
	}
	return list
}

// unload takes floating IPs from a leg that is going to leave, and notes with the plug
// behind it that they are owed.
func (v *view) unload(ctx context.Context, leg port) error {
	f, err := facts[legFacts](leg.mark)
	if err != nil || f.Leg.Role != topology.Outside || len(leg.FixedIPs) == 0 {
		return nil
	}
	list, err := v.d.floatingIPs(ctx, query{"port_id": {leg.ID}})
	if err != nil || len(list) == 0 {
		return err
	}
	for _, s := range v.plugsAway(leg.NetworkID) {
		before := len(s.Leaning)
		s.owe(slices.DeleteFunc(slices.Clone(list), func(ip floating) bool { return !s.behind(ip.FixedIP) }))
		if len(s.Leaning) == before {
			continue
		}
		if err := v.tagPlug(ctx, s.fresh, kindPlug, s); err != nil {
			return err
		}
	}
	return v.d.takeOff(ctx, list)
}

// load gives floating IPs that are owed to hosts behind a network to an outside leg that
// has come there.
func (v *view) load(ctx context.Context, role topology.LegRole, at topology.NetworkID) error {
	if role != topology.Outside || at == "" {
		return nil
	}
	network, err := v.neutron(at)
	if err != nil {
		return err
	}
	for _, s := range v.plugsAway(network) {
		before := len(s.Leaning)
		if before == 0 {
			continue
		}
		if err := v.payBack(ctx, &s); err != nil {
			return err
		}
		if len(s.Leaning) == before {
			continue
		}
		if err := v.tagPlug(ctx, s.fresh, kindPlug, s); err != nil {
			return err
		}
	}
	return nil
}
