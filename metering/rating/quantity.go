package rating

import (
	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
)

var (
	one     = decimal.New(1, 0)
	hundred = decimal.New(100, 0)
)

// stretch is the part [from, to) of the quantity that runs up over a period.
type stretch struct{ from, to decimal.Decimal }

func (s stretch) length() decimal.Decimal { return s.to.Sub(s.from) }

// clip is the part between two quantities; it may be empty.
func (s stretch) clip(low, high decimal.Decimal) stretch {
	from := decimal.Max(s.from, low)
	return stretch{from, decimal.Max(from, decimal.Min(s.to, high))}
}

// less is the stretch when the first of a quantity do not count.
func (s stretch) less(free decimal.Decimal) stretch {
	return stretch{decimal.Max(decimal.Zero, s.from.Sub(free)), decimal.Max(decimal.Zero, s.to.Sub(free))}
}

// quantities are the charges for a segment's quantity; none when it is zero.
func (r run) quantities(m measured) []charge {
	base, size := catalog.BaseUnit(m.price.Unit)
	used, free := stretch{m.before, m.before.Add(m.quantity)}, m.price.Included.Mul(size)
	var list []charge
	if n := used.clip(decimal.Zero, free).length(); n.IsPositive() {
		list = append(list, charge{kind: ChargeIncluded, quantity: n})
	}
	if paid := used.less(free); paid.length().IsPositive() {
		list = append(list, priced(m.price, size, paid, r.total.Sub(free))...)
	}
	for n := range list {
		list[n].unit, list[n].evidence = base, m.records
	}
	return list
}

// priced are the charges for a stretch; total is where the period's quantity ends.
func priced(p catalog.Price, size decimal.Decimal, s stretch, total decimal.Decimal) []charge {
	switch p.Model {
	case catalog.ModelGraduated:
		return graduated(p, size, s)
	case catalog.ModelVolume:
		tier := tierOf(p.Tiers, total, size)
		return []charge{perUnit(p, s.length(), size, p.Tiers[tier].Amount, tier+1)}
	case catalog.ModelPackage:
		n := packages(s.to, p.Size.Mul(size)).Sub(packages(s.from, p.Size.Mul(size)))
		return []charge{{kind: ChargeUsage, quantity: s.length(), packages: n, unitPrice: p.Amount, amount: rounded(n.Mul(p.Amount), one, p.Currency)}}
	case catalog.ModelPercentage:
		return []charge{perUnit(p, s.length(), hundred, p.Amount, 0)}
	default:
		return []charge{perUnit(p, s.length(), size, p.Amount, 0)}
	}
}

func perUnit(p catalog.Price, quantity, size, amount decimal.Decimal, tier int) charge {
	return charge{kind: ChargeUsage, quantity: quantity, tier: tier, unitPrice: amount, amount: rounded(quantity.Mul(amount), size, p.Currency)}
}

// graduated is a charge for each tier that the stretch touches.
func graduated(p catalog.Price, size decimal.Decimal, s stretch) []charge {
	var list []charge
	low := decimal.Zero
	for n, t := range p.Tiers {
		high := s.to
		if t.UpTo != nil && n < len(p.Tiers)-1 {
			high = t.UpTo.Mul(size)
		}
		if part := s.clip(low, high).length(); part.IsPositive() {
			list = append(list, perUnit(p, part, size, t.Amount, n+1))
		}
		low = high
	}
	return list
}

// tierOf is the tier that a quantity ends in. The last has no end.
func tierOf(tiers []catalog.Tier, quantity, size decimal.Decimal) int {
	for n, t := range tiers {
		if t.UpTo != nil && quantity.LessThanOrEqual(t.UpTo.Mul(size)) {
			return n
		}
	}
	return len(tiers) - 1
}

// packages is how many a quantity begins.
func packages(quantity, size decimal.Decimal) decimal.Decimal {
	whole, rest := quantity.QuoRem(size, 0)
	if rest.IsPositive() {
		return whole.Add(one)
	}
	return whole
}
