package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const mostFile = 16 << 20 // bytes of a file with prices or usage

// readYAML reads a file of YAML, or JSON, with known keys only.
func readYAML(file string, into any) error {
	info, err := os.Stat(file)
	if err == nil && info.Size() > mostFile {
		return fault.New(fault.Invalid, "%s: it has %d bytes; %d are the most", file, info.Size(), mostFile)
	}
	body, err := os.ReadFile(file)
	if err != nil {
		return fault.New(fault.Invalid, "cannot read the file: %s", err)
	}
	if err := yaml.UnmarshalWithOptions(body, into, yaml.Strict(), yaml.CustomUnmarshaler(exact)); err != nil {
		return fault.New(fault.Invalid, "%s: %s", file, yaml.FormatError(err, false, true))
	}
	return nil
}

// exact reads a number from its digits: by way of a float64 it would lose the last ones.
func exact(d *decimal.Decimal, text []byte) error {
	return d.UnmarshalText([]byte(strings.Trim(strings.TrimSpace(string(text)), `"'`)))
}

// readPrices reads and checks the prices of plans.
func readPrices(file string) (rating.Prices, error) {
	prices := rating.Prices{}
	if err := readYAML(file, &prices); err != nil {
		return nil, err
	}
	if len(prices) == 0 {
		return nil, fault.New(fault.Invalid, "%s: it has no prices", file)
	}
	var findings []catalog.PriceFinding
	for _, plan := range slices.Sorted(maps.Keys(prices)) {
		for _, f := range catalog.CheckPrices(prices[plan]) {
			f.Path = string(plan) + "." + f.Path
			findings = append(findings, f)
		}
	}
	return prices, catalog.PricesError(findings)
}

// usageEntry is usage as somebody writes it down. What is left out is the whole period,
// the only plan, one instance.
type usageEntry struct {
	Plan      catalog.PlanID   `json:"plan"`
	Instance  string           `json:"instance"`
	Dimension string           `json:"dimension"`
	Start     time.Time        `json:"start"`
	End       time.Time        `json:"end"`
	Level     *decimal.Decimal `json:"level"`
	Quantity  *decimal.Decimal `json:"quantity"`
	Unit      string           `json:"unit"` // of Quantity; none: that of the price
}

func readUsage(file string) (list []usageEntry, err error) {
	return list, readYAML(file, &list)
}

// usesOf reads flags of the form DIMENSION=QUANTITY.
func usesOf(flags []string) (list []usageEntry, err error) {
	for _, s := range flags {
		dimension, quantity, _ := strings.Cut(s, "=")
		q, err := decimal.NewFromString(quantity)
		if err != nil || dimension == "" {
			return nil, fault.New(fault.Invalid, "%q is not usage such as traffic=250", s)
		}
		list = append(list, usageEntry{Dimension: dimension, Quantity: &q})
	}
	return list, nil
}

// usage is the n-th entry in the form that is rated.
func (e usageEntry) usage(n int, prices rating.Prices, period rating.Period) (rating.Usage, error) {
	u := rating.Usage{
		ID: fmt.Sprintf("usage[%d]", n), Start: e.Start.UTC(), End: e.End.UTC(), Unit: e.Unit,
		Key: rating.Key{Plan: e.Plan, Instance: topology.InstanceID(e.Instance), Dimension: e.Dimension},
	}
	if u.Plan == "" {
		if len(prices) > 1 {
			return u, fault.New(fault.Invalid, "usage[%d]: it names no plan, and there are prices of %d", n, len(prices))
		}
		u.Plan = slices.Collect(maps.Keys(prices))[0]
	}
	if prices[u.Plan] == nil {
		return u, fault.New(fault.Invalid, "usage[%d]: there are no prices of plan %q", n, u.Plan)
	}
	if e.Start.IsZero() {
		u.Start = period.Start
	}
	if e.End.IsZero() {
		u.End = period.End
	}
	if u.Unit == "" {
		u.Unit = unitOf(prices[u.Plan], e.Dimension)
	}
	return u, e.measure(&u)
}

// measure fills in the level or the quantity, in the base unit.
func (e usageEntry) measure(u *rating.Usage) error {
	base, size := catalog.BaseUnit(u.Unit)
	_, each, lasts := catalog.LevelUnit(u.Unit)
	switch {
	case u.Unit == "":
		return fault.New(fault.Invalid, "%s: no price has dimension %q", u.ID, e.Dimension)
	case e.Level != nil && e.Quantity != nil:
		return fault.New(fault.Invalid, "%s: it has a level and a quantity; it is one or the other", u.ID)
	case e.Quantity == nil && !lasts:
		return fault.New(fault.Invalid, "%s: it has no quantity", u.ID)
	case e.Quantity == nil:
		u.Unit, u.Level = "", each
		if base != catalog.UnitSecond {
			u.Unit = base
		}
		if e.Level != nil {
			u.Level = e.Level.Mul(each)
		}
	case base == catalog.UnitSecond:
		return e.last(u, e.Quantity.Mul(size))
	default:
		u.Unit, u.Quantity = base, e.Quantity.Mul(size)
	}
	return nil
}

// last makes a time out of a quantity of seconds, from the entry's start on.
func (e usageEntry) last(u *rating.Usage, seconds decimal.Decimal) error {
	if !e.End.IsZero() || seconds.IsNegative() || seconds.GreaterThan(decimal.New(1e9, 0)) {
		return fault.New(fault.Invalid, "%s: a quantity of time is positive, up to 10^9 seconds, and has no end", u.ID)
	}
	u.Unit, u.Level = "", decimal.New(1, 0)
	u.End = u.Start.Add(time.Duration(seconds.Shift(9).IntPart()))
	return nil
}

// unitOf is the unit in which a dimension is used, by its prices. Instances always are
// by time.
func unitOf(prices []catalog.Price, dimension string) string {
	for _, p := range prices {
		if p.Dimension == dimension && p.Unit != "" {
			return p.Unit
		}
	}
	if dimension == catalog.DimensionInstance {
		return catalog.UnitHour
	}
	if slices.ContainsFunc(prices, func(p catalog.Price) bool { return p.Dimension == dimension && p.Model == catalog.ModelFlat }) {
		return dimension
	}
	return ""
}
