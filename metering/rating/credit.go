package rating

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// Credit is the line of an amount that a tenant is granted, on the statement of a period. It is
// nobody's but the operator's: it has no service.
func Credit(tenant topology.TenantID, period Period, id, reason, currency string, amount decimal.Decimal) Line {
	return Line{
		ID:  period.Start.UTC().Format("20060102T150405Z") + "-credit-" + creditDigest(id),
		Key: Key{Tenant: tenant}, Period: period, Start: period.Start, End: period.End, Charge: ChargeCredit,
		Currency: currency, Amount: amount.Neg(), Credit: id, Reason: reason,
	}
}

// Grant is an amount of a line that is to be given back.
type Grant struct {
	ID, Reason string
	Amount     decimal.Decimal // positive
}

// GiveBack are the lines that give back of a line what is granted of it, and no more than it comes to: standing, with all corrections so far
// and those beside which these lines are to stand. Given are the lines that gave back of it before. Where a correction has left less than was given
// back, lines that correct those take the rest back, of the last grant first; should the line come to more again, they give it back
// again. A grant of which nothing is left has no line yet. All are shared as the line was.
func (l Line) GiveBack(standing decimal.Decimal, grants []Grant, given []Line) (lines []Line) {
	before, left := decimal.Zero, decimal.Max(standing, decimal.Zero)
	for _, g := range given {
		before = before.Sub(g.Amount)
	}
	for _, g := range grants {
		amount := decimal.Min(g.Amount, left)
		left = left.Sub(amount)
		was, corrections := decimal.Zero, -1
		for _, o := range given {
			if o.Credit == g.ID {
				was, corrections = was.Sub(o.Amount), corrections+1
			}
		}
		if amount.Equal(was) {
			continue
		}
		r := l.refund(g, amount.Sub(was), before)
		if corrections >= 0 {
			r.Corrects, r.ID = r.ID, fmt.Sprintf("%s-%d", r.ID, corrections+1)
		}
		lines, before = append(lines, r), before.Add(amount).Sub(was)
	}
	return lines
}

// refund is the line that gives back an amount of another, after some of that was given back before.
func (l Line) refund(g Grant, amount, before decimal.Decimal) Line {
	return Line{
		ID:  l.original() + "-refund-" + creditDigest(g.ID),
		Key: l.Key, Period: l.Period, Start: l.Start, End: l.End, Charge: l.Charge, Model: l.Model, Tier: l.Tier,
		UnitPrice: l.UnitPrice, Unit: l.Unit, Currency: l.Currency, PriceFrom: l.PriceFrom, Contract: l.Contract,
		Amount: amount.Neg(), Before: before.Neg(), Refunds: l.original(), Credit: g.ID, Reason: g.Reason,
	}
}

func creditDigest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}

// Rated says whether a line, or the correction of one, comes from usage and its price; others are
// granted, given back or reckoned from lines.
func (l Line) Rated() bool { return l.Credit == "" && l.Charge != ChargeTax }

// SameAccount says whether two lines are of the same use of a plan by an instance, in the same period
// and currency: those that a service-level credit gives back of.
func (l Line) SameAccount(o Line) bool {
	return l.account() == o.account() && l.Period.Start.Equal(o.Period.Start) && l.Currency == o.Currency
}

// Standing is what a line and its corrections come to, refunds apart, as far as they are among lines; and the last of
// them, zero when there is none.
func Standing(lines []Line, id string) (last Line, billed decimal.Decimal) {
	for _, l := range lines {
		if l.Rated() && l.original() == id {
			last, billed = l, billed.Add(l.Amount)
		}
	}
	return last, billed
}

// Original is the id of the line that a line corrects or refunds; its own when it does neither.
func (l Line) Original() string {
	if l.Refunds != "" {
		return l.Refunds
	}
	return l.original()
}
