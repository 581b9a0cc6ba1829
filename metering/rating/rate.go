package rating

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// Prices are all versions of each plan's prices, contract prices included.
type Prices map[catalog.PlanID][]catalog.Price

// Rate is the lines of a billing period. It is to be given all usage that has to do with
// the period; what lies outside is left out. Usage for which no price is in force is
// free and gives no line.
//
// fault.Invalid when prices or usage are unsound, or usage is in a unit that its price
// cannot be applied to; fault.Conflict when two records have one id and differ. The same record twice
// counts once.
func Rate(usage []Usage, prices Prices, period Period) ([]Line, error) {
	accounts, err := accountsOf(usage)
	if err != nil {
		return nil, err
	}
	if err := prices.check(accounts); err != nil {
		return nil, err
	}
	lines := []Line{}
	for key, a := range accounts {
		for dimension := range dimensions(prices[key.Plan]) {
			more, err := a.rate(dimension, prices[key.Plan], period)
			if err != nil {
				return nil, err
			}
			lines = append(lines, more...)
		}
	}
	return ordered(lines), nil
}

// check looks at the prices of each plan in use once.
func (p Prices) check(accounts map[Key]*account) error {
	checked := map[catalog.PlanID]bool{}
	for key := range accounts {
		if checked[key.Plan] {
			continue
		}
		checked[key.Plan] = true
		if err := catalog.PricesError(catalog.CheckPrices(p[key.Plan])); err != nil {
			return fmt.Errorf("cannot rate plan %q: %w", key.Plan, err)
		}
	}
	return nil
}

func dimensions(prices []catalog.Price) map[string]bool {
	found := map[string]bool{}
	for _, p := range prices {
		found[p.Dimension] = true
	}
	return found
}

// account is the use of one plan by one instance.
type account struct {
	key   Key
	began time.Time
	usage map[string][]Usage // by dimension
}

func accountsOf(usage []Usage) (map[Key]*account, error) {
	accounts, seen := map[Key]*account{}, map[string]Usage{}
	for _, u := range usage {
		if err := u.check(); err != nil {
			return nil, err
		}
		before, known := seen[u.ID]
		switch {
		case known && !before.equal(u):
			return nil, fault.New(fault.Conflict, "two usage records have the id %q and differ", u.ID)
		case known:
			continue
		}
		seen[u.ID] = u
		key := u.account()
		if accounts[key] == nil {
			accounts[key] = &account{key: key, usage: map[string][]Usage{}}
		}
		accounts[key].add(u)
	}
	return accounts, nil
}

func (a *account) add(u Usage) {
	if a.began.IsZero() || !u.Began.IsZero() && u.Began.Before(a.began) {
		a.began = u.Began
	}
	a.usage[u.Dimension] = append(a.usage[u.Dimension], u)
}

func (u Usage) equal(o Usage) bool {
	return u.Key == o.Key && u.Start.Equal(o.Start) && u.End.Equal(o.End) && u.Began.Equal(o.Began) &&
		u.Level.Equal(o.Level) && u.Quantity.Equal(o.Quantity) && u.Unit == o.Unit
}

// measured is a segment with the usage in it.
type measured struct {
	segment
	records  []Usage         // that the price is of
	active   []Usage         // the instance's time
	quantity decimal.Decimal // of records, in their unit
	before   decimal.Decimal // of the segments before this one
}

// rate is the lines of one dimension.
func (a *account) rate(dimension string, prices []catalog.Price, period Period) ([]Line, error) {
	key := a.key
	key.Dimension = dimension
	var parts []measured
	ran := run{period: period, began: a.began}
	for _, s := range segments(prices, key, period, a.began) {
		m, err := a.measure(s, dimension)
		if err != nil {
			return nil, err
		}
		m.before = ran.total
		ran.total = ran.total.Add(m.quantity)
		ran.used = ran.used || len(m.records) > 0
		ran.present = ran.present || len(m.records)+len(m.active) > 0
		parts = append(parts, m)
	}
	var lines []Line
	for _, m := range parts {
		for _, c := range ran.charges(m) {
			lines = append(lines, c.line(key, period, m))
		}
	}
	return lines, nil
}

func (a *account) measure(s segment, dimension string) (measured, error) {
	if s.price.Fee() {
		dimension = catalog.DimensionInstance
	}
	m := measured{segment: s}
	base, _ := catalog.BaseUnit(s.price.Unit)
	for _, u := range a.usage[dimension] {
		quantity, ok := u.within(s.Period)
		if !ok {
			continue
		}
		if s.price.Quantitative() && u.base() != base {
			return m, fault.New(fault.Invalid, "usage %q is in %q, which the price of %q per %q does not fit", u.ID, u.base(), s.price.Dimension, s.price.Unit)
		}
		m.quantity = m.quantity.Add(quantity)
		m.records = append(m.records, u)
	}
	for _, u := range a.usage[catalog.DimensionInstance] {
		if _, ok := u.within(s.Period); ok {
			m.active = append(m.active, u)
		}
	}
	return m, nil
}
