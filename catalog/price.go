package catalog

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// suggestedPrices are the package's list prices of a configuration: those that
// name it, else those for all. Dimensions that nobody meters or reports are left out,
// because they would be promised and never billed.
func suggestedPrices(network ovf.NetworkService, configuration string) []Price {
	var own, general []Price
	for _, s := range network.Prices {
		amount, err := decimal.NewFromString(s.Amount)
		price := Price{Dimension: s.Dimension, Unit: s.Unit, Amount: amount, Currency: s.Currency}
		switch {
		case err != nil || !metered(s.Dimension, s.Unit) && (OwnDimension(s.Dimension) || network.UsageKeyProperty == ""):
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
	last, known := latestOf(prices, p.Dimension)
	switch {
	case !known && p.From.After(at):
		return prices, fault.New(fault.Invalid, "the first price of a dimension cannot begin later; set the present one first, 0 for none")
	case !known && len(prices) > 0 && p.Currency != prices[0].Currency:
		return prices, fault.New(fault.Invalid, "the plan is priced in %s and cannot have a price in %s", prices[0].Currency, p.Currency)
	case !known:
		p.From = p.From.UTC()
		return append(prices[:len(prices):len(prices)], p), nil
	}
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

// latestOf is the last price of a dimension.
func latestOf(prices []Price, dimension string) (last Price, ok bool) {
	for _, p := range prices {
		if p.Dimension == dimension {
			last, ok = p, true
		}
	}
	return last, ok
}

// Hourly says whether a price means the same in each hour by itself as in a billing
// period, so that each hour has a record of what it costs; of others, and of all that lasts
// besides the instance itself, only statements tell.
func (p Price) Hourly() bool {
	_, _, lasts := LevelUnit(OwnUnit(p.Dimension))
	return (p.Dimension == DimensionInstance && p.Unit == UnitHour || !lasts) && p.Model == ModelUnit && p.Included.IsZero() && p.Minimum.IsZero() &&
		p.Trial == 0 && p.Tenant == ""
}

// check says what is wrong with a price that is to be billed by.
func (p Price) check() error {
	if p.Tenant != "" {
		return fault.New(fault.Invalid, "a price for one tenant is not among those for all: whoever reads the catalog would see it")
	}
	return PricesError(p.Findings())
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
			if last, ok := latestOf(p.Prices[:n], price.Dimension); ok && price.From.Equal(last.From) {
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
