package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newPlan(c *cli) *cobra.Command {
	var format string
	var w wanted
	create := &cobra.Command{
		Use: "create SERVICE", Short: "What creating an instance would do", Args: exactly("a service"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			n, err := w.request(args[0])
			if err != nil {
				return err
			}
			return c.preview(ctx, a, format, api.PreviewRequest{Create: &n})
		}),
	}
	w.flags(create)
	var p inserted
	insert := &cobra.Command{
		Use: "insert", Short: "What inserting a service that the provider manages would do", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			n, err := p.request()
			if err != nil {
				return err
			}
			return c.preview(ctx, a, format, api.PreviewRequest{Insert: &n})
		}),
	}
	p.flags(insert)
	var u changed
	update := &cobra.Command{
		Use: "update INSTANCE", Short: "What updating an instance would do", Args: exactly("an instance"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			request, err := u.request()
			if err != nil {
				return err
			}
			return c.preview(ctx, a, format, api.PreviewRequest{Update: &api.UpdateTrial{Instance: args[0], InstanceUpdate: request}})
		}),
	}
	u.flags(update)
	var binding string
	remove := &cobra.Command{
		Use: "delete INSTANCE", Short: "What deleting an instance, or one of its bindings, would do", Args: exactly("an instance"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			return c.preview(ctx, a, format, api.PreviewRequest{Delete: &api.Removal{Instance: args[0], Binding: binding}})
		}),
	}
	remove.Flags().StringVar(&binding, "binding", "", "delete only this binding")
	return offline(c, &format, group(&cobra.Command{Use: "plan", Short: "What a request would do, step by step, before it does it"}, create, insert, update, remove))
}
