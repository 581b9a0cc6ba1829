package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
)

func newUser(c *cli) *cobra.Command {
	var u api.NewUser
	var role string
	add := &cobra.Command{
		Use: "add NAME", Short: "Add a user; its password is shown once", Args: exactly("a name"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			u.Name, u.Role = args[0], api.Role(role)
			s, err := a.AddUser(ctx, u)
			return c.printSecret(s, err)
		}),
	}
	add.Flags().StringVar(&role, "role", string(api.Operator), "operator, vendor or tenant")
	add.Flags().StringVar(&u.Vendor, "vendor", "", "of a vendor's user: which")
	add.Flags().StringVar(&u.Tenant, "tenant", "", "of a tenant's user: which")
	return group(&cobra.Command{Use: "user", Short: "Users of the management API, this command line and the console"},
		add,
		&cobra.Command{
			Use: "list", Short: "List users", Args: exactly(),
			RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
				all, err := a.Users(ctx)
				if err != nil {
					return err
				}
				t := table{head: []string{"NAME", "ROLE", "VENDOR", "TENANT", "CREATED"}}
				for _, u := range all {
					t.add(u.Name, u.Role, u.Vendor, u.Tenant, u.Created)
				}
				return c.print(orEmpty(all), t)
			}),
		},
		&cobra.Command{
			Use: "remove NAME", Short: "Make a user's credentials invalid", Args: exactly("a user"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				return c.done(a.RemoveUser(ctx, args[0]), "user %s was removed", args[0])
			}),
		},
	)
}
