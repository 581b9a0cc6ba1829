package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newBillPreview(c *cli) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use: "preview", Short: "Show what a tenant's next statement would have by what is metered so far", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			p, err := a.PreviewStatement(ctx, tenant)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(p)
			}
			c.say("next statement for %s, from %s until %s, by what is metered until %s",
				harmless(string(p.Tenant)), text(p.Period.Start), text(p.Period.End), text(p.Until))
			if err := c.printLines(p.Lines, p.Totals); err != nil {
				return err
			}
			for _, total := range p.Forecast {
				c.say("forecast: %s", money(total.Amount, total.Currency))
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "whose; a tenant's user need not say")
	return cmd
}
