//go:build linux

package linux

import (
	"context"
	"errors"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// CreateNetwork makes a tenant network with its gateways' plugs. See cloud.Testbed.
func (c *Cloud) CreateNetwork(ctx context.Context, tenant topology.TenantID, n topology.Network, gateways ...string) error {
	if n.Role == "" {
		n.Role = topology.RoleTenant
	}
	switch {
	case tenant == "" || n.ID == "":
		return fault.New(fault.Invalid, "a network needs a tenant and an id")
	case n.Role != topology.RoleTenant:
		return fault.New(fault.Invalid, "network %q: only a tenant's own networks are made here, not a %s network", n.ID, n.Role)
	}
	names, err := cloud.Gateways(gateways)
	if err != nil {
		return err
	}
	for place := range names {
		if _, err := cloud.PlugAddresses(n, place); err != nil {
			return err
		}
	}
	c.places.Lock()
	defer c.places.Unlock()
	if err := c.makeTenant(tenant); err != nil {
		return err
	}
	err = c.withFabric(tenant, func(v *view) error { return v.makeOwnNetwork(n, names) })
	if err != nil {
		return err
	}
	err = c.withFabric(tenant, func(v *view) error { return v.makePlugs(n, names) })
	if err != nil {
		return err
	}
	return c.withFabric(tenant, (*view).connectGateways)
}

// ownNetwork is what the bridge of a tenant's own network knows beside the network:
// the gateways that it is to be plugged into, none for the default one alone.
type ownNetwork struct {
	topology.Network
	Gateways []string `json:"gateways,omitempty"`
}

func (v *view) makeOwnNetwork(n topology.Network, gateways []string) error {
	if len(gateways) == 1 && gateways[0] == string(defaultGateway) {
		gateways = nil
	}
	l, ok := v.find(kindNetwork, string(n.ID))
	if !ok {
		return v.makeBridge(n.ID, ownNetwork{n, gateways})
	}
	had, err := facts[ownNetwork](l.tag)
	if err != nil {
		return err
	}
	if had.Role != n.Role || !slices.Equal(had.Subnets, n.Subnets) || !slices.Equal(had.Gateways, gateways) {
		return fault.New(fault.Conflict, "network %q exists with another role, other subnets or other gateways", n.ID)
	}
	return nil
}

func (v *view) makePlugs(n topology.Network, gateways []string) error {
	for place, name := range gateways {
		g := topology.GatewayID(name)
		if err := v.cloud.makeGateway(v.tenant, g); err != nil {
			return err
		}
		if err := v.makePlug(n, g, place); err != nil {
			return err
		}
	}
	return nil
}

// DeleteNetwork removes a tenant network with its plug and hosts. See cloud.Testbed.
func (c *Cloud) DeleteNetwork(ctx context.Context, tenant topology.TenantID, id topology.NetworkID) error {
	if err := c.deleteNetwork(tenant, id); err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	return c.removeTenantIfEmpty(tenant) // also what an interrupted removal left of it
}

func (c *Cloud) deleteNetwork(tenant topology.TenantID, id topology.NetworkID) error {
	c.places.Lock()
	defer c.places.Unlock()
	err := c.withFabric(tenant, func(v *view) error {
		f, err := v.fabric()
		if err != nil {
			return err
		}
		if err := free(f, id); err != nil {
			return err
		}
		return v.removeOwnNetwork(id)
	})
	if err != nil {
		return err
	}
	return c.withFabric(tenant, (*view).connectGateways)
}

// free says whether no service is stitched into a network.
func free(f topology.Fabric, id topology.NetworkID) error {
	for _, n := range f.Networks {
		if n.ID == id && n.Role != topology.RoleTenant {
			return fault.New(fault.Invalid, "network %q is not a tenant's own", id)
		}
	}
	for _, r := range f.Redirects {
		if r.Network == id {
			return fault.New(fault.Conflict, "flows of network %q are redirected through %q", id, r.Instance)
		}
	}
	for _, a := range f.Appliances {
		for _, l := range a.Legs {
			if l.At == id || slices.Contains(l.Serves, id) {
				return fault.New(fault.Conflict, "service %q is stitched into network %q", a.Name, id)
			}
		}
	}
	for _, g := range f.Gateways {
		for _, p := range g.Plugs {
			if p.Home == id && p.At != id {
				return fault.New(fault.Conflict, "the gateway of network %q is plugged into %q", id, p.At)
			}
		}
	}
	return nil
}

// removeOwnNetwork removes the bridge last: what was begun and interrupted is
// found again by it.
func (v *view) removeOwnNetwork(id topology.NetworkID) error {
	for _, l := range v.all(kindCable) {
		h, err := facts[cloud.Host](l.tag)
		if err != nil {
			return err
		}
		if h.Network == id {
			if err := v.removeHost(h.Name); err != nil {
				return err
			}
		}
	}
	for _, l := range v.all(kindPlug) {
		p, err := facts[plugFacts](l.tag)
		if err != nil {
			return err
		}
		if p.Home != id {
			continue
		}
		if err := v.remove(kindPlug, l.tag.ID); err != nil {
			return err
		}
	}
	return v.remove(kindNetwork, string(id))
}
