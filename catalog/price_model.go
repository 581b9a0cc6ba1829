package catalog

import (
	"time"

	"github.com/shopspring/decimal"
)

// Price is what a dimension of a plan costs from a moment on. Prices are appended,
// never altered: what was billed stays explained.
//
// Amount is per Unit unless the model says otherwise. Tiers, included quantity,
// minimum and fixed amounts hold for a billing period.
type Price struct {
	Dimension string          `json:"dimension"` // what is metered, or the name of a fee
	Unit      string          `json:"unit"`      // "hour", "gigabyte", …; none for a fixed amount
	Amount    decimal.Decimal `json:"amount"`
	Currency  string          `json:"currency"` // ISO 4217
	From      time.Time       `json:"from"`     // UTC; zero = from the beginning

	Model    Model           `json:"model,omitempty"`
	Tiers    []Tier          `json:"tiers,omitempty"`   // graduated and volume, in ascending order
	Size     decimal.Decimal `json:"size,omitzero"`     // package: units in one
	Included decimal.Decimal `json:"included,omitzero"` // units of a period that cost nothing
	Minimum  decimal.Decimal `json:"minimum,omitzero"`  // least amount of a period in which the plan was used
	Prorate  bool            `json:"prorate,omitempty"` // Minimum, or a recurring Amount, for the seconds of use only
	Trial    int             `json:"trial,omitempty"`   // days of 24 hours from the instance's first moment, in which nothing is due
	Tenant   string          `json:"tenant,omitempty"`  // a contract price: for this tenant only, before the price for all
	Until    time.Time       `json:"until,omitzero"`    // of a contract price: when it ends, exclusive; zero = never
}

// Model is how a quantity becomes an amount.
type Model string

// The models. Only those from graduated on take the place of the amount per unit.
const (
	ModelUnit       Model = ""           // Amount for each unit, in proportion: a second of an hour counts as such
	ModelGraduated  Model = "graduated"  // each part of the quantity at the amount of the tier that it falls in
	ModelVolume     Model = "volume"     // the whole quantity at the amount of the tier that its end falls in
	ModelPackage    Model = "package"    // Amount for each begun package of Size units
	ModelPercentage Model = "percentage" // Amount percent of a quantity that is money itself
	ModelFlat       Model = "flat"       // Amount for a period in which the dimension was used at all
	ModelRecurring  Model = "recurring"  // a fee: Amount for a period in which the instance was active
	ModelOnce       Model = "once"       // a fee: Amount once, when the instance is active for the first time
)

// Tier is a step of a graduated or a volume price.
type Tier struct {
	UpTo   *decimal.Decimal `json:"up_to,omitempty"` // units, inclusive; none in the last tier only
	Amount decimal.Decimal  `json:"amount"`          // per unit
}

// Fee says whether the price is not of a metered quantity but of the instance's
// being active.
func (p Price) Fee() bool { return p.Model == ModelRecurring || p.Model == ModelOnce }

// PriceFor is the price in force for a tenant at a moment: its contract price, else
// the price for all.
func PriceFor(prices []Price, tenant, dimension string, at time.Time) (Price, bool) {
	if tenant != "" {
		if p, ok := inForce(prices, tenant, dimension, at); ok {
			return p, true
		}
	}
	return inForce(prices, "", dimension, at)
}

// PriceAt is the price for all that is in force at a moment.
func PriceAt(prices []Price, dimension string, at time.Time) (Price, bool) {
	return inForce(prices, "", dimension, at)
}

// inForce is the latest that has begun; it is none when that one has ended.
func inForce(prices []Price, tenant, dimension string, at time.Time) (found Price, ok bool) {
	for _, p := range prices {
		if p.Tenant == tenant && p.Dimension == dimension && !p.From.After(at) && !p.From.Before(found.From) {
			found, ok = p, true
		}
	}
	return found, ok && (found.Until.IsZero() || at.Before(found.Until))
}

// Quantitative says whether the amount follows a quantity.
func (p Price) Quantitative() bool {
	return !p.Fee() && p.Model != ModelFlat
}
