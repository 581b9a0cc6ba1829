package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newEvents(c *cli) *cobra.Command {
	var instance string
	cmd := &cobra.Command{
		Use: "events", Short: "What happened to instances, the oldest first", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			all, err := a.Events(ctx, instance)
			if err != nil {
				return err
			}
			t := table{head: []string{"AT", "TENANT", "INSTANCE", "STATE", "HEALTH", "WHAT", "BY", "FOR", "REQUEST"}}
			for _, e := range all {
				t.add(e.At, e.Tenant, e.Name, e.State, e.Health, e.Message, e.By, e.For, e.Request)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	cmd.Flags().StringVar(&instance, "instance", "", "only this one, by id; deleted ones too")
	return cmd
}
