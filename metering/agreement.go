package metering

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
)

// Agreement is how the lines of a vendor's services are shared, from the first billing
// period on that does not begin before it.
type Agreement struct {
	Vendor  string            `json:"vendor"`
	Service catalog.ServiceID `json:"service,omitempty"` // none: all of the vendor's that have no agreement of their own
	From    time.Time         `json:"from,omitzero"`     // none: the billing period in hand
	Share   Fraction          `json:"share"`             // the vendor's; the rest is the operator's
}

// Fraction is a part of a whole, from 0 to 1.
type Fraction struct {
	Numerator   int `json:"numerator"`   // 0 to the denominator
	Denominator int `json:"denominator"` // 1 to 1,000,000
}

func (a Agreement) shares() rating.Agreement {
	return rating.Agreement{Vendor: a.Vendor, Service: a.Service, From: a.From, Shares: []rating.Share{
		{Party: a.Vendor, Weight: decimal.New(int64(a.Share.Numerator), 0)},
		{Party: rating.Operator, Weight: decimal.New(int64(a.Share.Denominator), 0).Sub(decimal.New(int64(a.Share.Numerator), 0))},
	}}
}

// agreementOf is one that was checked.
func agreementOf(a rating.Agreement) Agreement {
	vendor, rest := a.Shares[0].Weight.IntPart(), a.Shares[1].Weight.IntPart()
	return Agreement{a.Vendor, a.Service, a.From, Fraction{int(vendor), int(vendor + rest)}}
}

// SetAgreement has the lines of a vendor's services shared as agreed from a billing period
// on: the first that does not begin before the agreement. Without From that is the period in
// hand. An agreement of the same vendor, service and beginning is replaced. fault.Invalid when the agreement is
// unsound, or the service is not the vendor's; fault.Conflict when it would alter statements
// that are issued, or due.
func (m *Meter) SetAgreement(ctx context.Context, a Agreement) (Agreement, error) {
	if err := a.shares().Check(); err != nil {
		return a, err
	}
	if a.Service != "" {
		vendor, err := m.prices.Vendor(ctx, a.Service)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return a, err
		}
		if vendor != a.Vendor {
			return a, fault.New(fault.Invalid, "vendor %q has no service %q", a.Vendor, a.Service)
		}
	}
	var err error
	if a.From, err = m.begin(ctx, a.From, "an agreement"); err != nil {
		return a, err
	}
	_, err = m.agreements.Upsert(ctx, agreementID(a), func(rating.Agreement, bool) (rating.Agreement, error) { return a.shares(), nil })
	return a, err
}

func agreementID(a Agreement) string {
	return digestOf(a.Vendor, string(a.Service), a.From.Format(timeForm))
}

// begin is when something begins that counts from a billing period on: with the one in hand, when it does not say. fault.Conflict
// when that is before it.
func (m *Meter) begin(ctx context.Context, from time.Time, what string) (time.Time, error) {
	first, err := m.firstOpen(ctx)
	if err != nil || from.IsZero() {
		return first, err
	}
	if from = from.UTC(); from.Before(first) {
		return from, fault.New(fault.Conflict, "statements of periods before %s are issued or due: %s begins then at the earliest", first.Format(time.RFC3339), what)
	}
	return from, nil
}

// firstOpen is the beginning of the first billing period whose statements are not due
// yet: by the clock, as somebody may be about to issue them; where it begins first.
func (m *Meter) firstOpen(ctx context.Context) (time.Time, error) {
	done, err := m.issued.Get(ctx, issuedID)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return time.Time{}, err
	}
	p, _, err := m.nextPeriod(ctx, done)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	if p.Start.IsZero() {
		p = rating.Month(now, m.zone)
	}
	for !p.End.Add(m.lateness).After(now) {
		p = p.Next(m.zone)
	}
	all, err := m.widest(ctx, p)
	return all.Start, err
}

// Agreements lists all by vendor, service and beginning.
func (m *Meter) Agreements(ctx context.Context) ([]Agreement, error) {
	agreed, err := m.agreed(ctx)
	all := make([]Agreement, len(agreed))
	for n, a := range agreed {
		all[n] = agreementOf(a)
	}
	return all, err
}

func (m *Meter) agreed(ctx context.Context) ([]rating.Agreement, error) {
	var all []rating.Agreement
	for a, err := range m.agreements.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	slices.SortFunc(all, rating.Agreement.Compare)
	return all, nil
}
