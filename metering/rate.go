package metering

import (
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// BillingRecord is one priced line. It is immutable.
type BillingRecord struct {
	ID        string              `json:"id"` // of instance, dimension, plan and start; orders by time
	Tenant    topology.TenantID   `json:"tenant"`
	Platform  string              `json:"platform"`
	Instance  topology.InstanceID `json:"instance"`
	Name      string              `json:"instance_name"` // when it was metered
	Service   catalog.ServiceID   `json:"service"`
	Region    string              `json:"region,omitempty"` // as the usage record says
	Plan      catalog.PlanID      `json:"plan"`
	Dimension string              `json:"dimension"`
	Start     time.Time           `json:"start"`
	End       time.Time           `json:"end"` // exclusive
	Seconds   decimal.Decimal     `json:"seconds"`
	Quantity  decimal.Decimal     `json:"quantity,omitzero"` // of a dimension that is reported, in the base unit of Unit
	Part      int                 `json:"part,omitempty"`    // as the usage record says
	Booked    time.Time           `json:"booked,omitzero"`   // likewise
	UnitPrice decimal.Decimal     `json:"unit_price"`        // per Unit
	Unit      string              `json:"unit"`
	Currency  string              `json:"currency"`            // ISO 4217
	PriceFrom time.Time           `json:"price_from,omitzero"` // which of the plan's prices it is
	Amount    decimal.Decimal     `json:"amount"`              // rounded, see AmountPlaces
	Usage     string              `json:"usage"`               // id of the usage record it was rated from
	Serves    topology.TenantID   `json:"serves,omitempty"`    // as the usage record says
}

// AmountPlaces is how many decimal places an amount has.
//
// An amount is rounded once, at its line, half to even, and sums add rounded lines,
// so a bill's total is the sum of what it shows. Six places and not a currency's
// two, because lines are an hour or less: at 0.12 an hour, a five-second line is
// 0.000167, which two places would make nothing; with six a month of hourly lines is
// off by less than 0.0004 at worst. Half to even, because half up would add up in
// the provider's favour over many lines.
const AmountPlaces = 6

const secondsPerHour = 3600

// Rate prices usage. Prices are those of each plan in it, all versions. A span
// is cut where a price begins; each piece bears the price in force at its start.
// A piece for which no price is in force is free and gives no line; a price of zero
// gives a line of zero. Usage that nobody is billed for gives none, nor does a price that
// has no meaning in an hour: what that amounts to stands in the statement.
func Rate(u UsageRecord, prices map[catalog.PlanID][]catalog.Price) []BillingRecord {
	var lines []BillingRecord
	if u.Free {
		return lines
	}
	if price, ok := u.reportedPrice(prices[u.Plan]); ok && price.Hourly() {
		return append(lines, u.reportedLine(price))
	}
	for _, s := range u.Spans {
		for _, piece := range u.cut(s, prices[s.Plan]) {
			price, ok := catalog.PriceFor(prices[s.Plan], string(u.Tenant), u.Dimension, piece.Start)
			if ok && price.Hourly() {
				lines = append(lines, u.line(s.Plan, piece, price))
			}
		}
	}
	return lines
}

func (u UsageRecord) line(plan catalog.PlanID, w Window, p catalog.Price) BillingRecord {
	used := seconds(w.Start, w.End)
	return BillingRecord{
		ID:     recordID(w.Start, string(u.Instance), u.Dimension, string(plan)),
		Tenant: u.Tenant, Platform: u.Platform, Instance: u.Instance, Name: u.Name, Service: u.Service, Region: u.Region, Plan: plan,
		Dimension: u.Dimension, Start: w.Start, End: w.End, Seconds: used,
		UnitPrice: p.Amount, Unit: p.Unit, Currency: p.Currency, PriceFrom: p.From,
		Amount: halfEven(used.Mul(p.Amount), decimal.New(secondsPerHour, 0)), Usage: u.ID, Serves: u.Serves,
	}
}

// reportedPrice is that of a quantity that was reported: the one in force when its
// window began, or else the first that began in it.
func (u UsageRecord) reportedPrice(prices []catalog.Price) (p catalog.Price, ok bool) {
	if u.Part == 0 {
		return p, false
	}
	for _, piece := range u.cut(Span{Start: u.Window.Start, End: u.Window.End}, prices) {
		if p, ok = catalog.PriceFor(prices, string(u.Tenant), u.Dimension, piece.Start); ok {
			return p, true
		}
	}
	return p, false
}

func (u UsageRecord) reportedLine(p catalog.Price) BillingRecord {
	b := u.line(u.Plan, Window{u.Window.Start, u.Window.End}, p)
	b.ID = recordID(u.Window.Start, u.ID)
	b.Seconds, b.Quantity, b.Part, b.Booked = decimal.Zero, u.Quantity, u.Part, u.Booked
	_, size := catalog.BaseUnit(p.Unit)
	b.Amount = halfEven(u.Quantity.Mul(p.Amount), size)
	return b
}

// cut splits a span where another price comes into force.
func (u UsageRecord) cut(s Span, prices []catalog.Price) []Window {
	bounds := []time.Time{s.Start, s.End}
	for _, at := range catalog.Changes(prices, string(u.Tenant), u.Dimension) {
		if at.After(s.Start) && at.Before(s.End) {
			bounds = append(bounds, at.UTC())
		}
	}
	slices.SortFunc(bounds, time.Time.Compare)
	bounds = slices.CompactFunc(bounds, time.Time.Equal)
	var pieces []Window
	for n := 1; n < len(bounds); n++ {
		pieces = append(pieces, Window{bounds[n-1], bounds[n]})
	}
	return pieces
}

// halfEven is a/b to AmountPlaces, neither negative, rounded from the exact
// quotient: a first rounding to more places could turn less than half into half.
func halfEven(a, b decimal.Decimal) decimal.Decimal {
	unit := decimal.New(1, -AmountPlaces)
	q, rest := a.QuoRem(b, AmountPlaces)
	odd := !q.Shift(AmountPlaces).Mod(decimal.New(2, 0)).IsZero()
	switch rest.Mul(decimal.New(2, 0)).Cmp(b.Mul(unit)) {
	case 1:
		return q.Add(unit)
	case 0:
		if odd {
			return q.Add(unit)
		}
	}
	return q
}
