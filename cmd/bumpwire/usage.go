package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

// between are the flags that narrow usage and bills.
type between struct {
	tenant, instance, from, to string
}

func (b *between) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.tenant, "tenant", "", "only this tenant's")
	f.StringVar(&b.instance, "instance", "", "only this instance's")
	f.StringVar(&b.from, "from", "", "only what starts then or later, as 2026-01-31T00:00:00Z")
	f.StringVar(&b.to, "to", "", "only what starts before then")
}

func (b *between) filter() (f api.BillFilter, err error) {
	f.Tenant, f.Instance = b.tenant, b.instance
	if f.From, err = moment(b.from); err != nil {
		return f, err
	}
	f.To, err = moment(b.to)
	return f, err
}

func newUsage(c *cli) *cobra.Command {
	var b between
	cmd := &cobra.Command{
		Use: "usage", Short: "Metered usage of closed windows", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			f, err := b.filter()
			if err != nil {
				return err
			}
			all, err := a.Usage(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"START", "END", "TENANT", "INSTANCE", "DIMENSION", "SECONDS"}}
			for _, u := range all {
				t.add(u.Window.Start, u.Window.End, u.Tenant, u.Instance, u.Dimension, u.Seconds)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	b.flags(cmd)
	return cmd
}
