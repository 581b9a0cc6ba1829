package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func newBudget(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "budget", Short: "What tenants mean to spend, and whom to tell"}, newBudgetSet(c), newBudgetList(c), newBudgetAlerts(c))
}

func newBudgetSet(c *cli) *cobra.Command {
	var tenant, webhook string
	var at []int
	cmd := &cobra.Command{
		Use: "set AMOUNT CURRENCY", Short: "Set a tenant's budget for each billing period; 0 ends it", Args: exactly("an amount", "a currency"),
		Long: `Set what a tenant means to spend in each billing period. When a part of it is spent, an alert is posted
to the webhook, once for each threshold and period, signed with the key that is shown.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			amount, err := decimal.NewFromString(args[0])
			if err != nil {
				return fault.New(fault.Invalid, "%q is not a decimal number", args[0])
			}
			slices.Sort(at)
			n := api.Budget{Tenant: topology.TenantID(tenant), Currency: args[1], Amount: amount, Thresholds: at, Webhook: webhook}
			set, err := a.SetBudget(ctx, n)
			return c.printBudgets([]api.Budget{set}, err)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&tenant, "tenant", "", "whose; a tenant's user need not say")
	f.IntSliceVar(&at, "at", []int{100}, "a threshold in percent; can be given several times")
	f.StringVar(&webhook, "webhook", "", "URL to which alerts are posted")
	return cmd
}

func newBudgetList(c *cli) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use: "list", Short: "List budgets, with the keys that sign their alerts", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			return c.printBudgets(a.Budgets(ctx, tenant))
		}),
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "only this tenant's")
	return cmd
}

func (c *cli) printBudgets(all []api.Budget, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"TENANT", "AMOUNT", "AT", "WEBHOOK", "KEY"}}
	for _, b := range all {
		var at []string
		for _, percent := range b.Thresholds {
			at = append(at, fmt.Sprintf("%d %%", percent))
		}
		t.add(b.Tenant, money(b.Amount, b.Currency), strings.Join(at, ", "), b.Webhook, b.Key)
	}
	return c.print(orEmpty(all), t)
}

func newBudgetAlerts(c *cli) *cobra.Command {
	var tenant string
	cmd := &cobra.Command{
		Use: "alerts", Short: "List what was told of budgets, and whether it was taken", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			all, err := a.Alerts(ctx, tenant)
			if err != nil {
				return err
			}
			t := table{head: []string{"TENANT", "PERIOD", "AT", "BUDGET", "SPENT", "RAISED", "ATTEMPTS", "TAKEN", "PROBLEM"}}
			for _, x := range all {
				t.add(x.Tenant, x.Period.Start, fmt.Sprintf("%d %%", x.Threshold), money(x.Budget, x.Currency), money(x.Spent, x.Currency), x.Raised, x.Attempts,
					x.Delivered, x.Problem)
			}
			return c.print(orEmpty(all), t)
		}),
	}
	cmd.Flags().StringVar(&tenant, "tenant", "", "only this tenant's")
	return cmd
}
