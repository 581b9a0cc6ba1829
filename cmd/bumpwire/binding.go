package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newBinding(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "binding", Short: "Bindings: access to an instance, and further networks"},
		newBindingCreate(c), newBindingRotate(c), newBindingDelete(c),
		&cobra.Command{
			Use: "show INSTANCE BINDING", Short: "Show a binding and its credentials", Args: exactly("an instance", "a binding"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				b, err := a.Binding(ctx, args[0], args[1])
				return c.printBinding(b, err)
			}),
		},
	)
}

func newBindingCreate(c *cli) *cobra.Command {
	var n api.NewBinding
	var network, side string
	var w steering
	var at position
	var wait bool
	cmd := &cobra.Command{
		Use: "create INSTANCE", Short: "Create a binding; with --network it also stitches that network", Args: exactly("an instance"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			var err error
			if n.Parameters, err = bindParameters(network, side, at, w); err != nil {
				return err
			}
			return c.bind(ctx, a, args[0], n, wait)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&n.ID, "id", "", "the binding's id; empty: made up")
	f.StringVar(&network, "network", "", "one more tenant network to protect")
	f.StringVar(&side, "side", "", "of a symmetric service: the side that the network is on")
	at.flags(cmd)
	matchFlag(cmd, &w.match)
	failureFlag(cmd, &w.failure)
	f.BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}

func newBindingRotate(c *cli) *cobra.Command {
	var n api.NewBinding
	var wait bool
	cmd := &cobra.Command{
		Use: "rotate INSTANCE BINDING", Short: "Create a binding with new credentials beside an old one's; delete that when nobody uses it any more", Args: exactly("an instance", "a binding"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			n.Predecessor = args[1]
			return c.bind(ctx, a, args[0], n, wait)
		}),
	}
	cmd.Flags().StringVar(&n.ID, "id", "", "the new binding's id; empty: made up")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}

// bind asks for a binding and shows it, or the change that makes it.
func (c *cli) bind(ctx context.Context, a *api.Client, instance string, n api.NewBinding, wait bool) error {
	accepted, err := a.CreateBinding(ctx, instance, n)
	if err != nil {
		return err
	}
	if accepted.Change != "" && !wait {
		return c.print(accepted, facts("instance", accepted.Instance, "binding", accepted.Binding, "change", accepted.Change))
	}
	if err := c.follow(ctx, func(ctx context.Context) (api.Operation, error) {
		return a.BindingOperation(ctx, instance, accepted.Binding)
	}); err != nil {
		return err
	}
	b, err := a.Binding(ctx, instance, accepted.Binding)
	return c.printBinding(b, err)
}

func bindParameters(network, side string, at position, w steering) (json.RawMessage, error) {
	p := map[string]any{}
	if err := w.add(p); err != nil {
		return nil, err
	}
	if network != "" {
		p["network"] = network
	}
	if side != "" {
		p["side"] = side
	}
	at.add(p)
	if len(p) == 0 {
		return nil, nil
	}
	return json.Marshal(p)
}

func newBindingDelete(c *cli) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "delete INSTANCE BINDING", Short: "Delete a binding and the stitch it made", Args: exactly("an instance", "a binding"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			accepted, err := a.DeleteBinding(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			if wait && accepted.Change != "" {
				if err := c.follow(ctx, func(ctx context.Context) (api.Operation, error) {
					return a.BindingOperation(ctx, args[0], args[1])
				}); err != nil {
					return err
				}
			}
			return c.print(accepted, facts("instance", accepted.Instance, "binding", accepted.Binding, "change", accepted.Change))
		}),
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	return cmd
}

func (c *cli) printBinding(b api.Binding, err error) error {
	if err != nil {
		return err
	}
	var given api.Credentials
	if b.Credentials != nil {
		given = *b.Credentials
	}
	return c.print(b, facts("binding", b.ID, "instance", b.Instance, "state", b.State, "network", b.Network, "match", b.Match,
		"uri", given.URI, "username", given.Username, "password", given.Password, "expires", b.Expires))
}
