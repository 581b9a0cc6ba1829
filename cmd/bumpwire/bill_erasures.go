package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newErasures(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "erasures", Short: "List when people's names were erased, as metering.retain_names says", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			all, err := a.Erasures(ctx)
			if err != nil {
				return err
			}
			t := table{head: []string{"AT", "OLDER THAN", "INSTANCES", "CREDITS", "KEPT"}}
			for _, e := range all {
				t.add(e.At, e.Before, e.Instances, e.Credits, e.Kept)
			}
			return c.print(orEmpty(all), t)
		}),
	}
}
