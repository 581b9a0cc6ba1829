package rating

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// Operator is the party that is not the vendor.
const Operator = "operator"

// Holding is of what a line is a share, and how large.
type Holding struct {
	Of        decimal.Decimal `json:"of"`        // the amount of the tenant's line
	Weight    decimal.Decimal `json:"weight"`    // the party's
	Whole     decimal.Decimal `json:"whole"`     // sum of all parties'
	Agreement time.Time       `json:"agreement"` // from when on it is agreed

	Service catalog.ServiceID `json:"service,omitempty"` // for which it is agreed; none: for all that have no agreement of their own
}

// Weights of an agreement are integers.
const maxWeight = 1_000_000

// Check says what is wrong with an agreement. fault.Invalid.
func (a Agreement) Check() error {
	if a.Vendor == "" || a.Vendor == Operator {
		return fault.New(fault.Invalid, "%q cannot be the vendor of an agreement", a.Vendor)
	}
	if len(a.Shares) != 2 || a.Shares[0].Party != a.Vendor || a.Shares[1].Party != Operator {
		return fault.New(fault.Invalid, "an agreement has two shares: the vendor's, then the %s's", Operator)
	}
	for _, s := range a.Shares {
		if !s.Weight.IsInteger() || s.Weight.IsNegative() || s.Weight.GreaterThan(decimal.New(maxWeight, 0)) {
			return fault.New(fault.Invalid, "a share is a fraction from 0 to 1 of integers up to %d", maxWeight)
		}
	}
	if a.whole().IsZero() {
		return fault.New(fault.Invalid, "a share of nothing is none")
	}
	return nil
}

func (a Agreement) whole() (sum decimal.Decimal) {
	for _, s := range a.Shares {
		sum = sum.Add(s.Weight)
	}
	return sum
}

// SharedWith is a party's share of a tenant's line, or of the correction of one. It
// tells neither the tenant nor the instance, nor why something was refunded. The shares of a line, or of a correction,
// sum to it.
func (l Line) SharedWith(party string, a Agreement) (Line, error) {
	before, err := Split(l.Before, l.Currency, a.Shares)
	if err != nil {
		return Line{}, err
	}
	parts, err := l.Split(a.Shares)
	if err != nil {
		return Line{}, err
	}
	n := slices.IndexFunc(a.Shares, func(s Share) bool { return s.Party == party })
	if n < 0 {
		return Line{}, fault.New(fault.Invalid, "%q has no share", party)
	}
	l.Share = &Holding{Of: l.Amount, Weight: a.Shares[n].Weight, Whole: a.whole(), Agreement: a.From, Service: a.Service}
	l.Amount, l.Before = parts[n].Amount, before[n].Amount
	l.Tenant, l.Serves, l.Platform, l.Instance, l.Life = "", "", "", "", 0
	l.Credit, l.Reason, l.ReasonDigest = "", "", ""
	return l, nil
}

// Ordered sorts lines by what they are for.
func Ordered(lines []Line) []Line { return ordered(lines) }
