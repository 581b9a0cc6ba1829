package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newBillPreview(c *cli) *cobra.Command {
	var whose api.BillFilter
	var by string
	cmd := &cobra.Command{
		Use: "preview", Short: "Show what a tenant's or a vendor's next statement would have by what is metered so far", Args: exactly(),
		Long: `Show what a tenant's or a vendor's next statement would have by what is metered so far, and what it comes to
if all goes on until the end of its period; with --by their sums by dimension and what is asked for. Nothing is issued.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			p, err := a.PreviewStatement(ctx, whose, by)
			if err != nil {
				return err
			}
			return c.printPreview(p)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&whose.Tenant, "tenant", "", "whose; a tenant's user need not say")
	f.StringVar(&whose.Vendor, "vendor", "", "or which vendor's; a vendor's user need not say")
	f.StringVar(&by, "by", "", "sum by dimension and any of tenant, vendor, service, instance, plan, region, with commas between")
	return cmd
}

func (c *cli) printPreview(p api.StatementPreview) error {
	if c.output == "json" {
		return c.printJSON(p)
	}
	c.say("next statement for %s, from %s until %s, by what is metered until %s",
		harmless(cmp.Or(p.Vendor, string(p.Tenant))), text(p.Period.Start), text(p.Period.End), text(p.Until))
	if p.Sums == nil {
		if err := c.printLines(p.Lines, p.Totals); err != nil {
			return err
		}
	} else if err := c.printSums(p); err != nil {
		return err
	}
	for _, total := range p.Forecast {
		c.say("forecast: %s", money(total.Amount, total.Currency))
	}
	return nil
}

func (c *cli) printSums(p api.StatementPreview) error {
	t := table{head: []string{"TENANT", "VENDOR", "SERVICE", "INSTANCE", "PLAN", "REGION", "DIMENSION", "AMOUNT", "FORECAST"}}
	for _, s := range p.Sums {
		t.add(s.Tenant, s.Vendor, s.Service, s.Instance, s.Plan, s.Region, s.Dimension, money(s.Amount, s.Currency), money(s.Forecast, s.Currency))
	}
	if err := c.print(p.Sums, t); err != nil {
		return err
	}
	c.sayTotals(p.Totals)
	return nil
}
