package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newTopologyDrift(c *cli, tenant *string) *cobra.Command {
	var repair bool
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use: "drift", Short: "Compare the cloud with what should be there",
		Long: `Compare what is in the cloud with what should be there: for the tenant of
--tenant, or for all without it, which are those of all regions. Told is what is missing, what is plugged into the wrong network,
what should not be there, and what would repair it. A tenant for whom changes are in
progress is not compared. With --repair a change does what would repair it, after
everything that was asked for before.

The broker does the same on a schedule: provision.reconcile in its configuration.`,
		Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			which := *tenant
			if !cmd.Flags().Changed("tenant") {
				which = ""
			}
			if which == "" && c.region != "" {
				return fault.New(fault.Invalid, "--region is of one tenant: say whose with --tenant")
			}
			found, err := driftOf(ctx, a, which, repair)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(orEmpty(found))
			}
			if len(found) == 0 {
				c.say("everything is as it should be")
			}
			for _, d := range found {
				c.printDrift(d)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "repair what is found")
	return cmd
}

// driftOf asks about one tenant, or about all.
func driftOf(ctx context.Context, a *api.Client, tenant string, repair bool) ([]api.Drift, error) {
	switch {
	case tenant == "" && repair:
		return a.RepairDrifts(ctx)
	case tenant == "":
		return a.Drifts(ctx)
	}
	ask := a.Drift
	if repair {
		ask = a.RepairDrift
	}
	d, err := ask(ctx, tenant)
	if err != nil || !d.Busy && len(d.Differences)+len(d.Steps) == 0 && d.Obstacle == "" {
		return nil, err
	}
	return []api.Drift{d}, nil
}

// inRegion says a region, where the broker has several.
func inRegion(name string) string {
	if name == "" {
		return ""
	}
	return " in region " + harmless(name)
}

func (c *cli) printDrift(d api.Drift) {
	if d.Busy {
		fmt.Fprintf(c.out, "tenant %s: changes are in progress, so nothing was compared\n", harmless(d.Tenant)+inRegion(d.Region))
		return
	}
	fmt.Fprintf(c.out, "tenant %s is not as it should be", harmless(d.Tenant)+inRegion(d.Region))
	if !d.Since.IsZero() {
		fmt.Fprintf(c.out, " (first seen %s)", text(d.Since))
	}
	fmt.Fprintln(c.out, ":")
	for _, x := range d.Differences {
		fmt.Fprintf(c.out, "  - %s\n", harmless(x.Text))
	}
	if d.Failed != "" {
		fmt.Fprintf(c.out, "%s\n", harmless(d.Failed))
	}
	switch {
	case d.Obstacle != "":
		fmt.Fprintf(c.out, "it cannot be repaired: %s\n", harmless(d.Obstacle))
		return
	case d.Repair != "":
		fmt.Fprintf(c.out, "change %s repairs it:\n", d.Repair)
	default:
		fmt.Fprintln(c.out, "a repair would:")
	}
	for n, step := range d.Steps {
		fmt.Fprintf(c.out, "%3d. %s\n", n+1, harmless(step))
	}
}
