package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func newZone(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "zone", Short: "Time zones in which tenants' statements close"}, &cobra.Command{
		Use: "set TENANT ZONE", Short: "Have a tenant's statements close at month ends in a time zone", Args: exactly("a tenant", "a time zone"),
		Long: `Have a tenant's statements close at the ends of months in a time zone, such as Europe/Berlin. The period in hand
ends as it was going to, and the next one in the new zone, without gap or overlap.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			set, err := a.SetZone(ctx, topology.TenantID(args[0]), args[1])
			return c.printZones([]api.Zone{set}, err)
		}),
	}, &cobra.Command{
		Use: "list", Short: "List the tenants that have a time zone of their own", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			return c.printZones(a.Zones(ctx))
		}),
	})
}

func (c *cli) printZones(all []api.Zone, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"TENANT", "ZONE", "FIRST CLOSE"}}
	for _, z := range all {
		t.add(z.Tenant, z.Zone, z.From)
	}
	return c.print(orEmpty(all), t)
}
