package metering

import (
	"cmp"
	"context"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
)

// Settlement is what a vendor's services brought in a currency: what tenants were billed
// is what the vendor gets, what the operator keeps and what it owes in taxes, to the last digit.
type Settlement struct {
	Vendor   string          `json:"vendor"` // empty: of services that the catalog does not know any more, credits and taxes
	Currency string          `json:"currency"`
	Billed   decimal.Decimal `json:"billed"`
	Shared   decimal.Decimal `json:"shared"` // on the vendor's statements
	Kept     decimal.Decimal `json:"kept"`   // by the operator
	Taxes    decimal.Decimal `json:"taxes"`
}

// Settle sums the statements whose period starts within the filter's From and To, by
// vendor and currency.
func (m *Meter) Settle(ctx context.Context, f Filter) ([]Settlement, error) {
	type key struct{ vendor, currency string }
	sums, whose := map[key]*Settlement{}, newVendors(m)
	of := func(vendor, currency string) *Settlement {
		k := key{vendor, currency}
		if sums[k] == nil {
			sums[k] = &Settlement{Vendor: vendor, Currency: currency}
		}
		return sums[k]
	}
	for s, err := range m.statements.From(ctx, store.Query{}) {
		if err != nil {
			return nil, err
		}
		if !f.covers(s) {
			continue
		}
		if s.Vendor != "" {
			for _, t := range s.Totals {
				of(s.Vendor, t.Currency).Shared = of(s.Vendor, t.Currency).Shared.Add(t.Amount)
			}
			continue
		}
		lines, err := m.linesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			vendor, err := whose.of(ctx, l.Service)
			if err != nil {
				return nil, err
			}
			sum := of(vendor, l.Currency)
			sum.Billed = sum.Billed.Add(l.Amount)
			if l.Charge == rating.ChargeTax {
				sum.Taxes = sum.Taxes.Add(l.Amount)
			}
		}
	}
	all := make([]Settlement, 0, len(sums))
	for _, s := range sums {
		s.Kept = s.Billed.Sub(s.Shared).Sub(s.Taxes)
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Settlement) int {
		return cmp.Or(cmp.Compare(a.Vendor, b.Vendor), cmp.Compare(a.Currency, b.Currency))
	})
	return all, nil
}

// covers says whether a statement's period starts within From and To.
func (f Filter) covers(s Statement) bool {
	return !s.Period.Start.Before(f.From) && (f.To.IsZero() || s.Period.Start.Before(f.To))
}
