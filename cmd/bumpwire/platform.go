package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newPlatform(c *cli) *cobra.Command {
	var tenant string
	add := &cobra.Command{
		Use: "add NAME", Short: "Add an OSB platform; its password is shown once", Args: exactly("a name"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			s, err := a.AddPlatform(ctx, api.NewPlatform{Name: args[0], Tenant: tenant})
			return c.printSecret(s, err)
		}),
	}
	add.Flags().StringVar(&tenant, "tenant", "", "all its instances belong to this tenant, whatever their context says")
	return group(&cobra.Command{Use: "platform", Short: "OSB platforms and their credentials"},
		add,
		&cobra.Command{
			Use: "list", Short: "List platforms", Args: exactly(),
			RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
				all, err := a.Platforms(ctx)
				if err != nil {
					return err
				}
				t := table{head: []string{"NAME", "TENANT", "CREATED", "ROTATED"}}
				for _, p := range all {
					t.add(p.Name, p.Tenant, p.Created, p.Rotated)
				}
				return c.print(orEmpty(all), t)
			}),
		},
		&cobra.Command{
			Use: "rotate NAME", Short: "Give a platform a new password; the one before stays valid until the next rotation", Args: exactly("a platform"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				s, err := a.RotatePlatform(ctx, args[0])
				return c.printSecret(s, err)
			}),
		},
		&cobra.Command{
			Use: "remove NAME", Short: "Make a platform's credentials invalid; its instances stay", Args: exactly("a platform"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				return c.done(a.RemovePlatform(ctx, args[0]), "platform %s was removed", args[0])
			}),
		},
	)
}

func (c *cli) printSecret(s api.Secret, err error) error {
	if err != nil {
		return err
	}
	return c.print(s, facts("name", s.Name, "password", s.Password, "token", s.Token))
}

// done says what happened, or why not.
func (c *cli) done(err error, format string, args ...any) error {
	if err == nil {
		c.say(format, args...)
	}
	return err
}
