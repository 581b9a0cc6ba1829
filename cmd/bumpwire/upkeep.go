package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newInstanceBypass(c *cli) *cobra.Command {
	return c.upkeep("bypass", "Have traffic get past an instance until it is restored", nil, (*api.Client).BypassInstance)
}

func newInstanceRestore(c *cli) *cobra.Command {
	return c.upkeep("restore", "End a bypass, at once or as soon as the appliance forwards", nil, (*api.Client).RestoreInstance)
}

func newInstanceRespin(c *cli) *cobra.Command {
	member := -1
	flags := func(cmd *cobra.Command) {
		cmd.Flags().IntVar(&member, "member", -1, "which of several appliances, from 0; left out: those that do not answer")
	}
	return c.upkeep("respin", "Boot an appliance anew on the same legs; traffic leaves it first where it can", flags,
		func(a *api.Client, ctx context.Context, id string) (api.Accepted, error) {
			r := api.Respin{Member: &member}
			if member == -1 {
				r.Member = nil
			}
			return a.RespinInstance(ctx, id, r)
		})
}

func newInstanceSuspend(c *cli) *cobra.Command {
	return c.suspension("suspend", "Have traffic get past an instance, and nothing be changed or mended, until it is resumed", (*api.Client).SuspendInstance)
}

func newInstanceResume(c *cli) *cobra.Command {
	return c.suspension("resume", "End a suspension", (*api.Client).ResumeInstance)
}

func (c *cli) suspension(verb, short string, ask func(*api.Client, context.Context, string, api.Suspension) (api.Accepted, error)) *cobra.Command {
	var s api.Suspension
	flags := func(cmd *cobra.Command) {
		cmd.Flags().StringVar(&s.Reason, "reason", "", "why, for the instance's history, which its tenant sees")
	}
	return c.upkeep(verb, short, flags, func(a *api.Client, ctx context.Context, id string) (api.Accepted, error) {
		return ask(a, ctx, id, s)
	})
}

// upkeep is a command about the appliances of an instance.
func (c *cli) upkeep(verb, short string, flags func(*cobra.Command), ask func(*api.Client, context.Context, string) (api.Accepted, error)) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: verb + " INSTANCE", Short: short, Args: exactly("an instance"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			accepted, err := ask(a, ctx, args[0])
			if err != nil {
				return err
			}
			if !wait {
				return c.print(accepted, facts("instance", accepted.Instance, "change", accepted.Change))
			}
			if err := c.follow(ctx, func(ctx context.Context) (api.Operation, error) {
				i, err := a.Instance(ctx, args[0])
				return i.Upkeep, err
			}); err != nil {
				return err
			}
			i, err := a.Instance(ctx, args[0])
			return c.printInstance(i, err)
		}),
	}
	if flags != nil {
		flags(cmd)
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}
