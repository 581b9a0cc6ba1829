package catalog

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Words are a price as people read it: "0.12 EUR/hour".
func (p Price) Words() string {
	text := p.amountWords()
	if p.Included.IsPositive() {
		text += fmt.Sprintf(", %s included", p.Included)
	}
	if p.Minimum.IsPositive() {
		text += fmt.Sprintf(", at least %s %s/month", p.Minimum, p.Currency)
	}
	if p.Trial > 0 {
		text += fmt.Sprintf(", free for %d days", p.Trial)
	}
	return text
}

func (p Price) amountWords() string {
	switch p.Model {
	case ModelGraduated, ModelVolume:
		var tiers []string
		for _, t := range p.Tiers {
			if t.UpTo != nil {
				tiers = append(tiers, fmt.Sprintf("%s up to %s", t.Amount, t.UpTo))
				continue
			}
			tiers = append(tiers, fmt.Sprintf("%s above", t.Amount))
		}
		return fmt.Sprintf("%s: %s, %s/%s", p.Model, strings.Join(tiers, ", "), p.Currency, p.Unit)
	case ModelPackage:
		return fmt.Sprintf("%s %s per %s %s", p.Amount, p.Currency, p.Size, p.Unit)
	case ModelPercentage:
		return fmt.Sprintf("%s %% of %s", p.Amount, p.Dimension)
	case ModelFlat, ModelRecurring:
		return fmt.Sprintf("%s %s/month", p.Amount, p.Currency)
	case ModelOnce:
		return fmt.Sprintf("%s %s once", p.Amount, p.Currency)
	}
	return fmt.Sprintf("%s %s/%s", p.Amount, p.Currency, p.Unit)
}

// Cost is an amount as a platform shows it: per Unit, which is free text.
type Cost struct {
	Amount         decimal.Decimal
	Currency, Unit string
}

// Costs are what a plan costs at a moment, for all tenants; what costs nothing is left out.
func Costs(prices []Price, at time.Time) (list []Cost) {
	for _, p := range InForce(prices, at) {
		for _, c := range p.costs() {
			if !c.Amount.IsZero() {
				list = append(list, c)
			}
		}
	}
	return list
}

// InForce are the prices for all tenants at a moment, one per dimension, in the order in
// which the dimensions were priced first.
func InForce(prices []Price, at time.Time) (list []Price) {
	seen := map[string]bool{}
	for _, p := range prices {
		now, ok := PriceAt(prices, p.Dimension, at)
		if ok && !seen[p.Dimension] {
			list = append(list, now)
		}
		seen[p.Dimension] = true
	}
	return list
}

func (p Price) costs() (list []Cost) {
	add := func(amount decimal.Decimal, unit string) {
		list = append(list, Cost{amount, p.Currency, strings.ToUpper(unit)})
	}
	switch p.Model {
	case ModelGraduated, ModelVolume:
		low := decimal.Zero
		for _, t := range p.Tiers {
			if t.UpTo == nil {
				add(t.Amount, fmt.Sprintf("%s over %s", p.Unit, low))
				continue
			}
			add(t.Amount, fmt.Sprintf("%s up to %s", p.Unit, t.UpTo))
			low = *t.UpTo
		}
	case ModelPackage:
		add(p.Amount, fmt.Sprintf("%s %s", p.Size, p.Unit))
	case ModelPercentage:
		add(p.Amount.Shift(-2), p.Currency+" of "+p.Dimension)
	case ModelFlat, ModelRecurring:
		add(p.Amount, "monthly")
	case ModelOnce:
		add(p.Amount, "once")
	default:
		add(p.Amount, p.Unit)
	}
	add(p.Minimum, "monthly at least")
	return list
}
