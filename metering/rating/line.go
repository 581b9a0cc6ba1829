package rating

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
)

// Charge is what a line is for.
type Charge string

const (
	ChargeUsage    Charge = "usage"    // a quantity
	ChargeIncluded Charge = "included" // a quantity that costs nothing
	ChargeFee      Charge = "fee"      // an amount for a period, or once
	ChargeMinimum  Charge = "minimum"  // what a minimum is above the rest
	ChargeCredit   Charge = "credit"   // what a tenant is granted

	ChargeServiceLevel Charge = "service-level" // what a broken promise gives back
	ChargeTax          Charge = "tax"           // on the other lines of a statement
)

// Line is one amount of a billing period. Lines are never altered; see Correct.
type Line struct {
	ID string `json:"id"` // the same for the same key, period, price, charge and tier
	Key
	Period Period    `json:"period"` // the billing period
	Start  time.Time `json:"start"`  // of the part of it in which the price is in force
	End    time.Time `json:"end"`    // exclusive
	Charge Charge    `json:"charge"`

	Quantity     decimal.Decimal `json:"quantity"`                // exact
	QuantityUnit string          `json:"quantity_unit,omitempty"` // "second", "byte", …
	Packages     decimal.Decimal `json:"packages,omitzero"`       // begun ones, of a price per package

	Model     catalog.Model   `json:"model,omitempty"`
	Tier      int             `json:"tier,omitempty"`      // from 1
	UnitPrice decimal.Decimal `json:"unit_price"`          // per Unit, of the tier if there is one; of a percentage in percent
	Unit      string          `json:"unit,omitempty"`      // "hour", "gigabyte", …
	Currency  string          `json:"currency"`            // ISO 4217
	PriceFrom time.Time       `json:"price_from,omitzero"` // which version of the price
	Contract  bool            `json:"contract,omitempty"`  // it is the tenant's own price
	Amount    decimal.Decimal `json:"amount"`              // rounded to the currency's places

	Evidence Evidence `json:"evidence"`
	Share    *Holding `json:"share,omitempty"` // of a line of a vendor's statement

	// Of a correction: the line it corrects, and what was billed for that before.
	Corrects string          `json:"corrects,omitempty"`
	Before   decimal.Decimal `json:"before,omitzero"`

	// Of a refund: the line of which it gives back, and in Before what was given back of that before,
	// negative. Of what is granted, and of refunds: by which credit, and why.
	Refunds string `json:"refunds,omitempty"`
	Credit  string `json:"credit,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// ReasonDigest stands for the reason in what is stored and hashed, so that the reason can be erased.
	ReasonDigest string `json:"reason_digest,omitempty"`
}

// lineID depends on nothing that late usage can change.
func lineID(l Line) string {
	h := sha256.New()
	for _, fact := range []string{
		string(l.Tenant), string(l.Serves), l.Platform, string(l.Service), string(l.Plan), string(l.Instance), fmt.Sprint(l.Life), l.Dimension,
		stamp(l.Period.Start), stamp(l.Start), stamp(l.PriceFrom), fmt.Sprint(l.Contract), string(l.Charge), fmt.Sprint(l.Tier),
	} {
		fmt.Fprintf(h, "%d:%s", len(fact), fact)
	}
	return l.Period.Start.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(h.Sum(nil)[:16])
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// ordered sorts lines by what they are for.
func ordered(lines []Line) []Line {
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(a.Period.Start.Compare(b.Period.Start), a.Key.compare(b.Key), a.Start.Compare(b.Start),
			cmp.Compare(rank(a.Charge), rank(b.Charge)), cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.ID, b.ID))
	})
	return lines
}

func rank(c Charge) int {
	return slices.Index([]Charge{ChargeIncluded, ChargeUsage, ChargeFee, ChargeMinimum, ChargeServiceLevel, ChargeCredit, ChargeTax}, c)
}

// Total is the sum of lines by currency.
func Total(lines []Line) map[string]decimal.Decimal {
	sums := map[string]decimal.Decimal{}
	for _, l := range lines {
		sums[l.Currency] = sums[l.Currency].Add(l.Amount)
	}
	return sums
}

// RestsOn is the usage that is the line's evidence, out of any: of its instance, plan
// and time, and of what its price is of.
func (l Line) RestsOn(p catalog.Price, usage []Usage) (some []Usage) {
	dimension := l.Dimension
	fixed := l.Charge == ChargeFee || l.Charge == ChargeMinimum
	if p.Fee() || fixed && p.Prorate || l.Charge == ChargeServiceLevel {
		dimension = catalog.DimensionInstance
	}
	for _, u := range usage {
		_, counts := u.within(Period{l.Start, l.End})
		if counts && u.account() == l.account() && u.Dimension == dimension {
			some = append(some, u)
		}
	}
	return some
}
