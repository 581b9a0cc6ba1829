package main

import (
	"context"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func newTax(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "tax", Short: "Taxes on statements"}, newTaxSet(c), &cobra.Command{
		Use: "list", Short: "List the taxes on statements", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			return c.printTaxes(a.Taxes(ctx))
		}),
	})
}

func newTaxSet(c *cli) *cobra.Command {
	var tenant, from string
	cmd := &cobra.Command{
		Use: "set NAME PERCENT", Short: "Have tenants' statements taxed, from a billing period on", Args: exactly("a name", "a percentage"),
		Long: `Have tenants' statements taxed, from the first billing period on that does not begin before the tax, until the
next one of the same name. 0 ends it. What was issued stays as it is.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			percent, err := decimal.NewFromString(args[1])
			if err != nil {
				return fault.New(fault.Invalid, "%q is not a decimal number", args[1])
			}
			n := api.Tax{Name: args[0], Tenant: topology.TenantID(tenant), Percent: percent}
			if n.From, err = moment(from); err != nil {
				return err
			}
			set, err := a.SetTax(ctx, n)
			return c.printTaxes([]api.Tax{set}, err)
		}),
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "of this tenant only, before that of all")
	cmd.Flags().StringVar(&from, "from", "", "moment it begins, as 2026-01-31T00:00:00Z; empty: with the billing period in hand")
	return cmd
}

func (c *cli) printTaxes(all []api.Tax, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"TAX", "TENANT", "FROM", "RATE"}}
	for _, x := range all {
		t.add(x.Name, x.Tenant, x.From, x.Percent.String()+" %")
	}
	return c.print(orEmpty(all), t)
}
