package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newChange(c *cli) *cobra.Command {
	var status, reason string
	list := &cobra.Command{
		Use: "list", Short: "List changes, the newest first", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			all, err := a.Changes(ctx, status)
			if err != nil {
				return err
			}
			t := table{head: []string{"CREATED", "ID", "KIND", "TENANT", "INSTANCE", "STATUS", "REASON"}}
			for _, ch := range all {
				t.add(ch.Created, ch.ID, ch.Kind, ch.Tenant+inRegion(ch.Region), ch.Subject, ch.Status, ch.Reason)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	list.Flags().StringVar(&status, "status", "", "only those: queued, planning, doing, undoing, settling, done, undone, parked, abandoned")
	abandon := &cobra.Command{
		Use: "abandon CHANGE", Short: "Give a parked change up; what is left of it stays", Args: exactly("a change"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			ch, err := a.AbandonChange(ctx, args[0], reason)
			return c.printChange(ch, err)
		}),
	}
	abandon.Flags().StringVar(&reason, "reason", "given up by the operator", "why, for the record")
	return group(&cobra.Command{Use: "change", Short: "Durable work on tenants' networks"},
		list, abandon,
		&cobra.Command{
			Use: "show CHANGE", Short: "Show a change with its tasks", Args: exactly("a change"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				ch, err := a.Change(ctx, args[0])
				return c.printChange(ch, err)
			}),
		},
		&cobra.Command{
			Use: "retry CHANGE", Short: "Let a parked change go on", Args: exactly("a change"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				ch, err := a.RetryChange(ctx, args[0])
				return c.printChange(ch, err)
			}),
		},
	)
}

func (c *cli) printChange(ch api.Change, err error) error {
	if err != nil {
		return err
	}
	if c.output == "json" {
		return c.printJSON(ch)
	}
	if err := c.print(ch, facts("change", ch.ID, "kind", ch.Kind, "tenant", ch.Tenant, "region", ch.Region, "instance", ch.Subject, "status", ch.Status,
		"error", ch.Error, "reason", ch.Reason, "created", ch.Created, "finished", ch.Finished)); err != nil {
		return err
	}
	if len(ch.Tasks) == 0 {
		return nil
	}
	fmt.Fprintln(c.out)
	t := table{head: []string{"STEP", "STATUS", "WHAT", "NOTE"}}
	for n, task := range ch.Tasks {
		t.add(n+1, task.Status, task.Summary, task.Note+task.Error)
	}
	return c.print(ch, t)
}
