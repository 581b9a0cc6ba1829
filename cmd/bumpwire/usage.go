package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

// between are the flags that narrow usage and bills.
type between struct {
	tenant, vendor, instance, from, to string
}

func (b *between) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.tenant, "tenant", "", "only this tenant's")
	f.StringVar(&b.vendor, "vendor", "", "only of this vendor's services")
	f.StringVar(&b.instance, "instance", "", "only this instance's")
	f.StringVar(&b.from, "from", "", "only what starts then or later, as 2026-01-31T00:00:00Z")
	f.StringVar(&b.to, "to", "", "only what starts before then")
}

func (b *between) filter() (f api.BillFilter, err error) {
	f.Tenant, f.Vendor, f.Instance = b.tenant, b.vendor, b.instance
	if f.From, err = moment(b.from); err != nil {
		return f, err
	}
	f.To, err = moment(b.to)
	return f, err
}

func newUsage(c *cli) *cobra.Command {
	var b between
	var by string
	cmd := &cobra.Command{
		Use: "usage", Short: "Metered usage of closed windows", Args: exactly(),
		Long: `Metered usage of closed windows: its records, or with --by their sums by dimension and what is asked
for, with what was billed for them; from the beginning of the billing month, in the
tenant's time zone or else the operator's, unless --from says otherwise.
What that comes to on the statement, and at the end of the month, is told by "bill preview".`,
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			f, err := b.filter()
			if err != nil {
				return err
			}
			if by != "" {
				return c.printUsage(a.UsageSummary(ctx, f, by))
			}
			all, err := a.Usage(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"START", "END", "TENANT", "INSTANCE", "DIMENSION", "SECONDS", "QUANTITY"}}
			for _, u := range all {
				t.add(u.Window.Start, u.Window.End, u.Tenant, u.Instance, u.Dimension, u.Seconds, u.Quantity)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	b.flags(cmd)
	cmd.Flags().StringVar(&by, "by", "", "sum by dimension and any of tenant, vendor, service, instance, plan, region, with commas between")
	cmd.AddCommand(newUsageKey(c), newUsageEvent(c))
	return cmd
}

func (c *cli) printUsage(s api.UsageSummary, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"TENANT", "VENDOR", "SERVICE", "INSTANCE", "PLAN", "REGION", "DIMENSION", "QUANTITY", "UNIT", "BILLED"}}
	for _, i := range s.Items {
		var billed []string
		for _, m := range i.Amounts {
			billed = append(billed, m.Amount.String()+" "+m.Currency)
		}
		t.add(i.Tenant, i.Vendor, i.Service, i.Instance, i.Plan, i.Region, i.Dimension, i.Quantity, i.Unit, strings.Join(billed, " + "))
	}
	return c.print(s, t)
}

func newUsageKey(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "key INSTANCE", Short: "Show the key with which an instance's appliance signs what it reports", Args: exactly("an instance"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			k, err := a.UsageKey(ctx, args[0])
			if err != nil {
				return err
			}
			return c.print(k, facts("instance", k.Instance, "key", k.Key))
		}),
	}
}

func newUsageEvent(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "event INSTANCE EVENT", Short: "Show what became of an event that an appliance reported", Args: exactly("an instance", "an event"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			e, err := a.UsageEvent(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			return c.print(e, facts("event", e.ID, "dimension", e.Dimension, "quantity", e.Quantity, "time", e.Time, "received", e.Received,
				"plan", e.Plan, "window", e.Window.Start, "counted", e.Counted, "usage records", strings.Join(e.Usage, " ")))
		}),
	}
}
