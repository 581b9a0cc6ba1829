package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/iso4217"
	"github.com/bumpwire/bumpwire/metering/rating"
)

func (c *cli) printTrial(r trialResult) error {
	if c.output == "json" {
		return c.printJSON(r)
	}
	c.say("from %s until %s", text(r.Period.Start), text(r.Period.End))
	t := table{head: []string{"PLAN", "DIMENSION", "CHARGE", "FROM", "QUANTITY", "PRICE", "AMOUNT"}}
	for _, l := range r.Lines {
		t.add(lineCells(l, string(l.Charge))...)
	}
	for _, l := range r.Corrections {
		t.add(lineCells(l, "correction of "+string(l.Charge))...)
	}
	if err := c.print(r, t); err != nil {
		return err
	}
	for _, currency := range slices.Sorted(maps.Keys(r.Totals)) {
		c.say("total: %s", money(r.Totals[currency], currency))
	}
	for _, s := range r.Shares {
		c.say("of which for %s: %s", harmless(s.Party), money(s.Amount, s.Currency))
	}
	return nil
}

func lineCells(l rating.Line, charge string) []any {
	if l.Tier > 0 {
		charge += fmt.Sprintf(", tier %d", l.Tier)
	}
	quantity := fmt.Sprintf("%s %s", l.Quantity, l.QuantityUnit)
	if !l.Packages.IsZero() {
		quantity += fmt.Sprintf(" in %s packages", l.Packages)
	}
	return []any{l.Plan, l.Dimension, charge, l.Start, quantity, priceOf(l), money(l.Amount, l.Currency)}
}

func priceOf(l rating.Line) string {
	switch {
	case l.Charge == rating.ChargeIncluded:
		return "included"
	case l.Charge == rating.ChargeCredit:
		return ""
	case l.Charge == rating.ChargeTax, l.Charge == rating.ChargeServiceLevel:
		return l.UnitPrice.String() + " %"
	case l.Charge != rating.ChargeUsage:
		return money(l.UnitPrice, l.Currency)
	case l.Model == catalog.ModelPercentage:
		return l.UnitPrice.String() + " %"
	case l.Model == catalog.ModelPackage:
		return l.UnitPrice.String() + " " + l.Currency + "/package"
	}
	return fmt.Sprintf("%s %s/%s", l.UnitPrice, l.Currency, l.Unit)
}

// money is an amount with all of its currency's places.
func money(d decimal.Decimal, currency string) string {
	places, _ := iso4217.Places(currency)
	if d.Exponent() < -places {
		return d.String() + " " + currency
	}
	return d.StringFixed(places) + " " + currency
}
