package api

import (
	"context"

	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Zone is as the meter has it.
type Zone = metering.Zone

// Zones lists the tenants whose statements close in a time zone of their own.
func (c *Client) Zones(ctx context.Context) ([]Zone, error) {
	return list[Zone](ctx, c, nil, "billing-zones")
}

// SetZone has a tenant's statements close in a time zone, from the next period on.
func (c *Client) SetZone(ctx context.Context, tenant topology.TenantID, zone string) (z Zone, err error) {
	return z, c.call(ctx, "PUT", nil, Zone{Tenant: tenant, Zone: zone}, &z, "billing-zones")
}
