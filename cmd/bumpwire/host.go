package main

import (
	"context"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newHost(c *cli) *cobra.Command {
	var tenant, network string
	create := &cobra.Command{
		Use: "create HOST ADDRESS", Short: "Attach a host to a tenant network", Args: exactly("a host", "an address such as 10.1.0.10/24"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			address, err := netip.ParsePrefix(args[1])
			if err != nil {
				return fault.New(fault.Invalid, "%q is not an address with its range, such as 10.1.0.10/24", args[1])
			}
			h, err := a.CreateHost(ctx, tenant, api.Host{Name: args[0], Network: network, Address: address})
			if err != nil {
				return err
			}
			return c.print(h, facts("host", h.Name, "network", h.Network, "address", h.Address))
		}),
	}
	create.Flags().StringVar(&network, "network", "", "the network it is attached to")
	cmd := group(&cobra.Command{Use: "host", Short: "Hosts on tenants' networks (linux, sim)"},
		create,
		&cobra.Command{
			Use: "list", Short: "List a tenant's hosts", Args: exactly(),
			RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
				all, err := a.Hosts(ctx, tenant)
				if err != nil {
					return err
				}
				t := table{head: []string{"HOST", "NETWORK", "ADDRESS"}}
				for _, h := range all {
					t.add(h.Name, h.Network, h.Address)
				}
				return c.print(orEmpty(all), t)
			}),
		},
	)
	tenantFlag(cmd, &tenant)
	regionFlag(cmd, c)
	return cmd
}
