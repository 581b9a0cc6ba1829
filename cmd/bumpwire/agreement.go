package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newAgreement(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "agreement", Short: "What share vendors get of what their services bring"}, newAgreementSet(c), newAgreementList(c))
}

func newAgreementSet(c *cli) *cobra.Command {
	var service, from string
	cmd := &cobra.Command{
		Use: "set VENDOR SHARE", Short: "Agree on a vendor's share, from a billing period on", Args: exactly("a vendor", "a share"),
		Long: `Agree on the share that a vendor gets of every line of its services, from the first billing period on
that does not begin before the agreement. SHARE is a fraction such as 1/3, or percents such as 30%. What is
left is the operator's. Every line is shared to the last digit: what no party gets by
rounding down goes to the larger remainder, and of equal ones to the vendor.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			share, err := fraction(args[1])
			if err != nil {
				return err
			}
			n := api.Agreement{Vendor: args[0], Service: catalog.ServiceID(service), Share: share}
			if n.From, err = moment(from); err != nil {
				return err
			}
			set, err := a.SetAgreement(ctx, n)
			return c.printAgreements([]api.Agreement{set}, err)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&service, "service", "", "of this service only, by id or name; empty: of all that have no agreement of their own")
	f.StringVar(&from, "from", "", "moment it begins, as 2026-01-31T00:00:00Z; empty: with the billing period in hand")
	return cmd
}

func newAgreementList(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List agreements with vendors", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			return c.printAgreements(a.Agreements(ctx))
		}),
	}
}

func (c *cli) printAgreements(all []api.Agreement, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"VENDOR", "SERVICE", "FROM", "SHARE"}}
	for _, a := range all {
		t.add(a.Vendor, a.Service, a.From, fmt.Sprintf("%d/%d", a.Share.Numerator, a.Share.Denominator))
	}
	return c.print(orEmpty(all), t)
}

// fraction reads 1/3 or 30%.
func fraction(text string) (api.Fraction, error) {
	over, under, ok := strings.Cut(text, "/")
	if percent, is := strings.CutSuffix(text, "%"); is {
		over, under, ok = percent, "100", true
	}
	n, first := strconv.Atoi(over)
	d, second := strconv.Atoi(under)
	if !ok || first != nil || second != nil || d < 1 || n < 0 || n > d {
		return api.Fraction{}, fault.New(fault.Invalid, "%q is not a share such as 1/3 or 30%%", text)
	}
	return api.Fraction{Numerator: n, Denominator: d}, nil
}

func newSettlement(c *cli) *cobra.Command {
	var b between
	cmd := &cobra.Command{
		Use: "settlement", Short: "What vendors' services brought, what the vendors get, and what is kept", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			f, err := b.filter()
			if err != nil {
				return err
			}
			all, err := a.Settlements(ctx, f)
			if err != nil {
				return err
			}
			t := table{head: []string{"VENDOR", "BILLED", "SHARED", "KEPT", "TAXES"}}
			for _, s := range all {
				t.add(s.Vendor, money(s.Billed, s.Currency), money(s.Shared, s.Currency), money(s.Kept, s.Currency), money(s.Taxes, s.Currency))
			}
			return c.print(orEmpty(all), t)
		}),
	}
	cmd.Flags().StringVar(&b.from, "from", "", "only statements of periods that start then or later, as 2026-01-31T00:00:00Z")
	cmd.Flags().StringVar(&b.to, "to", "", "only of periods that start before then")
	return cmd
}
