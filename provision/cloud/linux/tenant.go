//go:build linux

package linux

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A tenant's place is its namespaces and its folder. It is made for the first thing
// that the tenant gets, a network of its own or something of a service, and goes
// with the last. Cloud.places keeps the two from meeting: a tenant's own networks
// come and go beside the steps of its changes.

// make carries out a step that makes something. One that is impossible makes no place.
func (c *Cloud) make(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	c.places.RLock()
	err := c.step(ctx, tenant, s)
	c.places.RUnlock()
	if !errors.Is(err, errNothing) {
		return err
	}
	if err := cloud.Possible(topology.Settle(topology.Fabric{Tenant: tenant}), s); err != nil {
		return err
	}
	c.places.Lock()
	defer c.places.Unlock()
	if err := c.makeTenant(tenant); err != nil {
		return err
	}
	return c.withFabric(tenant, func(v *view) error {
		f, err := v.fabric()
		if err != nil {
			return err
		}
		return v.do(ctx, f, s)
	})
}

// remove carries out a step that removes something.
func (c *Cloud) remove(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	err := c.step(ctx, tenant, s)
	if err != nil && !errors.Is(err, fault.NotFound) { // a tenant with nothing has not got that either
		return err
	}
	return c.removeTenantIfEmpty(tenant) // also what an interrupted removal left of it
}

func (c *Cloud) makeTenant(tenant topology.TenantID) error {
	t, err := c.newTag(tenant, kindFabric, string(tenant), nil)
	if err != nil {
		return err
	}
	if err := c.makeNamespace(c.fabricName(tenant), t); err != nil {
		return err
	}
	return c.within(c.fabricName(tenant), quietFabric)
}

// removeTenantIfEmpty removes the namespaces of a tenant that has nothing left.
func (c *Cloud) removeTenantIfEmpty(tenant topology.TenantID) error {
	c.places.Lock()
	defer c.places.Unlock()
	empty := true
	err := c.withFabric(tenant, func(v *view) error {
		for _, k := range []kind{kindNetwork, kindPlug, kindCable, kindLeg, kindTurn, kindRule} {
			empty = empty && len(v.all(k)) == 0
		}
		return nil
	})
	if err != nil && !errors.Is(err, fault.NotFound) || !empty {
		return err
	}
	names, err := c.tenantNamespaces(tenant)
	if err != nil {
		return err
	}
	slices.Reverse(names) // the fabric's own sorts first and goes last
	for _, n := range names {
		if err := c.removeNamespace(n); err != nil {
			return err
		}
	}
	return os.RemoveAll(c.tenantDir(tenant))
}
