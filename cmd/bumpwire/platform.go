package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newPlatform(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "platform", Short: "OSB platforms: credentials, what they see and may have"},
		newPlatformAdd(c),
		newPlatformUpdate(c),
		&cobra.Command{
			Use: "list", Short: "List platforms", Args: exactly(),
			RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
				all, err := a.Platforms(ctx)
				if err != nil {
					return err
				}
				t := table{head: []string{"NAME", "TENANT", "SERVICES", "QUOTA", "CREATED", "ROTATED"}}
				for _, p := range all {
					t.add(p.Name, tenantText(p.PlatformRules), servicesText(p.Services), quotaText(p.Quota), p.Created, p.Rotated)
				}
				return c.print(orEmpty(all), t)
			}),
		},
		&cobra.Command{
			Use: "show NAME", Short: "Show a platform and its rules", Args: exactly("a platform"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				return c.printPlatform(a.Platform(ctx, args[0]))
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

func newPlatformAdd(c *cli) *cobra.Command {
	var r api.PlatformRules
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add an OSB platform; its password is shown once", Args: exactly("a name"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			s, err := a.AddPlatform(ctx, api.NewPlatform{Name: args[0], PlatformRules: r})
			return c.printSecret(s, err)
		}),
	}
	ruleFlags(cmd, &r)
	return cmd
}

func newPlatformUpdate(c *cli) *cobra.Command {
	var r api.PlatformRules
	cmd := &cobra.Command{
		Use: "update NAME", Short: "Change a platform's rules: those whose flags are given; what it has already stays", Args: exactly("a platform"),
		Example: "  bumpwire platform update cf --service firewall/small --max-instances 50\n" +
			"  bumpwire platform update cf --service '' --max-instances 0    # no restriction any more",
	}
	ruleFlags(cmd, &r)
	cmd.RunE = c.call(func(ctx context.Context, a *api.Client, args []string) error {
		p, err := a.Platform(ctx, args[0])
		if err != nil {
			return err
		}
		if cmd.Flags().NFlag() == 0 {
			return fault.New(fault.Invalid, "nothing to change: give a flag, see bumpwire platform update --help")
		}
		for _, f := range rules {
			if cmd.Flags().Changed(f.flag) {
				f.carry(&r, &p.PlatformRules)
			}
		}
		return c.printPlatform(a.SetPlatformRules(ctx, args[0], p.PlatformRules))
	})
	return cmd
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
