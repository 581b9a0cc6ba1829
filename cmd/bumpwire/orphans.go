package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newInstanceOrphans(c *cli) *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use: "orphans", Short: "Find cloud resources and records without each other",
		Long: `Compare what is in the cloud with the records, tenant by tenant.

Printed is what would mend each difference: things that nobody has a record of are
removed, things that a record misses are made. With --repair a change does so for
each tenant, after everything that was asked for before. A tenant for whom changes
are in progress is not compared.`,
		Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			find := a.Orphans
			if repair {
				find = a.RepairOrphans
			}
			found, err := find(ctx)
			if err != nil {
				return err
			}
			t := table{head: []string{"TENANT", "WHAT", "STEP", "REPAIR"}}
			for _, d := range found {
				tenant := cmp.Or(d.Tenant, "(nobody)") + inRegion(d.Region)
				if d.Busy {
					t.add(tenant, "busy", "changes are in progress", "")
				}
				for _, what := range d.Leftover {
					t.add(tenant, "leftover", what, d.Repair)
				}
				for _, what := range d.Missing {
					t.add(tenant, "missing", what, d.Repair)
				}
			}
			return c.print(orEmpty(found), t)
		}),
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "mend what is found")
	return cmd
}
