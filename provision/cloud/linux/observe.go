//go:build linux

package linux

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Observe reads a tenant's fabric from its links and processes. See cloud.Cloud.
func (c *Cloud) Observe(ctx context.Context, tenant topology.TenantID) (f topology.Fabric, err error) {
	err = c.withFabric(tenant, func(v *view) error {
		f, err = v.fabric()
		if err == nil && len(f.Networks)+len(f.Appliances) == 0 {
			return nothingOf(tenant, errNothing)
		}
		return err
	})
	return f, err
}

func (v *view) fabric() (f topology.Fabric, err error) {
	f.Tenant = v.tenant
	if f.Networks, err = v.networks(); err != nil {
		return f, err
	}
	if f.Gateways, err = v.gateways(); err != nil {
		return f, err
	}
	if f.Appliances, err = v.appliances(); err != nil {
		return f, err
	}
	if f.Redirects, err = v.redirects(); err != nil {
		return f, err
	}
	return topology.Settle(f), nil
}

func (v *view) networks() (out []topology.Network, err error) {
	for _, l := range v.all(kindNetwork) {
		n, err := facts[topology.Network](l.tag)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func (v *view) gateways() (list []topology.Gateway, err error) {
	ends := map[topology.GatewayID]map[string]plugEnd{}
	for _, l := range v.all(kindPlug) {
		f, err := facts[plugFacts](l.tag)
		if err != nil {
			return nil, err
		}
		if ends[f.Gateway] == nil {
			if ends[f.Gateway], err = v.cloud.plugEnds(v.tenant, f.Gateway); err != nil {
				return nil, err
			}
			list = append(list, topology.Gateway{ID: f.Gateway, Name: string(f.Gateway)})
		}
		end, ok := ends[f.Gateway][linkName(kindFarEnd, l.tag.ID)]
		if !ok {
			return nil, fmt.Errorf("gateway %q of tenant %q lost its plug %q", f.Gateway, v.tenant, l.tag.ID)
		}
		g := &list[slices.IndexFunc(list, func(g topology.Gateway) bool { return g.ID == f.Gateway })]
		g.Plugs = append(g.Plugs, topology.Plug{
			Port: topology.PortID(l.tag.ID), Home: f.Home, At: v.at(l),
			MAC: end.mac.String(), Addresses: inOrder(end.addresses, f.Addresses),
		})
	}
	return list, nil
}

// inOrder puts what is there into the order that was stated; the kernel keeps
// none that a reader could rely on. What nobody stated comes last.
func inOrder(have, stated []netip.Prefix) (out []netip.Prefix) {
	for _, p := range stated {
		if slices.Contains(have, p) {
			out = append(out, p)
		}
	}
	for _, p := range have {
		if !slices.Contains(stated, p) {
			out = append(out, p)
		}
	}
	return out
}

func (v *view) appliances() ([]topology.Appliance, error) {
	var out []topology.Appliance
	for _, l := range v.all(kindLeg) {
		f, err := facts[legFacts](l.tag)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(out, func(a topology.Appliance) bool { return a.ID == f.Appliance })
		if i < 0 {
			out = append(out, topology.Appliance{ID: f.Appliance, Instance: f.Instance, Side: f.Side, Name: f.Name, Provider: f.Provider})
			i = len(out) - 1
		}
		f.Leg.At = v.at(l)
		out[i].Legs = append(out[i].Legs, f.Leg)
	}
	for i := range out {
		var err error
		if out[i].Start, out[i].Booted, err = v.cloud.machines.running(machine{v.tenant, out[i]}); err != nil {
			return nil, err
		}
	}
	return out, nil
}
