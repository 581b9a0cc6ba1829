package metering

import (
	"context"
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// credits are the lines of a tenant's credits that are on no statement yet, and of refunds of lines that are
// corrected on this one: see rating.Line.GiveBack.
func (i *issuer) credits(ctx context.Context, tenant topology.TenantID, past []Statement, corrections []rating.Line) (lines []rating.Line, _ error) {
	l, err := i.ledger(ctx, tenant)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, c := range l.Credits {
		waits := statementWith(past, c.ID) < 0
		if c.Line == "" && waits {
			lines = append(lines, l.digested(rating.Credit(tenant, i.period, c.ID, c.Reason, c.Currency, c.Amount)))
		}
		if c.Line == "" || seen[c.Line] || !waits && !correctedBy(corrections, c.Line) {
			continue
		}
		seen[c.Line] = true
		refunds, err := i.refunds(ctx, l, c.Line, past, corrections)
		if err != nil {
			return nil, fmt.Errorf("credit %q: %w", c.ID, err)
		}
		lines = append(lines, refunds...)
	}
	return lines, nil
}

func correctedBy(corrections []rating.Line, line string) bool {
	return slices.ContainsFunc(corrections, func(c rating.Line) bool { return c.Corrects == line })
}

// refunds are the lines that give back of a line of a tenant's statements, by the id of the original, or take back.
func (i *issuer) refunds(ctx context.Context, l ledger, id string, past []Statement, corrections []rating.Line) ([]rating.Line, error) {
	var original rating.Line
	var given []rating.Line
	_, standing := rating.Standing(corrections, id)
	for _, s := range past {
		lines, err := i.linesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		last, billed := rating.Standing(lines, id)
		if standing = standing.Add(billed); original.ID == "" {
			original = last
		}
		for _, line := range lines {
			if line.Refunds == id {
				given = append(given, line)
			}
		}
	}
	if original.ID == "" {
		return nil, fmt.Errorf("no statement has the line %q", id)
	}
	lines := original.GiveBack(standing, l.grants(id), given)
	for n := range lines {
		lines[n] = l.digested(lines[n])
	}
	return lines, nil
}

// grants are the refunds of a line, in the order in which they were granted.
func (l ledger) grants(line string) (list []rating.Grant) {
	for _, c := range l.Credits {
		if c.Line == line {
			list = append(list, rating.Grant{ID: c.ID, Reason: c.Reason, Amount: c.Amount})
		}
	}
	return list
}

// refunded is what was granted of a line.
func (l ledger) refunded(line string) (sum decimal.Decimal) {
	for _, g := range l.grants(line) {
		sum = sum.Add(g.Amount)
	}
	return sum
}
