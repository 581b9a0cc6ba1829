package rating_test

import (
	"fmt"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
)

func shares(weights ...string) []rating.Share {
	var list []rating.Share
	for n, w := range weights {
		list = append(list, rating.Share{Party: fmt.Sprint("p", n), Weight: decimal.RequireFromString(w)})
	}
	return list
}

func TestSplitGivesWhatIsLeftToTheLargestRemainder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount, currency string
		weights          []string
		want             string
	}{
		{"10.00", "EUR", []string{"1", "2"}, "3.33 6.67"},          // 333⅓ and 666⅔ cents: the last one to ⅔
		{"-10.00", "EUR", []string{"1", "2"}, "-3.33 -6.67"},       //
		{"0.01", "EUR", []string{"1", "2"}, "0 0.01"},              // ⅓ and ⅔ of a cent
		{"0.01", "EUR", []string{"1", "1"}, "0.01 0"},              // equal: the first named
		{"1.00", "EUR", []string{"1", "1", "1"}, "0.34 0.33 0.33"}, // 33⅓ each
		{"100", "JPY", []string{"1", "2"}, "33 67"},                // no places
		{"1.000", "KWD", []string{"1", "2"}, "0.333 0.667"},        // three
		{"99.99", "EUR", []string{"70", "30"}, "69.99 30"},         // 6999.3 and 2999.7 cents
		{"10", "EUR", []string{"0", "1"}, "0 10"},                  //
		{"0", "EUR", []string{"1", "2"}, "0 0"},                    //
		{"0.0001", "EUR", []string{"1", "2"}, "0 0.0001"},          // finer than a cent stays whole
		{"10", "EUR", []string{"0.125", "0.875"}, "1.25 8.75"},     //
	} {
		parts, err := rating.Split(decimal.RequireFromString(c.amount), c.currency, shares(c.weights...))
		require.NoError(t, err)
		text := ""
		for _, p := range parts {
			text += " " + p.Amount.String()
		}
		require.Equal(t, " "+c.want, text, "%s %s by %v", c.amount, c.currency, c.weights)
	}
	for _, bad := range [][]string{{}, {"0"}, {"2", "-1"}} {
		_, err := rating.Split(decimal.New(1, 0), "EUR", shares(bad...))
		require.ErrorIs(t, err, fault.Invalid)
	}
}

func TestPartsAlwaysSumAndAreFair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		amount := decimal.New(rapid.Int64Range(-1e12, 1e12).Draw(t, "amount"), -2)
		list, whole := []rating.Share{{Party: "first", Weight: decimal.New(1, -3)}}, decimal.New(1, -3)
		for range rapid.IntRange(0, 6).Draw(t, "parties") {
			w := decimal.New(rapid.Int64Range(0, 1e6).Draw(t, "weight"), -3)
			list, whole = append(list, rating.Share{Weight: w}), whole.Add(w)
		}
		parts, err := rating.Split(amount, "EUR", list)
		require.NoError(t, err)
		sum := decimal.Zero
		for n, p := range parts {
			sum = sum.Add(p.Amount)
			off := p.Amount.Mul(whole).Sub(amount.Mul(list[n].Weight)).Abs() // × whole
			require.True(t, off.LessThan(whole.Mul(decimal.New(1, -2))), "a part is off by less than a cent")
		}
		require.True(t, sum.Equal(amount), "%s is not %s", sum, amount)
	})
}

func TestACorrectionIsSharedByWhatItChanges(t *testing.T) {
	t.Parallel()
	// 10.00 is 3.33 and 6.67; 10.01 is 333⅔ and 667⅓ cents, so 3.34 and 6.67.
	line := rating.Line{Currency: "EUR", Before: decimal.RequireFromString("10.00"), Amount: decimal.RequireFromString("0.01")}
	parts, err := line.Split(shares("1", "2"))
	require.NoError(t, err)
	require.Equal(t, "0.01 0", parts[0].Amount.String()+" "+parts[1].Amount.String())
}

func TestAnAgreementHoldsForWholePeriods(t *testing.T) {
	t.Parallel()
	agreement := func(vendor, service, from, weight string) rating.Agreement {
		a := rating.Agreement{Vendor: vendor, Shares: shares(weight)}
		a.Service, a.From = "", at(from)
		if service != "" {
			a.Service = "wall"
		}
		return a
	}
	list := []rating.Agreement{
		agreement("example", "", "2026-01-01", "1"), agreement("example", "", "2026-03-02", "2"), agreement("other", "", "2026-01-01", "3"),
		agreement("example", "wall", "2026-04-01", "4"), agreement("example", "", "2026-04-15", "5"),
	}
	for _, c := range []struct{ vendor, month, want string }{
		{"example", "2025-12-05", "none"},
		{"example", "2026-01-05", "1"},
		{"example", "2026-03-05", "1"}, // the second begins a day too late for March
		{"example", "2026-04-05", "4"}, // the service's own goes first
		{"example", "2026-06-05", "4"}, // also before a later one for all
		{"other", "2026-06-05", "3"},
		{"nobody", "2026-06-05", "none"},
	} {
		a, ok := rating.AgreementFor(list, c.vendor, "wall", rating.Month(at(c.month), zone(t, "UTC")))
		got := "none"
		if ok {
			got = a.Shares[0].Weight.String()
		}
		require.Equal(t, c.want, got, "%s in %s", c.vendor, c.month)
	}
}
