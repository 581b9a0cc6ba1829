package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func newPromise(c *cli) *cobra.Command {
	return group(&cobra.Command{Use: "promise", Short: "Availability that is promised, and what tenants get when it is not kept"}, newPromiseSet(c), &cobra.Command{
		Use: "list", Short: "List what is promised", Args: exactly(),
		RunE: c.call(func(ctx context.Context, a *api.Client, _ []string) error {
			return c.printPromises(a.Promises(ctx))
		}),
	})
}

func newPromiseSet(c *cli) *cobra.Command {
	var below []string
	var degraded, bypassed bool
	var from string
	cmd := &cobra.Command{
		Use: "set SERVICE PLAN", Short: "Promise how much of the time a plan's instances work", Args: exactly("a service", "a plan"),
		Long: `Promise how much of the time instances of a plan work, in each billing period from the first on that does not
begin before the promise. Each --below names an availability and what part of its bill an instance is
credited with below it, as --below 99.9=10 --below 99=25. Without any nothing is promised from then on.`,
		RunE: c.call(func(ctx context.Context, a *api.Client, args []string) error {
			n := api.Promise{Service: catalog.ServiceID(args[0]), Plan: catalog.PlanID(args[1]), Degraded: degraded, Bypassed: bypassed, Levels: []api.Level{}}
			for _, text := range below {
				l, err := level(text)
				if err != nil {
					return err
				}
				n.Levels = append(n.Levels, l)
			}
			var err error
			if n.From, err = moment(from); err != nil {
				return err
			}
			set, err := a.SetPromise(ctx, n)
			return c.printPromises([]api.Promise{set}, err)
		}),
	}
	f := cmd.Flags()
	f.StringArrayVar(&below, "below", nil, "an availability and the credit below it, in percent, as 99.9=10; the highest first")
	f.BoolVar(&degraded, "degraded", false, "time in which an instance is degraded counts, too")
	f.BoolVar(&bypassed, "bypassed", false, "time in which traffic gets past an instance counts, too, whoever wanted that")
	f.StringVar(&from, "from", "", "moment it begins, as 2026-01-31T00:00:00Z; empty: with the billing period in hand")
	return cmd
}

// level reads 99.9=10.
func level(text string) (l api.Level, err error) {
	below, credit, ok := strings.Cut(strings.ReplaceAll(text, "%", ""), "=")
	l.Below, err = decimal.NewFromString(below)
	if err == nil {
		l.Credit, err = decimal.NewFromString(credit)
	}
	if !ok || err != nil {
		return l, fault.New(fault.Invalid, "%q is not an availability and a credit such as 99.9=10", text)
	}
	return l, nil
}

func (c *cli) printPromises(all []api.Promise, err error) error {
	if err != nil {
		return err
	}
	t := table{head: []string{"SERVICE", "PLAN", "FROM", "CREDITS", "COUNTS"}}
	for _, p := range all {
		var levels []string
		for _, l := range p.Levels {
			levels = append(levels, fmt.Sprintf("%s %% below %s %%", l.Credit, l.Below))
		}
		counts := "failing"
		if p.Degraded {
			counts += ", degraded"
		}
		if p.Bypassed {
			counts += ", bypassed"
		}
		t.add(p.Service, p.Plan, p.From, strings.Join(levels, ", "), counts)
	}
	return c.print(orEmpty(all), t)
}
