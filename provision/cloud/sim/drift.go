package sim

import (
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// KillAppliance ends an appliance's machine, as a crash would. NotFound when it
// does not run.
func (c *Cloud) KillAppliance(tenant topology.TenantID, id topology.ApplianceID) error {
	return c.change(func(w *world) error {
		if w.machine(tenant, id) == nil {
			return fault.New(fault.NotFound, "appliance %q does not run", id)
		}
		e := w.Tenants[tenant]
		f := topology.Settle(e.Fabric)
		for i := range f.Appliances {
			f.Appliances[i].Booted = f.Appliances[i].Booted && f.Appliances[i].ID != id
		}
		e.Fabric = f
		e.stopStrays()
		return nil
	})
}

// HangAppliance leaves an appliance running that neither forwards nor answers,
// until it is shut down. NotFound when it does not run.
func (c *Cloud) HangAppliance(tenant topology.TenantID, id topology.ApplianceID) error {
	return c.change(func(w *world) error {
		m := w.machine(tenant, id)
		if m == nil {
			return fault.New(fault.NotFound, "appliance %q does not run", id)
		}
		m.Hung = true
		return nil
	})
}

// UnhangAppliance lets a hung appliance go on. NotFound when it does not run.
func (c *Cloud) UnhangAppliance(tenant topology.TenantID, id topology.ApplianceID) error {
	return c.change(func(w *world) error {
		m := w.machine(tenant, id)
		if m == nil {
			return fault.New(fault.NotFound, "appliance %q does not run", id)
		}
		m.Hung = false
		return nil
	})
}

// Drift lets a test change a tenant's fabric behind everybody's back. NotFound
// when the tenant has nothing.
func (c *Cloud) Drift(tenant topology.TenantID, alter func(*topology.Fabric)) error {
	return c.change(func(w *world) error {
		e, err := w.tenant(tenant)
		if err != nil {
			return err
		}
		f := topology.Settle(e.Fabric)
		alter(&f)
		e.Fabric = f
		e.adopt()
		w.settle(tenant)
		return nil
	})
}
