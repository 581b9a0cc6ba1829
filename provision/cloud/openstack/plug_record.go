package openstack

import (
	"context"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// findRecord looks for what an attempt that was cut off has left.
func (v *view) findRecord(s *swap) error {
	for _, o := range v.ports {
		if o.mark.ID != string(s.plug) || o.DeviceID != "" {
			continue
		}
		was, err := facts[plugFacts](o.mark)
		if err != nil {
			return err
		}
		s.kept, s.resumed, s.recorded = was.kept, true, was.owed()
		if s.From == s.to { // where it came from is only known from here
			s.From = was.From
		}
		if at, _ := v.at(o.NetworkID); o.mark.Kind == kindPlug && at == s.to {
			s.fresh = o.ID
		} else {
			s.stubs = append(s.stubs, o.ID)
		}
	}
	return nil
}

// record leaves word of the swap in the cloud before it begins: by the port that takes
// the old one's place, where that may be made already, else by one that nobody uses.
func (v *view) record(ctx context.Context, s *swap, subnets []string) (err error) {
	switch {
	case s.fresh != "" && s.owed() > s.recorded:
		err = v.tagPlug(ctx, s.fresh, kindPlug, *s)
	case len(s.stubs) > 0 && s.owed() > s.recorded:
		err = v.tagPlug(ctx, s.stubs[0], kindSwap, *s)
	case s.fresh != "" || len(s.stubs) > 0:
	case v.early(*s):
		s.fresh, err = v.anyPlug(ctx, *s, subnets)
	default:
		var stub string
		stub, err = v.newStub(ctx, *s)
		s.stubs = append(s.stubs, stub)
	}
	return err
}

// early says whether a port with the plug's MAC may be made where the plug goes while
// the old one still carries traffic. On a network from which the plug is reached
// through an appliance it may not: some switches take the MAC to be at the new port
// at once, and all traffic is lost.
func (v *view) early(s swap) bool {
	to, ok := v.network(s.to)
	if !ok || to.mark.Kind != kindNetwork {
		return false
	}
	return !slices.ContainsFunc(v.ports, func(p port) bool {
		f, err := facts[legFacts](p.mark)
		return p.mark.Kind == kindLeg && p.NetworkID == to.ID && (err != nil || f.Leg.Role == topology.Inside)
	})
}

// newStub makes a port without address on the network of ours that the plug leaves,
// or goes to.
func (v *view) newStub(ctx context.Context, s swap) (string, error) {
	at := s.From
	if at == s.Home {
		at = s.to
	}
	network, err := v.neutron(at)
	if err != nil {
		return "", err
	}
	w := wanted{"network_id": network, "name": "a gateway's plug on its way", "fixed_ips": []any{}, "admin_state_up": false,
		"description": v.d.description(kindSwap, v.tenant, string(s.plug))}
	made, err := whole(ports.Create(ctx, v.d.network, w).Extract())
	if err != nil {
		return "", said("record a swap", err)
	}
	return made.ID, v.tagPlug(ctx, made.ID, kindSwap, s)
}

func (v *view) tagPlug(ctx context.Context, port string, k kind, s swap) error {
	m, err := newMark(k, v.tenant, string(s.plug), s.plugFacts)
	if err != nil {
		return err
	}
	return v.d.tag(ctx, "ports", port, v.project, m)
}

// dropStrays removes the ports that a swap has made and not used, when it is undone: on
// a segment found by their description, for the mark may be missing; at home by their
// MAC, for there the port was to be the tenant's again.
func (v *view) dropStrays(ctx context.Context, s swap) error {
	if !s.resumed || len(s.stubs) == 0 {
		return nil
	}
	strays := []query{{"description": {v.d.description(kindPlug, v.tenant, string(s.plug))}, "project_id": {v.project}}}
	if s.to != s.Home {
		strays = append(strays, query{"network_id": {string(s.Home)}, "mac_address": {s.MAC}, "project_id": {v.project}})
	}
	for _, q := range strays {
		found, err := v.d.ports(ctx, q)
		if err != nil {
			return err
		}
		for _, p := range found {
			if p.DeviceID != "" || p.ID == s.fresh {
				continue
			}
			if err := v.d.dropPort(ctx, p.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
