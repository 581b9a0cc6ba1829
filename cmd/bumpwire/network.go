package main

import (
	"context"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newNetwork(c *cli) *cobra.Command {
	var tenant, name string
	var gateways []string
	create := &cobra.Command{
		Use: "create NETWORK CIDR...", Short: "Make a tenant network with its gateway", Args: atLeast("a network", "an address range"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			n := api.Network{ID: args[0], Name: name, CIDR: args[1]}
			for _, cidr := range args[2:] {
				n.More = append(n.More, api.Range{CIDR: cidr})
			}
			for _, g := range gateways {
				switch address, err := netip.ParseAddr(g); {
				case err != nil:
					n.Gateways = append(n.Gateways, g)
				case n.Gateway.IsValid():
					return fault.New(fault.Invalid, "the gateway's address is given twice: %s and %s", n.Gateway, address)
				default:
					n.Gateway = address
				}
			}
			made, err := a.CreateNetwork(ctx, tenant, n)
			if err != nil {
				return err
			}
			return c.print(made, facts("network", made.ID, "name", made.Name, "cidr", ranges(made), "gateway", made.Gateway,
				"gateways", strings.Join(made.Gateways, ", ")))
		}),
	}
	create.Flags().StringSliceVar(&gateways, "gateway", nil, "the tenant's gateway that it is plugged into, by name, several for several, the hosts' first; and the address of that in the first range, if it is not the range's first")
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
				t := table{head: []string{"NETWORK", "NAME", "CIDR", "GATEWAY", "OF"}}
				for _, n := range all {
					t.add(n.ID, n.Name, ranges(n), n.Gateway, strings.Join(n.Gateways, ", "))
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
	regionFlag(cmd, c)
	return cmd
}

// ranges are the address ranges of a network.
func ranges(n api.Network) string {
	text := n.CIDR
	for _, r := range n.More {
		text += ", " + r.CIDR
	}
	return text
}

// regionFlag says where, for the commands under a command too.
func regionFlag(cmd *cobra.Command, c *cli) {
	cmd.PersistentFlags().StringVar(&c.region, "region", "", "the region, of a broker that has several; empty: the first")
}

// tenantFlag says whose; it holds for the command and those under it.
func tenantFlag(cmd *cobra.Command, tenant *string) {
	cmd.PersistentFlags().StringVar(tenant, "tenant", "default", "the tenant")
}
