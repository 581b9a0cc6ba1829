package rating_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
)

func TestUnsoundInputIsRefused(t *testing.T) {
	t.Parallel()
	perHour := rating.Prices{"s": prices(t, `{"dimension":"instance","unit":"hour","amount":0.12}`)}
	perByte := rating.Prices{"s": prices(t, `{"dimension":"instance","unit":"hour","amount":0.12}`, `{"dimension":"traffic","unit":"gigabyte","amount":0.12}`)}
	for name, c := range map[string]struct {
		change func(u []rating.Usage) []rating.Usage
		prices rating.Prices
		kind   error
		says   string
	}{
		"no id":      {func(u []rating.Usage) []rating.Usage { u[0].ID = ""; return u }, perHour, fault.Invalid, "has no id"},
		"backwards":  {func(u []rating.Usage) []rating.Usage { u[0].End = u[0].Start.Add(-1); return u }, perHour, fault.Invalid, `"u0" ends before it starts`},
		"negative":   {func(u []rating.Usage) []rating.Usage { u[0].Level = decimal.New(-1, 0); return u }, perHour, fault.Invalid, `"u0" is negative`},
		"both kinds": {func(u []rating.Usage) []rating.Usage { u[0].Quantity = decimal.New(1, 0); return u }, perHour, fault.Invalid, "one or the other"},
		"the other unit": {func(u []rating.Usage) []rating.Usage {
			return append(u, use(t, "s 2026-03-01..2026-03-02", "s traffic 2026-03-01..2026-03-02 = 1 call")[1])
		}, perByte, fault.Invalid, `is in "call"`},
		"one id, two contents": {func(u []rating.Usage) []rating.Usage {
			other := u[0]
			other.End = other.End.Add(time.Second)
			return append(u, other)
		}, perHour, fault.Conflict, `id "u0" and differ`},
		"a price without tiers": {func(u []rating.Usage) []rating.Usage { return u }, rating.Prices{"s": {{Dimension: "instance", Unit: "hour", Currency: "EUR", Model: catalog.ModelVolume}}}, fault.Invalid, "prices[0].tiers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, err := rating.Rate(c.change(use(t, "s 2026-03-01..2026-03-02")), c.prices, march())
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
			require.Empty(t, lines)
		})
	}
}

func TestRoundingIsOfTheExactQuotient(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		length := time.Duration(rapid.Int64Range(1, 31*86400*1e9).Draw(t, "length"))
		p := catalog.Price{Dimension: "instance", Unit: "hour", Currency: "EUR", Amount: decimal.New(rapid.Int64Range(0, 1e12).Draw(t, "amount"), -9)}
		u := use(t, "s 2026-03-01..2026-03-02")
		u[0].End = u[0].Start.Add(length)
		lines := rate(t, u, rating.Prices{"s": {p}}, march())
		exact := new(big.Rat).Mul(p.Amount.Rat(), new(big.Rat).SetFrac64(length.Nanoseconds(), 3600*1e9))
		off := new(big.Rat).Sub(lines[0].Amount.Rat(), exact)
		half := big.NewRat(1, 200)
		require.LessOrEqual(t, off.Abs(off).Cmp(half), 0)
		if off.Cmp(half) == 0 {
			require.True(t, lines[0].Amount.Shift(2).Mod(decimal.New(2, 0)).IsZero(), "half to even")
		}
	})
}

func TestEvidenceIsOfTheUsageInTheLinesTime(t *testing.T) {
	t.Parallel()
	p := rating.Prices{"s": prices(t, `{"dimension":"instance","unit":"hour","amount":1}`, `{"dimension":"instance","unit":"hour","amount":2,"from":"2026-03-16T00:00:00Z"}`)}
	u := use(t, "s 2026-03-01..2026-03-02", "s 2026-03-15T12:00..2026-03-16T12:00", "s 2026-03-20..2026-03-21")
	lines := rate(t, u, p, march())
	require.Len(t, lines, 2)
	require.Equal(t, rating.EvidenceOf(u[:2]), lines[0].Evidence)
	require.Equal(t, rating.EvidenceOf([]rating.Usage{u[2], u[1]}), lines[1].Evidence, "in any order")
	u[0].End = u[0].End.Add(time.Nanosecond)
	require.NotEqual(t, rating.EvidenceOf(u[:2]), lines[0].Evidence)
}
