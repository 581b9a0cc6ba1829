package rating

import (
	"cmp"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/iso4217"
)

// Share is a party's part of an amount: its weight among all weights. A third is a
// weight of 1 beside one of 2.
type Share struct {
	Party  string          `json:"party"`
	Weight decimal.Decimal `json:"weight"`
}

// Part is what a party gets.
type Part struct {
	Party  string          `json:"party"`
	Amount decimal.Decimal `json:"amount"`
}

// Split divides an amount so that the parts sum to it, to the last digit. Each part is
// its exact share rounded towards zero to the currency's places, and what is left goes, a
// smallest coin each, to the largest remainders; of equal ones to the first named.
// A negative amount is split as the positive one. fault.Invalid when the shares are not
// weights.
func Split(amount decimal.Decimal, currency string, shares []Share) ([]Part, error) {
	whole := decimal.Zero
	for _, s := range shares {
		if s.Weight.IsNegative() {
			return nil, fault.New(fault.Invalid, "the share of %q is negative", s.Party)
		}
		whole = whole.Add(s.Weight)
	}
	if !whole.IsPositive() {
		return nil, fault.New(fault.Invalid, "nobody has a share")
	}
	places, _ := iso4217.Places(currency)
	places = max(places, -amount.Exponent())
	left, coin := amount.Abs(), decimal.New(1, -places)
	parts, rests := make([]Part, len(shares)), make([]decimal.Decimal, len(shares))
	order := make([]int, len(shares))
	for n, s := range shares {
		part, rest := amount.Abs().Mul(s.Weight).QuoRem(whole, places)
		parts[n], rests[n], order[n] = Part{s.Party, part}, rest, n
		left = left.Sub(part)
	}
	slices.SortStableFunc(order, func(a, b int) int { return rests[b].Cmp(rests[a]) })
	for n := 0; left.IsPositive(); n++ {
		parts[order[n]].Amount = parts[order[n]].Amount.Add(coin)
		left = left.Sub(coin)
	}
	for n := range parts {
		parts[n].Amount = parts[n].Amount.Mul(decimal.New(int64(amount.Sign()), 0))
	}
	return parts, nil
}

// Split divides a line. Those of a line and of its corrections sum to the parts of
// the line that would have been right at once.
func (l Line) Split(shares []Share) ([]Part, error) {
	parts, err := Split(l.Before.Add(l.Amount), l.Currency, shares)
	if err != nil {
		return nil, err
	}
	before, err := Split(l.Before, l.Currency, shares)
	for n := range before {
		parts[n].Amount = parts[n].Amount.Sub(before[n].Amount)
	}
	return parts, err
}

// Agreement says how the lines of a vendor's services are shared, from the first
// billing period on that does not begin before it.
type Agreement struct {
	Vendor  string            `json:"vendor"`
	Service catalog.ServiceID `json:"service,omitempty"` // none: all of the vendor's that have no agreement of their own
	From    time.Time         `json:"from"`
	Shares  []Share           `json:"shares"`
}

// Compare orders by vendor, service and beginning.
func (a Agreement) Compare(b Agreement) int {
	return cmp.Or(cmp.Compare(a.Vendor, b.Vendor), cmp.Compare(a.Service, b.Service), a.From.Compare(b.From))
}

// AgreementFor is the agreement in force for a vendor's service in a billing period.
func AgreementFor(list []Agreement, vendor string, service catalog.ServiceID, period Period) (found Agreement, ok bool) {
	for _, a := range list {
		if a.Vendor != vendor || a.Service != "" && a.Service != service || a.From.After(period.Start) {
			continue
		}
		closer := a.Service != "" && found.Service == ""
		as := (a.Service == "") == (found.Service == "")
		if !ok || closer || as && !a.From.Before(found.From) {
			found, ok = a, true
		}
	}
	return found, ok
}
