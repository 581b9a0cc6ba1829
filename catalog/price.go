package catalog

import (
	"fmt"
	"regexp"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// The dimension that is metered, and its unit: the time during which an instance is
// active, in hours.
const (
	DimensionInstance = "instance"
	UnitHour          = "hour"
)

func metered(dimension, unit string) bool { return dimension == DimensionInstance && unit == UnitHour }

// PriceAt is the price in force at a moment.
func PriceAt(prices []Price, dimension string, at time.Time) (Price, bool) {
	var found Price
	ok := false
	for _, p := range prices {
		if p.Dimension == dimension && !p.From.After(at) && !p.From.Before(found.From) {
			found, ok = p, true
		}
	}
	return found, ok
}

// suggestedPrices are the package's list prices of a configuration: those that
// name it, else those for all. Dimensions that are not metered are left out,
// because they would be promised and never billed.
func suggestedPrices(suggested []ovf.Price, configuration string) []Price {
	var own, general []Price
	for _, s := range suggested {
		amount, err := decimal.NewFromString(s.Amount)
		price := Price{Dimension: s.Dimension, Unit: s.Unit, Amount: amount, Currency: s.Currency}
		switch {
		case err != nil || !metered(s.Dimension, s.Unit):
		case s.Configuration == configuration:
			own = append(own, price)
		case s.Configuration == "":
			general = append(general, price)
		}
	}
	if len(own) > 0 {
		return own
	}
	return general
}

// appended is the history of a plan's prices with one more.
func appended(prices []Price, p Price, at time.Time) ([]Price, error) {
	if len(prices) == 0 && p.From.After(at) {
		return prices, fault.New(fault.Invalid, "the first price of a plan cannot begin later; set the present one first, 0 for none")
	}
	if len(prices) == 0 {
		p.From = p.From.UTC()
		return []Price{p}, nil
	}
	last := prices[len(prices)-1]
	if p.From.IsZero() {
		p.From = at
	}
	switch {
	case p.Currency != last.Currency:
		return prices, fault.New(fault.Invalid, "the plan is priced in %s and cannot change to %s", last.Currency, p.Currency)
	case p.From.Before(at) || !p.From.After(last.From):
		return prices, fault.New(fault.Invalid, "a price cannot begin in the past or before the one that begins at %s", last.From.Format(time.RFC3339))
	}
	p.From = p.From.UTC()
	return append(prices[:len(prices):len(prices)], p), nil
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// check says what is wrong with a price. The exponent is looked at first: an
// amount of 1e999999999 must not be written out.
func (p Price) check() error {
	switch {
	case !metered(p.Dimension, p.Unit):
		return fault.New(fault.Invalid, "a price is of dimension %q per %q, not %q per %q: nothing else is metered", DimensionInstance, UnitHour, p.Dimension, p.Unit)
	case p.Amount.IsNegative():
		return fault.New(fault.Invalid, "a price cannot be negative")
	case p.Amount.Exponent() < -9 || p.Amount.Exponent() > 12 || p.Amount.GreaterThan(decimal.New(1, 12)):
		return fault.New(fault.Invalid, "a price has at most 9 decimal places and is at most 10^12")
	case !currencyCode.MatchString(p.Currency):
		return fault.New(fault.Invalid, "%q is not a currency code of ISO 4217, such as EUR", p.Currency)
	}
	return nil
}

// unpriced says which plans nobody could be billed for.
func unpriced(plans []Plan) []string {
	var m []string
	for _, p := range plans {
		if len(p.Prices) == 0 {
			m = append(m, noPrice(p))
		}
		for n, price := range p.Prices {
			if err := price.check(); err != nil {
				m = append(m, fmt.Sprintf("plan %q: %s", p.Name, fault.Message(err)))
			}
			if n > 0 && price.From.Equal(p.Prices[n-1].From) {
				m = append(m, fmt.Sprintf("plan %q has two prices from the same moment", p.Name))
			}
			if n > 0 && price.Currency != p.Prices[0].Currency {
				m = append(m, fmt.Sprintf("plan %q has prices in %s and %s; a plan has one currency", p.Name, p.Prices[0].Currency, price.Currency))
			}
		}
	}
	return m
}

func noPrice(p Plan) string {
	return fmt.Sprintf("plan %q has no price; set one with `bumpwire price set`, 0 for a free plan", p.Name)
}
