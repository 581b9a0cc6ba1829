package main

import (
	"context"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newNetwork(c *cli) *cobra.Command {
	var tenant, gateway, name string
	create := &cobra.Command{
		Use: "create NETWORK CIDR", Short: "Make a tenant network with its gateway", Args: exactly("a network", "an address range"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			n := api.Network{ID: args[0], Name: name, CIDR: args[1]}
			if gateway != "" {
				var err error
				if n.Gateway, err = netip.ParseAddr(gateway); err != nil {
					return fault.New(fault.Invalid, "%q is not an address", gateway)
				}
			}
			made, err := a.CreateNetwork(ctx, tenant, n)
			if err != nil {
				return err
			}
			return c.print(made, facts("network", made.ID, "name", made.Name, "cidr", made.CIDR, "gateway", made.Gateway))
		}),
	}
	create.Flags().StringVar(&gateway, "gateway", "", "the gateway's address; empty: the first of the range")
	create.Flags().StringVar(&name, "name", "", "name for people; empty: as NETWORK")
	cmd := group(&cobra.Command{Use: "network", Short: "Tenants' networks, on clouds whose tenants make them here (linux, sim)"},
		create,
		&cobra.Command{
			Use: "list", Short: "List a tenant's networks", Args: exactly(),
			RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
				all, err := a.Networks(ctx, tenant)
				if err != nil {
					return err
				}
				t := table{head: []string{"NETWORK", "NAME", "CIDR", "GATEWAY"}}
				for _, n := range all {
					t.add(n.ID, n.Name, n.CIDR, n.Gateway)
				}
				return c.print(orEmpty(all), t)
			}),
		},
		&cobra.Command{
			Use: "delete NETWORK", Short: "Remove a tenant network and its hosts", Args: exactly("a network"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				return c.done(a.DeleteNetwork(ctx, tenant, args[0]), "network %s was deleted", args[0])
			}),
		},
	)
	tenantFlag(cmd, &tenant)
	return cmd
}

// tenantFlag says whose; it holds for the command and those under it.
func tenantFlag(cmd *cobra.Command, tenant *string) {
	cmd.PersistentFlags().StringVar(tenant, "tenant", "default", "the tenant")
}
