//go:build linux

package linux

import (
	"context"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// launcher runs appliances: QEMU in earnest, a bridge in tests. All methods are
// called on a thread inside the tenant's fabric and are idempotent.
type launcher interface {
	// nic is the link to make for a leg, by its name.
	nic(name string) netlink.Link
	// start starts a machine on its legs, which exist. A running one is left alone.
	start(ctx context.Context, m machine, s cloud.Server) error
	// running says whether the machine runs, and which start of it.
	running(m machine) (start int, ok bool, err error)
	// stop stops a machine for good and removes all but its legs.
	stop(ctx context.Context, m machine) error
	// processes lists all that runs for this scope; tenants gives their ids by token.
	processes(tenants map[string]topology.TenantID) ([]cloud.Resource, error)
	// sweep stops all machines of the scope, also those that nothing else knows of.
	sweep(ctx context.Context) error
	check(ctx context.Context) []cloud.Problem
}

// machine is an appliance with its tenant. Of what the launcher is asked only
// start needs the legs.
type machine struct {
	Tenant topology.TenantID
	topology.Appliance
}
