package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newTopology(c *cli) *cobra.Command {
	var tenant, format string
	show := &cobra.Command{
		Use: "show", Short: "Show a tenant's networks, services and gateway", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			if c.output == "json" || format == "json" {
				f, err := a.Topology(ctx, tenant)
				if err != nil {
					return err
				}
				return c.printJSON(f)
			}
			drawing, err := a.Drawing(ctx, tenant, format)
			if err != nil {
				return err
			}
			_, err = c.out.Write(drawing)
			return err
		}),
	}
	show.Flags().StringVar(&format, "format", "text", "text, svg, dot or json")
	cmd := group(&cobra.Command{Use: "topology", Short: "Tenants' networks and what is inserted in them"}, show, newTopologyDrift(c, &tenant))
	tenantFlag(cmd, &tenant)
	regionFlag(cmd, c)
	return cmd
}
