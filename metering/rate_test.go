package metering_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering"
)

func TestAmountsAreSecondsTimesPriceRoundedHalfToEven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, price, want string }{
		{"10:00:00", "11:00:00", "0.12", "0.12"},
		{"10:00:00", "10:00:05", "0.12", "0.000167"},             // 0.6/3600 = 0.0001666…
		{"10:00:00", "10:30:00", "0.25", "0.125"},                // exact
		{"10:00:00", "10:00:01", "0.0018", "0"},                  // 0.0000005: half, 0 is even
		{"10:00:00", "10:00:03", "0.0018", "0.000002"},           // 0.0000015: half, 2 is even
		{"10:00:00", "10:00:05", "0.0018", "0.000002"},           // 0.0000025: half, 2 is even
		{"10:00:00", "10:00:05.000000001", "0.0018", "0.000003"}, // a nanosecond above half
		{"10:00:00", "10:00:04.999999999", "0.0018", "0.000002"}, // a nanosecond below half
		{"10:00:00", "11:00:00", "0", "0"},
		{"10:00:00", "11:00:00", "1000000000000", "1000000000000"},
		{"10:00:00", "10:20:00", "1", "0.333333"},
	} {
		t.Run(c.from+"-"+c.to+" at "+c.price, func(t *testing.T) {
			t.Parallel()
			i := instance("i", "2026-03-01T"+c.from+"Z active s", "2026-03-01T"+c.to+"Z deleted s")
			u, ok := metering.Usage(i, metering.Window{Start: at("2026-03-01T10:00:00Z"), End: at("2026-03-01T11:00:00Z")})
			require.True(t, ok)
			lines := metering.Rate(u, map[catalog.PlanID][]catalog.Price{"s": {price(c.price, "")}})
			require.Len(t, lines, 1)
			require.Equal(t, c.want, lines[0].Amount.String())
			require.Equal(t, u.ID, lines[0].Usage)
		})
	}
}

func TestEachTimeBearsThePriceInForceAtItsStart(t *testing.T) {
	t.Parallel()
	changed := []catalog.Price{price("0.12", ""), price("0.24", "2026-03-01T10:30:00Z"), price("0.36", "2026-03-01T11:00:00Z")}
	dollars := price("1", "2026-03-01T10:10:00Z")
	dollars.Currency = "USD"
	other := price("9", "2026-03-01T10:10:00Z")
	other.Dimension = "traffic"
	for _, c := range []struct {
		name   string
		prices map[catalog.PlanID][]catalog.Price
		want   string
	}{
		{"a change in the middle splits", map[catalog.PlanID][]catalog.Price{"s": changed, "l": {price("1", "")}},
			"s 10:00-10:30 0.12 EUR = 0.06; s 10:30-10:40 0.24 EUR = 0.04; l 10:40-11:00 1 EUR = 0.333333"},
		{"before the first price it is free", map[catalog.PlanID][]catalog.Price{"s": {price("0.6", "2026-03-01T10:30:00Z")}},
			"s 10:30-10:40 0.6 EUR = 0.1"},
		{"the currency is the price's", map[catalog.PlanID][]catalog.Price{"s": {dollars}}, "s 10:10-10:40 1 USD = 0.5"},
		{"other dimensions do not split", map[catalog.PlanID][]catalog.Price{"s": {price("0.6", ""), other}}, "s 10:00-10:40 0.6 EUR = 0.4"},
		{"no price at all", nil, ""},
		{"two that begin together: the later appended", map[catalog.PlanID][]catalog.Price{
			"s": {price("0.1", ""), price("0.3", "2026-03-01T10:10:00Z"), price("0.6", "2026-03-01T10:10:00Z")}},
			"s 10:00-10:10 0.1 EUR = 0.016667; s 10:10-10:40 0.6 EUR = 0.3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := instance("i", "2026-03-01T09:00:00Z active s", "2026-03-01T10:40:00Z active l")
			u, _ := metering.Usage(i, metering.Window{Start: at("2026-03-01T10:00:00Z"), End: at("2026-03-01T11:00:00Z")})
			var lines []string
			ids := map[string]bool{}
			for _, b := range metering.Rate(u, c.prices) {
				ids[b.ID] = true
				lines = append(lines, fmt.Sprintf("%s %s-%s %s %s = %s", b.Plan, b.Start.Format("15:04"), b.End.Format("15:04"), b.UnitPrice, b.Currency, b.Amount))
			}
			require.Equal(t, c.want, strings.Join(lines, "; "))
			require.Len(t, ids, len(lines), "every line has its own id")
		})
	}
}

// Against rational arithmetic: |amount - exact| is at most half a unit, and a tie
// ends even.
func TestRoundingIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64Range(1, int64(time.Hour)).Draw(t, "nanoseconds")
		if rapid.Bool().Draw(t, "whole seconds") {
			ns = max(1, ns/int64(time.Second)) * int64(time.Second)
		}
		amount := decimal.New(rapid.Int64Range(0, 1e12).Draw(t, "digits"), -int32(rapid.IntRange(0, 9).Draw(t, "places")))
		start := at("2026-03-01T10:00:00Z")
		i := instance("i", "2026-03-01T10:00:00Z active s", start.Add(time.Duration(ns)).Format(time.RFC3339Nano)+" deleted s")
		u, _ := metering.Usage(i, metering.Window{Start: start, End: start.Add(time.Hour)})
		p := price("0", "")
		p.Amount = amount
		line := metering.Rate(u, map[catalog.PlanID][]catalog.Price{"s": {p}})[0]

		exact := new(big.Rat).Mul(amount.Rat(), big.NewRat(ns, int64(time.Hour)))
		millionths := line.Amount.Shift(metering.AmountPlaces)
		off := new(big.Rat).Sub(new(big.Rat).Mul(exact, big.NewRat(1e6, 1)), millionths.Rat())
		tie := off.Abs(off).Cmp(big.NewRat(1, 2))
		switch {
		case !millionths.IsInteger():
			t.Fatalf("%s has more than six places", line.Amount)
		case tie > 0:
			t.Fatalf("%s is more than half a millionth from %s", line.Amount, exact.FloatString(12))
		case tie == 0 && millionths.BigInt().Bit(0) == 1:
			t.Fatalf("%s: a tie did not end even", line.Amount)
		}
	})
}
