package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newHealth(c *cli) *cobra.Command {
	var unwell bool
	cmd := &cobra.Command{
		Use: "health", Short: "How the broker and the instances are doing", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			o, err := a.Health(ctx, unwell)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return c.printJSON(o)
			}
			if err := c.print(o, facts("status", o.Status, "version", o.Version, "cloud", o.Cloud, "unwell", counted(o.Unwell))); err != nil {
				return err
			}
			for _, p := range o.Problems {
				fmt.Fprintln(c.out, "problem: "+harmless(p))
			}
			if len(o.Instances) == 0 {
				return nil
			}
			fmt.Fprintln(c.out)
			t := table{head: []string{"INSTANCE", "NAME", "TENANT", "STATE", "HEALTH", "SINCE", "DETAIL"}}
			for _, i := range o.Instances {
				t.add(i.ID, i.Name, i.Tenant, i.State, i.Status, i.Since, i.Detail)
			}
			return c.print(o, t)
		}),
	}
	cmd.Flags().BoolVar(&unwell, "unwell", false, "list only the instances that are degraded, failing or bypassed")
	return cmd
}

// counted are numbers by name, in the order of names.
func counted(numbers map[string]int) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		list = append(list, fmt.Sprintf("%d %s", numbers[name], name))
	}
	return strings.Join(list, ", ")
}
