package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newPrice(c *cli) *cobra.Command {
	var plan, currency, dimension, unit, from, until, tenant, file string
	set := &cobra.Command{
		Use: "set SERVICE [AMOUNT]", Short: "Set a plan's price from a moment on",
		Long: `Set a plan's price from a moment on. What was billed before stays as it is.
AMOUNT is a decimal number, such as 0.12. Prices with tiers, fees and the rest are set from
a file with --file, in the form that "price test" reads; docs/prices.md tells what a price can say.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if file != "" {
				return exactly("a service")(cmd, args)
			}
			return exactly("a service", "an amount")(cmd, args)
		},
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			if file != "" {
				return c.setPrices(ctx, a, args[0], file)
			}
			amount, err := decimal.NewFromString(args[1])
			if err != nil {
				return fault.New(fault.Invalid, "%q is not a decimal number", args[1])
			}
			p := api.NewPrice{Plan: plan, Price: api.Price{Dimension: dimension, Unit: unit, Amount: amount, Currency: currency, Tenant: tenant}}
			if p.From, err = moment(from); err != nil {
				return err
			}
			if p.Until, err = moment(until); err != nil {
				return err
			}
			s, err := a.SetPrice(ctx, args[0], p)
			return c.printService(s, err)
		}),
	}
	f := set.Flags()
	f.StringVar(&plan, "plan", "", "the plan, by id or name; empty: the default plan")
	f.StringVar(&currency, "currency", "EUR", "ISO 4217 code")
	f.StringVar(&dimension, "dimension", "instance", "what is metered")
	f.StringVar(&unit, "unit", "hour", "what the amount buys")
	f.StringVar(&from, "from", "", "moment it begins, as 2026-01-31T00:00:00Z; empty: now")
	f.StringVar(&tenant, "tenant", "", "for this tenant only, before the price for all")
	f.StringVar(&until, "until", "", "of a tenant's price, the moment it ends; empty: never")
	f.StringVar(&file, "file", "", "file with the prices of plans, all of which are set")
	return group(&cobra.Command{Use: "price", Short: "Prices of plans"}, set, newPriceTest(c), newContracts(c))
}

func newContracts(c *cli) *cobra.Command {
	return &cobra.Command{
		Use: "contracts SERVICE", Short: "List what single tenants pay for a service's plans", Args: exactly("a service"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			s, err := a.Service(ctx, args[0])
			if err != nil {
				return err
			}
			all, err := a.Contracts(ctx, args[0])
			if err != nil {
				return err
			}
			t := table{head: []string{"TENANT", "PLAN", "FROM", "UNTIL", "PRICE"}}
			for _, k := range all {
				for _, p := range k.Prices {
					t.add(k.Tenant, planName(s, k.Plan), p.From, p.Until, p.Words())
				}
			}
			return c.print(orEmpty(all), t)
		}),
	}
}

func planName(s api.Service, id catalog.PlanID) string {
	for _, p := range slices.Concat(s.Plans, s.Former) {
		if p.ID == id {
			return p.Name
		}
	}
	return string(id)
}

// setPrices sets all prices of a file, which are checked before the first of them is.
func (c *cli) setPrices(ctx context.Context, a *api.Client, service, file string) error {
	prices, err := readPrices(file)
	if err != nil {
		return err
	}
	var s api.Service
	for _, plan := range slices.Sorted(maps.Keys(prices)) {
		for n, p := range prices[plan] {
			if s, err = a.SetPrice(ctx, service, api.NewPrice{Plan: string(plan), Price: p}); err != nil {
				return fmt.Errorf("%s.prices[%d], after which nothing was set: %w", plan, n, err)
			}
		}
	}
	return c.printService(s, nil)
}

// moment reads a time; empty is the zero time.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fault.New(fault.Invalid, "%q is not a moment such as 2026-01-31T00:00:00Z", s)
	}
	return t.UTC(), nil
}
