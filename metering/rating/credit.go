package rating

import (
	"crypto/sha256"
	"encoding/hex"

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

// Refund is the line that gives back an amount of another, after some of that was given back
// before. It is shared as the line was.
func (l Line) Refund(id, reason string, amount, before decimal.Decimal) Line {
	r := Line{
		ID:  l.original() + "-refund-" + creditDigest(id),
		Key: l.Key, Period: l.Period, Start: l.Start, End: l.End, Charge: l.Charge, Model: l.Model, Tier: l.Tier,
		UnitPrice: l.UnitPrice, Unit: l.Unit, Currency: l.Currency, PriceFrom: l.PriceFrom, Contract: l.Contract,
		Amount: amount.Neg(), Before: before.Neg(), Refunds: l.original(), Credit: id, Reason: reason,
	}
	return r
}

func creditDigest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:8])
}

// Rated says whether a line, or the correction of one, comes from usage and its price; others are
// granted, given back or reckoned from lines.
func (l Line) Rated() bool { return l.Credit == "" && l.Charge != ChargeTax }

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
