package rating_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/metering/rating"
)

// A line is corrected up and down, and in between amounts of it are granted back, up to what it comes to at that time: with
// every statement as much is given back as was granted, but never more than the line comes to then.
func TestRefundsNeverExceedTheLine(t *testing.T) {
	t.Parallel()
	lowered, again := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		var billed, given []rating.Line
		var grants []rating.Grant
		for round := range rapid.IntRange(2, 8).Draw(t, "statements") {
			right := rating.Line{ID: "line", Period: march(), Charge: rating.ChargeMinimum, Currency: "EUR", Amount: drawCents(t, 5000)}
			billed = append(billed, rating.Correct(billed, []rating.Line{right})...)
			line, standing := rating.Standing(billed, "line")
			require.True(t, standing.Equal(right.Amount))
			refunds := line.GiveBack(standing, grants, given)
			for _, r := range refunds {
				require.False(t, r.Rated(), "usage is not corrected by what is given back")
				require.False(t, slices.ContainsFunc(given, func(o rating.Line) bool { return o.ID == r.ID }), "ids are given once")
				require.Equal(t, "line", r.Original())
				if r.Amount.IsPositive() {
					lowered++
				} else if r.Corrects != "" {
					again++
				}
				given = append(given, r)
			}
			requireGivenBack(t, standing, grants, given)
			require.Empty(t, line.GiveBack(standing, grants, given), "once")
			if left := standing.Sub(granted(grants)); left.IsPositive() && rapid.Bool().Draw(t, "grant") {
				amount := decimal.Max(decimal.New(1, -2), drawCents(t, int(left.Shift(2).IntPart())))
				grants = append(grants, rating.Grant{ID: fmt.Sprint("g", round), Reason: "sorry", Amount: amount})
			}
		}
	})
	require.Positive(t, lowered, "corrections left less than was given back")
	require.Positive(t, again, "and then more again")
}

func drawCents(t *rapid.T, most int) decimal.Decimal {
	return decimal.New(int64(rapid.IntRange(0, most).Draw(t, "cents")), -2)
}

func granted(grants []rating.Grant) (sum decimal.Decimal) {
	for _, g := range grants {
		sum = sum.Add(g.Amount)
	}
	return sum
}

// requireGivenBack says that of what was granted is given back what the line comes to, and that each party bears its share of that.
func requireGivenBack(t *rapid.T, standing decimal.Decimal, grants []rating.Grant, given []rating.Line) {
	back, shares := decimal.Zero, map[string]decimal.Decimal{}
	for _, r := range given {
		back = back.Sub(r.Amount)
		parts, err := r.Split(thirds)
		require.NoError(t, err)
		for _, p := range parts {
			shares[p.Party] = shares[p.Party].Sub(p.Amount)
		}
	}
	want := decimal.Min(granted(grants), standing)
	require.True(t, want.Equal(back), "%s is given back, not %s", back, want)
	whole, err := rating.Split(want, "EUR", thirds)
	require.NoError(t, err)
	for _, p := range whole {
		require.True(t, p.Amount.Equal(shares[p.Party]), "%s bears %s, not %s", p.Party, shares[p.Party], p.Amount)
	}
}
