package rating_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/rating"
)

func at(s string) time.Time {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC()
		}
	}
	panic(s)
}

func zone(t testing.TB, name string) *time.Location {
	z, err := time.LoadLocation(name)
	require.NoError(t, err)
	return z
}

func march() rating.Period { return rating.Month(at("2026-03-15"), time.UTC) }

// prices reads versions of prices of one plan; without a currency they are in euros.
func prices(t testing.TB, versions ...string) []catalog.Price {
	var list []catalog.Price
	for _, v := range versions {
		p := catalog.Price{Currency: "EUR"}
		require.NoError(t, json.Unmarshal([]byte(v), &p), v)
		list = append(list, p)
	}
	require.Empty(t, catalog.CheckPrices(list))
	return list
}

// use reads usage of the tenant acme's instance fw: "plan 2026-03-01..2026-03-02" is
// time, "plan traffic 2026-03-01..2026-03-02 = 5 byte" a quantity. The instance begins
// with its first time.
func use(t require.TestingT, list ...string) []rating.Usage {
	var usage []rating.Usage
	var began time.Time
	for n, s := range list {
		words := strings.Fields(s)
		u := rating.Usage{ID: fmt.Sprint("u", n), Key: rating.Key{Tenant: "acme", Service: "wall", Plan: catalog.PlanID(words[0]), Instance: "fw", Dimension: "instance"}}
		times := words[1]
		if len(words) > 2 {
			u.Dimension, times = words[1], words[2]
			u.Quantity, u.Unit = decimal.RequireFromString(words[4]), words[5]
		} else {
			u.Level = decimal.New(1, 0)
		}
		start, end, ok := strings.Cut(times, "..")
		require.True(t, ok, s)
		u.Start, u.End = at(start), at(end)
		if u.Dimension == "instance" && (began.IsZero() || u.Start.Before(began)) {
			began = u.Start
		}
		usage = append(usage, u)
	}
	for n := range usage {
		usage[n].Began = began
	}
	return usage
}

// say writes a line down: plan, dimension, charge with tier, days, quantity, price, amount.
func say(l rating.Line) string {
	charge := string(l.Charge)
	if l.Tier > 0 {
		charge += fmt.Sprint(" ", l.Tier)
	}
	quantity := strings.TrimSpace(l.Quantity.String() + " " + l.QuantityUnit)
	if l.Packages.IsPositive() {
		quantity += fmt.Sprintf(" = %s packages", l.Packages)
	}
	return fmt.Sprintf("%s %s %s %s..%s: %s at %s = %s %s", l.Plan, l.Dimension, charge,
		l.Start.Format("01-02T15:04"), l.End.Format("01-02T15:04"), quantity, l.UnitPrice, l.Amount, l.Currency)
}

func said(lines []rating.Line) []string {
	list := []string{}
	for _, l := range lines {
		list = append(list, say(l))
	}
	return list
}

func rate(t require.TestingT, usage []rating.Usage, p rating.Prices, period rating.Period) []rating.Line {
	lines, err := rating.Rate(usage, p, period)
	require.NoError(t, err)
	return lines
}
