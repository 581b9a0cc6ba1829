package rating

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
)

// run is what a dimension's segments have in common.
type run struct {
	period  Period
	began   time.Time
	total   decimal.Decimal // quantity of all segments
	used    bool            // there is usage of the dimension
	present bool            // there is that, or the instance was active
}

// charge is a line's own part.
type charge struct {
	kind      Charge
	quantity  decimal.Decimal
	unit      string
	packages  decimal.Decimal
	tier      int
	unitPrice decimal.Decimal
	amount    decimal.Decimal
	evidence  []Usage
}

func (c charge) line(k Key, period Period, m measured) Line {
	l := Line{
		Key: k, Period: period, Start: m.Start, End: m.End, Charge: c.kind,
		Quantity: c.quantity, QuantityUnit: c.unit, Packages: c.packages, Model: m.price.Model, Tier: c.tier,
		UnitPrice: c.unitPrice, Unit: m.price.Unit, Currency: m.price.Currency, PriceFrom: m.price.From, Contract: m.price.Tenant != "",
		Amount: c.amount, Evidence: EvidenceOf(c.evidence),
	}
	l.ID = lineID(l)
	return l
}

// charges are those of one segment, the minimum last.
func (r run) charges(m measured) []charge {
	var list []charge
	switch m.price.Model {
	case catalog.ModelFlat, catalog.ModelRecurring:
		if r.used {
			list = append(list, r.fixed(m, ChargeFee, m.price.Amount))
		}
	case catalog.ModelOnce:
		if slices.ContainsFunc(m.records, func(u Usage) bool { return begins(u, r.began) }) && m.Contains(r.began) {
			list = append(list, charge{kind: ChargeFee, quantity: one, unitPrice: m.price.Amount, amount: rounded(m.price.Amount, one, m.price.Currency), evidence: m.records})
		}
	default:
		list = r.quantities(m)
	}
	if m.price.Minimum.IsPositive() && r.present {
		list = append(list, r.minimum(m, list)...)
	}
	return list
}

// begins says whether an instance's first moment lies in its usage.
func begins(u Usage, began time.Time) bool {
	return u.Start.Equal(began) || Period{u.Start, u.End}.Contains(began)
}

// fixed is a segment's part of an amount for a whole period. It is due for all
// segments once the period has any use; prorated, for the seconds of use.
func (r run) fixed(m measured, kind Charge, amount decimal.Decimal) charge {
	part, evidence := seconds(m.length()), m.records
	if m.price.Prorate {
		part, evidence = seconds(covered(m.active, m.Period)), m.active
	}
	return charge{
		kind: kind, quantity: part, unit: catalog.UnitSecond, unitPrice: amount,
		amount: rounded(amount.Mul(part), seconds(r.period.length()), m.price.Currency), evidence: evidence,
	}
}

// minimum is what the segment's part of the minimum is above its other lines.
func (r run) minimum(m measured, others []charge) []charge {
	c := r.fixed(m, ChargeMinimum, m.price.Minimum)
	for _, o := range others {
		c.amount = c.amount.Sub(o.amount)
	}
	if !c.amount.IsPositive() {
		return nil
	}
	return []charge{c}
}

// covered is how much of a period lies in some usage; overlapping usage counts once.
func covered(usage []Usage, p Period) (sum time.Duration) {
	sorted := slices.SortedFunc(slices.Values(usage), func(a, b Usage) int { return a.Start.Compare(b.Start) })
	rest := p
	for _, u := range sorted {
		if part, ok := rest.clip(Period{u.Start, u.End}); ok {
			sum += part.length()
			rest.Start = part.End
		}
	}
	return sum
}
