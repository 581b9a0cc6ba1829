package main

import (
	"cmp"
	"context"
	"crypto/rand"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func newCredit(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "credit", Short: "What tenants are given back"}, newCreditGrant(c), newCreditRefund(c), newCreditList(c))
}

func newCreditGrant(c *cli) *cobra.Command {
	var id, reason string
	cmd := &cobra.Command{
		Use: "grant TENANT AMOUNT CURRENCY", Short: "Grant a tenant an amount on its next statement", Args: exactly("a tenant", "an amount", "a currency"),
		Long: `Grant a tenant an amount, before taxes, as a line of its next statement. The operator bears it alone.
Who may have to say it again gives it an id: the same again changes nothing.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			amount, err := decimal.NewFromString(args[1])
			if err != nil {
				return fault.New(fault.Invalid, "%q is not a decimal number", args[1])
			}
			g, err := a.Grant(ctx, api.NewCredit{ID: cmp.Or(id, rand.Text()), Tenant: topology.TenantID(args[0]), Amount: amount, Currency: args[2], Reason: reason})
			return c.printCredits([]api.Credit{g}, err)
		}),
	}
	creditFlags(cmd, &id, &reason)
	return cmd
}

func newCreditRefund(c *cli) *cobra.Command {
	var id, reason, amount string
	cmd := &cobra.Command{
		Use: "refund STATEMENT LINE", Short: "Give a line of a statement back, or part of it", Args: exactly("a statement's number", "a line"),
		Long: `Give a line of a tenant's statement back, or part of it, as a line of the tenant's next statement. What is issued
stays as it is. The vendor's share of it goes back by the agreement that it was shared by.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			number, err := statementNumber(args[0])
			if err != nil {
				return err
			}
			n := api.NewCredit{ID: cmp.Or(id, rand.Text()), Statement: number, Line: args[1], Reason: reason}
			if amount != "" {
				if n.Amount, err = decimal.NewFromString(amount); err != nil {
					return fault.New(fault.Invalid, "%q is not a decimal number", amount)
				}
			}
			g, err := a.Grant(ctx, n)
			return c.printCredits([]api.Credit{g}, err)
		}),
	}
	creditFlags(cmd, &id, &reason)
	cmd.Flags().StringVar(&amount, "amount", "", "how much; empty: all that is left of the line")
	return cmd
}

func creditFlags(cmd *cobra.Command, id, reason *string) {
	cmd.Flags().StringVar(reason, "reason", "", "why, as the tenant is told")
	cmd.Flags().StringVar(id, "id", "", "the credit's id; empty: a new one")
}

func newCreditList(c *cli) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use: "list", Short: "List credits and refunds, and on which statements they are", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			return c.printCredits(a.Credits(ctx, tenant))
		}),
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "only this tenant's")
	return cmd
}

func (c *cli) printCredits(all []api.Credit, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"CREDIT", "TENANT", "GRANTED", "AMOUNT", "LINE", "STATEMENT", "REASON"}}
	for _, k := range all {
		on := any(k.On)
		if k.On == 0 {
			on = "the next"
		}
		t.add(k.ID, k.Tenant, k.Granted, money(k.Amount, k.Currency), k.Line, on, k.Reason)
	}
	return c.print(orEmpty(all), t)
}
