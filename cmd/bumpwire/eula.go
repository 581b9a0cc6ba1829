package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newEULA(c *cli) *cobra.Command {
	var tenant string
	cmd := group(&cobra.Command{
		Use: "eula", Short: "Licences of services, and what tenants have accepted",
		Long: `Licences of services, and what tenants have accepted.

An instance is made once every licence of its package is accepted, each by the
digest of its text: for that instance in the parameter accept_eulas, or for all
instances of a tenant with "eula accept".`,
	},
		newEULAList(c, &tenant),
		&cobra.Command{
			Use: "show DIGEST", Short: "Print a licence", Args: exactly("a digest"),
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				text, err := a.EULAText(ctx, args[0])
				if err != nil {
					return err
				}
				if c.output == "json" {
					return c.printJSON(map[string]string{"digest": args[0], "text": text})
				}
				for line := range strings.Lines(text) {
					fmt.Fprintln(c.out, harmless(strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    ")))
				}
				return nil
			}),
		},
		&cobra.Command{
			Use: "accept DIGEST...", Short: "Accept licences for all instances of a tenant",
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) == 0 {
					return fault.New(fault.Invalid, `"bumpwire eula accept" needs a digest; "bumpwire eula list SERVICE" shows them`)
				}
				return nil
			},
			RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
				all, err := a.Accept(ctx, api.NewAcceptance{Tenant: tenant, Digests: args})
				return c.printAcceptances(all, err)
			}),
		},
		&cobra.Command{
			Use: "accepted", Short: "List what a tenant has accepted for all its instances", Args: exactly(),
			RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
				all, err := a.Acceptances(ctx, tenant)
				return c.printAcceptances(all, err)
			}),
		},
	)
	cmd.PersistentFlags().StringVar(&tenant, "tenant", "", "the tenant; a tenant's user may leave it out")
	return cmd
}

// eulaFlag takes licences that are accepted for one instance.
func eulaFlag(cmd *cobra.Command, digests *[]string) {
	cmd.Flags().StringSliceVar(digests, "accept-eula", nil, "digest of a licence that is accepted; may be given more than once")
}

func newEULAList(c *cli, tenant *string) *cobra.Command {
	return &cobra.Command{
		Use: "list SERVICE", Short: "List the licences that new instances of a service need accepted", Args: exactly("a service"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			all, err := a.EULAs(ctx, args[0], *tenant)
			if err != nil {
				return err
			}
			t := table{head: []string{"DIGEST", "TITLE", "ACCEPTED", "BY"}}
			for _, e := range all {
				if e.Accepted == nil {
					t.add(e.Digest, e.Title, "", "")
					continue
				}
				t.add(e.Digest, e.Title, e.Accepted.At, e.Accepted.By)
			}
			return c.print(orEmpty(all), t)
		}),
	}
}

func (c *cli) printAcceptances(all []api.Acceptance, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"DIGEST", "TENANT", "ACCEPTED", "BY"}}
	for _, a := range all {
		t.add(a.Digest, a.Tenant, a.At, a.By)
	}
	return c.print(orEmpty(all), t)
}

// eulaNames are licences for people: the title, and the digest to accept it by.
func eulaNames(eulas []catalog.EULA) []string {
	var names []string
	for _, e := range eulas {
		names = append(names, fmt.Sprintf("%s (%s)", e.Title, e.Digest))
	}
	return names
}
