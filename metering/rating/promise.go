package rating

import (
	"cmp"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// Promise is how much of the time instances of a plan work, and what tenants are credited with when they do
// not: in each billing period from the first on that does not begin before it, until the next one of the plan.
type Promise struct {
	Service  catalog.ServiceID `json:"service"`
	Plan     catalog.PlanID    `json:"plan"`
	Levels   []Level           `json:"levels"`             // none: nothing is promised from then on
	Degraded bool              `json:"degraded,omitempty"` // time in which an instance is degraded counts as if it failed
	Bypassed bool              `json:"bypassed,omitempty"` // and time in which traffic gets past it, whoever wanted that
	From     time.Time         `json:"from"`
}

// Level is what is credited below an availability.
type Level struct {
	Below  decimal.Decimal `json:"below"`  // percent of the time of use, more than 0 and at most 100
	Credit decimal.Decimal `json:"credit"` // percent of what the instance was billed on the plan, more than 0 and at most 100
}

// DimensionAvailability is what lines of ChargeServiceLevel are for.
const DimensionAvailability = "availability"

const maxLevels = 10

// Check says what is wrong with a promise. fault.Invalid.
func (p Promise) Check() error {
	if len(p.Levels) > maxLevels {
		return fault.New(fault.Invalid, "a promise has up to %d levels", maxLevels)
	}
	for n, l := range p.Levels {
		for _, d := range []decimal.Decimal{l.Below, l.Credit} {
			if !d.IsPositive() || d.GreaterThan(hundred) || d.Exponent() < -6 {
				return fault.New(fault.Invalid, "availabilities and credits are more than 0 and at most 100 percent, with at most 6 decimal places")
			}
		}
		if n > 0 && (!l.Below.LessThan(p.Levels[n-1].Below) || !l.Credit.GreaterThan(p.Levels[n-1].Credit)) {
			return fault.New(fault.Invalid, "the levels of a promise go from the highest availability to the lowest, and the credit rises")
		}
	}
	return nil
}

// Compare orders by service, plan and beginning.
func (p Promise) Compare(o Promise) int {
	return cmp.Or(cmp.Compare(p.Service, o.Service), cmp.Compare(p.Plan, o.Plan), p.From.Compare(o.From))
}

// PromiseFor is the promise in force for a plan in a billing period.
func PromiseFor(list []Promise, plan catalog.PlanID, period Period) (found Promise, ok bool) {
	for _, p := range list {
		if p.Plan == plan && !p.From.After(period.Start) && (!ok || p.From.After(found.From)) {
			found, ok = p, true
		}
	}
	return found, ok && len(found.Levels) > 0
}

// credit is the percentage that is due when an instance failed for so many of its seconds.
func (p Promise) credit(used, failed decimal.Decimal) (percent decimal.Decimal) {
	worked := used.Sub(failed).Mul(hundred)
	for _, l := range p.Levels {
		if worked.LessThan(l.Below.Mul(used)) {
			percent = l.Credit
		}
	}
	return percent
}

// ServiceCredits are the lines that promises of a period come to, given all usage of the period and the lines
// of that: a part, rounded half to even, of what an instance was billed on a plan. They are shared as these are, and corrected with them.
func ServiceCredits(usage []Usage, lines []Line, promises []Promise, period Period) (credits []Line) {
	if len(promises) == 0 {
		return nil
	}
	type account struct {
		used, failed, degraded, bypassed decimal.Decimal
		evidence                         []Usage
	}
	accounts := map[Key]*account{}
	for _, u := range usage {
		part, counts := u.within(period)
		if !counts || u.Dimension != catalog.DimensionInstance {
			continue
		}
		a := accounts[u.account()]
		if a == nil {
			a = &account{}
			accounts[u.account()] = a
		}
		a.used, a.failed = a.used.Add(part).Sub(u.Suspended), a.failed.Add(u.Failed) // nothing is promised of what is suspended
		a.degraded, a.bypassed = a.degraded.Add(u.Degraded), a.bypassed.Add(u.Bypassed)
		a.evidence = append(a.evidence, u)
	}
	billed := map[Key]Line{}
	for _, l := range lines {
		sum := billed[l.account()]
		sum.Currency, sum.Amount = l.Currency, sum.Amount.Add(l.Amount)
		billed[l.account()] = sum
	}
	for key, a := range accounts {
		p, ok := PromiseFor(promises, key.Plan, period)
		if !ok {
			continue
		}
		if p.Degraded {
			a.failed = a.failed.Add(a.degraded)
		}
		if p.Bypassed {
			a.failed = a.failed.Add(a.bypassed)
		}
		percent := p.credit(a.used, a.failed)
		if amount := rounded(billed[key].Amount.Mul(percent), hundred, billed[key].Currency); amount.IsPositive() {
			credits = append(credits, p.line(key, period, a.failed, percent, amount, billed[key].Currency, EvidenceOf(a.evidence)))
		}
	}
	return ordered(credits)
}

func (p Promise) line(k Key, period Period, failed, percent, amount decimal.Decimal, currency string, e Evidence) Line {
	k.Dimension = DimensionAvailability
	l := Line{
		Key: k, Period: period, Start: period.Start, End: period.End, Charge: ChargeServiceLevel,
		Quantity: failed, QuantityUnit: catalog.UnitSecond, Model: catalog.ModelPercentage, UnitPrice: percent, Unit: currency,
		Currency: currency, PriceFrom: p.From, Amount: amount.Neg(), Evidence: e,
	}
	l.ID = lineID(l)
	return l
}
