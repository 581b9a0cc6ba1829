package metering

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// issued is how far statements are issued.
type issued struct {
	Periods []rating.Period `json:"periods"` // for which all tenants have theirs, in order
	Last    int             `json:"last"`    // a statement's number; there may be later ones
	Noted   int             `json:"noted"`   // how many of the periods, the last ones, have notes of what came late; see again
}

const issuedID = "statements"

// Issue issues the statements of every billing period that is over, its grace for late
// reports included, and answers how many: those of tenants, and then, of what is on these,
// those of vendors. A tenant without usage gets none, nor does a vendor without agreement.
//
// After an error, or a crash, the same call goes on where it ended. Several at the
// same time do the work together. Each number is taken by creating the document of
// that number: whoever comes second looks again what there is.
func (m *Meter) Issue(ctx context.Context) (n int, err error) {
	for {
		done, err := m.issued.Get(ctx, issuedID)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return n, err
		}
		period, over, err := m.nextPeriod(ctx, done)
		if err != nil || !over {
			return n, err
		}
		more, err := m.issuePeriod(ctx, period, done)
		n += more
		if err != nil {
			return n, fmt.Errorf("cannot issue the statements of the period from %s on: %w", period.Start.Format(time.RFC3339), err)
		}
	}
}

// nextPeriod is the first that has no statements, as the operator has it, and whether it is over for all tenants. The first of all is
// the month in which the first window was closed. When the time zone has been changed,
// a period ends with the month in which its middle lies.
func (m *Meter) nextPeriod(ctx context.Context, done issued) (p rating.Period, over bool, err error) {
	if n := len(done.Periods); n > 0 {
		start := done.Periods[n-1].End
		p = rating.Period{Start: start, End: rating.Month(start.Add(halfMonth), m.zone).End}
	} else {
		first, err := m.windows.List(ctx, store.Query{Limit: 1})
		if err != nil || len(first) == 0 {
			return p, false, err
		}
		p = rating.Month(first[0].Start, m.zone)
	}
	until, err := m.ClosedUntil(ctx)
	if err != nil {
		return p, false, err
	}
	all, err := m.widest(ctx, p)
	return p, !all.End.Add(m.lateness).After(until), err
}

// longestPeriod is a month and a half, and what time zones differ by: see nextPeriod.
const (
	halfMonth     = 15 * day
	longestPeriod = 49 * day
)

func (m *Meter) issuePeriod(ctx context.Context, p rating.Period, done issued) (n int, err error) {
	tenants, err := m.tenants(ctx)
	if err != nil {
		return 0, err
	}
	known, err := m.zonesOf(ctx)
	if err != nil {
		return 0, err
	}
	i := newIssuer(m).in(months{append(slices.Clone(done.Periods), p), done.Noted, known})
	if i.head, err = m.statementOrNone(ctx, done.Last); err != nil {
		return 0, err
	}
	if n, err = i.issueTenants(ctx, tenants); err != nil {
		return n, err
	}
	i.in(i.months)
	vendors, err := i.issueVendors(ctx, done.Last)
	if n += vendors; err != nil {
		return n, err
	}
	_, err = m.issued.Upsert(ctx, issuedID, func(now issued, _ bool) (issued, error) {
		if last := len(now.Periods) - 1; last >= 0 && !now.Periods[last].Start.Before(p.Start) {
			return now, store.Unchanged // another broker was quicker
		}
		return issued{append(now.Periods, p), i.head.Number, now.Noted + 1}, nil
	})
	return n, err
}

// tenants are all that ever had an instance or a credit, and the operator.
func (m *Meter) tenants(ctx context.Context) ([]topology.TenantID, error) {
	found := map[topology.TenantID]bool{provision.OperatorAccount: true}
	for i, err := range m.instances.All(ctx) {
		if err != nil {
			return nil, err
		}
		for _, l := range lives(i) {
			found[l.Tenant] = true
		}
	}
	for l, err := range m.ledgers.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		found[l.Tenant] = true
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// issuer issues the statements of one period.
type issuer struct {
	*Meter
	months
	period  rating.Period   // of the party whose turn it is
	earlier []rating.Period // of the same
	plans   planPrices
	unknown map[catalog.PlanID]bool // to the catalog
	head    Statement               // the last one known
	others  int                     // number of the last one that was found, and not issued here
	looks   bool                    // it only previews: nothing is noted
	rates   []rating.Tax            // once they are read
	pledges *[]rating.Promise       // once they are read
}

func newIssuer(m *Meter) *issuer {
	return &issuer{Meter: m, plans: planPrices{}, unknown: map[catalog.PlanID]bool{}}
}

// issue issues a tenant's or vendor's statement, unless it has it or there are no lines. The
// last statement is looked for before the party's: one that somebody issues to it
// in between takes the number that this one would have.
func (i *issuer) issue(ctx context.Context, to party, lines func(past []Statement) ([]rating.Line, error)) (bool, error) {
	for {
		if err := i.advance(ctx); err != nil {
			return false, err
		}
		s, due, err := i.draft(ctx, to, lines)
		if err != nil || !due {
			return false, err
		}
		err = i.append(ctx, s)
		if !errors.Is(err, fault.Conflict) {
			return err == nil, err
		}
	}
}

// draft is a party's statement as far as it does not depend on the one before, its lines written; due is false
// when it has one, or there are no lines.
func (i *issuer) draft(ctx context.Context, to party, lines func(past []Statement) ([]rating.Line, error)) (s Statement, due bool, err error) {
	past, err := i.statementsOf(ctx, to)
	if err != nil {
		return s, false, err
	}
	if slices.ContainsFunc(past, i.covered) {
		return s, false, nil
	}
	list, err := lines(past)
	if err != nil || len(list) == 0 {
		return s, false, err
	}
	s, pages := newStatement(to, i.period, list)
	for n, p := range pages { // under their hashes
		if err := created(i.pages.Create(ctx, s.Pages[n], p)); err != nil {
			return s, false, err
		}
	}
	return s, true, nil
}

// covered says that a statement is of the period of the party whose turn it is, or of a later one.
func (i *issuer) covered(s Statement) bool { return !s.Period.Start.Before(i.period.Start) }

// advance finds the last statement.
func (i *issuer) advance(ctx context.Context) error {
	for {
		next, err := i.statements.Get(ctx, statementID(i.head.Number+1))
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		i.head, i.others = next, next.Number
	}
}

// append issues a statement after the last one known. fault.Conflict when somebody else has issued one there.
func (i *issuer) append(ctx context.Context, s Statement) error {
	s = s.after(i.head, time.Now())
	err := i.statements.Create(ctx, statementID(s.Number), s)
	if err == nil {
		i.head = s
	}
	return err
}
