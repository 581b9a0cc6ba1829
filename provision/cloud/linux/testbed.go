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

// CreateNetwork makes a tenant network with its gateway plug. See cloud.Testbed.
func (c *Cloud) CreateNetwork(ctx context.Context, tenant topology.TenantID, n topology.Network) error {
	if n.Role == "" {
		n.Role = topology.RoleTenant
	}
	switch {
	case tenant == "" || n.ID == "":
		return fault.New(fault.Invalid, "a network needs a tenant and an id")
	case n.Role != topology.RoleTenant:
		return fault.New(fault.Invalid, "network %q: only a tenant's own networks are made here, not a %s network", n.ID, n.Role)
	}
	c.places.Lock()
	defer c.places.Unlock()
	if err := c.makeTenant(tenant); err != nil {
		return err
	}
	return c.withFabric(tenant, func(v *view) error {
		if err := v.makeOwnNetwork(n); err != nil {
			return err
		}
		return v.makePlugIfAny(n)
	})
}

func (v *view) makeOwnNetwork(n topology.Network) error {
	l, ok := v.find(kindNetwork, string(n.ID))
	if !ok {
		return v.makeNetwork(n)
	}
	had, err := facts[topology.Network](l.tag)
	if err != nil {
		return err
	}
	if had.Role != n.Role || !slices.Equal(had.Subnets, n.Subnets) {
		return fault.New(fault.Conflict, "network %q exists with another role or other subnets", n.ID)
	}
	return nil
}

// makePlugIfAny plugs the gateway in once the view knows the network's bridge.
func (v *view) makePlugIfAny(n topology.Network) error {
	fresh, err := v.cloud.look(v.tenant)
	if err != nil {
		return err
	}
	return fresh.makePlug(n)
}

// DeleteNetwork removes a tenant network with its plug and hosts. See cloud.Testbed.
func (c *Cloud) DeleteNetwork(ctx context.Context, tenant topology.TenantID, id topology.NetworkID) error {
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
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	return c.removeTenantIfEmpty(tenant) // also what an interrupted removal left of it
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
	if err := v.remove(kindPlug, string(plugPort(id))); err != nil {
		return err
	}
	return v.remove(kindNetwork, string(id))
}
