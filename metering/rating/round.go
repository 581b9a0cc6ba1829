package rating

import (
	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/iso4217"
)

// rounded is a/b in a currency, neither negative, half to even. It is rounded from
// the exact quotient: a first rounding to more places could turn less than half into
// half.
func rounded(a, b decimal.Decimal, currency string) decimal.Decimal {
	places, _ := iso4217.Places(currency)
	unit := decimal.New(1, -places)
	q, rest := a.QuoRem(b, places)
	odd := !q.Shift(places).Mod(decimal.New(2, 0)).IsZero()
	switch rest.Mul(decimal.New(2, 0)).Cmp(b.Mul(unit)) {
	case 1:
		return q.Add(unit)
	case 0:
		if odd {
			return q.Add(unit)
		}
	}
	return q
}
