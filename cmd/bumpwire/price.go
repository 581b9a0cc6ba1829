package main

import (
	"context"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newPrice(c *cli) *cobra.Command {
	var plan, currency, dimension, unit, from string
	set := &cobra.Command{
		Use: "set SERVICE AMOUNT", Short: "Set a plan's price from a moment on",
		Long: `Set a plan's price from a moment on. What was billed before stays as it is.
AMOUNT is a decimal number, such as 0.12.`,
		Args: exactly("a service", "an amount"),
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			amount, err := decimal.NewFromString(args[1])
			if err != nil {
				return fault.New(fault.Invalid, "%q is not a decimal number", args[1])
			}
			p := api.NewPrice{Plan: plan, Price: api.Price{Dimension: dimension, Unit: unit, Amount: amount, Currency: currency}}
			if p.From, err = moment(from); err != nil {
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
	return group(&cobra.Command{Use: "price", Short: "Prices of plans"}, set, newPriceTest(c))
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
