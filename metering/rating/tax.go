package rating

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Tax is a rate on the lines of billing periods, from the first on that does not begin before it, until
// the next one of the same name and tenant.
type Tax struct {
	Name    string            `json:"name"`             // as on statements: "VAT"
	Tenant  topology.TenantID `json:"tenant,omitempty"` // of this one only, before that of all
	Percent decimal.Decimal   `json:"percent"`          // 0 to 100; 0: none from then on
	From    time.Time         `json:"from"`
}

// Compare orders by name, tenant and beginning.
func (t Tax) Compare(o Tax) int {
	return cmp.Or(cmp.Compare(t.Name, o.Name), cmp.Compare(t.Tenant, o.Tenant), t.From.Compare(o.From))
}

// TaxesFor are the taxes in force for a tenant's lines of a billing period, by name.
func TaxesFor(list []Tax, tenant topology.TenantID, period Period) (inForce []Tax) {
	for _, t := range slices.SortedFunc(slices.Values(list), Tax.Compare) { // those of a tenant come after those of all
		if t.From.After(period.Start) || t.Tenant != "" && t.Tenant != tenant {
			continue
		}
		if n := len(inForce) - 1; n >= 0 && inForce[n].Name == t.Name {
			inForce = inForce[:n]
		}
		inForce = append(inForce, t)
	}
	return slices.DeleteFunc(inForce, func(t Tax) bool { return t.Percent.IsZero() })
}

// Taxes are the lines of the taxes on a statement's other lines: one for each tax, rate and currency. A line is
// taxed as its own period is, so that what gives back gives back the tax that was billed. The amount is
// rounded once, at the tax's line, half to even.
func Taxes(lines []Line, list []Tax, tenant topology.TenantID, invoiced Period) (taxes []Line) {
	type taxed struct {
		name, currency string
		rate           string // of the same name there may be several, of several periods
	}
	nets := map[taxed]*Line{}
	for _, l := range lines {
		if l.Charge == ChargeTax {
			continue
		}
		for _, t := range TaxesFor(list, tenant, l.Period) {
			k := taxed{t.Name, l.Currency, t.Percent.String()}
			if nets[k] == nil {
				nets[k] = t.line(tenant, invoiced, l.Currency)
			}
			nets[k].Quantity = nets[k].Quantity.Add(l.Amount)
		}
	}
	for _, l := range nets {
		if !l.Quantity.IsZero() {
			l.Amount = signed(l.Quantity.Mul(l.UnitPrice), hundred, l.Currency)
			taxes = append(taxes, *l)
		}
	}
	slices.SortFunc(taxes, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Dimension, b.Dimension), cmp.Compare(a.Currency, b.Currency), a.PriceFrom.Compare(b.PriceFrom), cmp.Compare(a.ID, b.ID))
	})
	return taxes
}

// line is that of a tax in a currency: its quantity is the sum of what is taxed.
func (t Tax) line(tenant topology.TenantID, invoiced Period, currency string) *Line {
	l := Line{
		Key: Key{Tenant: tenant, Dimension: t.Name}, Period: invoiced, Start: invoiced.Start, End: invoiced.End, Charge: ChargeTax,
		QuantityUnit: currency, Model: catalog.ModelPercentage, UnitPrice: t.Percent, Unit: currency, Currency: currency,
		PriceFrom: t.From, Contract: t.Tenant != "",
	}
	l.ID = strings.Join([]string{lineID(l), currency}, "-")
	return &l
}

// signed is rounded for what may be negative.
func signed(a, b decimal.Decimal, currency string) decimal.Decimal {
	if a.IsNegative() {
		return rounded(a.Neg(), b, currency).Neg()
	}
	return rounded(a, b, currency)
}
