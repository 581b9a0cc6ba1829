package metering

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
)

// Statements lists statements by number, without their lines. Of the filter Tenant, Vendor,
// From and To count: a statement is within [From, To) when its period starts there.
func (m *Meter) Statements(ctx context.Context, f Filter) ([]Statement, error) {
	all, err := m.statementsOf(ctx, party{f.Tenant, f.Vendor})
	return slices.DeleteFunc(all, func(s Statement) bool { return !f.covers(s) }), err
}

// statementsOf are all of a tenant or a vendor, or of all.
func (m *Meter) statementsOf(ctx context.Context, who party) ([]Statement, error) {
	key, value := "", ""
	switch {
	case who.vendor != "":
		key, value = "vendor", who.vendor
	case who.tenant != "":
		key, value = "tenant", string(who.tenant)
	}
	all := []Statement{}
	for s, err := range m.statements.All(ctx, key, value) {
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Statement is one with its lines. fault.NotFound when there is none of that number.
func (m *Meter) Statement(ctx context.Context, number int) (Statement, error) {
	s, err := m.statements.Get(ctx, statementID(number))
	if errors.Is(err, fault.NotFound) {
		return s, fault.New(fault.NotFound, "there is no statement %d", number)
	}
	if err == nil {
		s.Lines, err = m.linesOf(ctx, s)
	}
	return s, err
}

// statementOrNone is one without its lines; 0 is the one before the first.
func (m *Meter) statementOrNone(ctx context.Context, number int) (Statement, error) {
	if number == 0 {
		return Statement{}, nil
	}
	return m.statements.Get(ctx, statementID(number))
}

func (m *Meter) linesOf(ctx context.Context, s Statement) (lines []rating.Line, err error) {
	for _, id := range s.Pages {
		p, err := m.pages.Get(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("cannot read the lines of statement %d: %w", s.Number, err)
		}
		lines = append(lines, p.Lines...)
	}
	return m.reasoned(ctx, s.Tenant, lines)
}

// Chain is what a look at all statements found.
type Chain struct {
	Statements int            `json:"statements"`
	Last       string         `json:"last,omitempty"` // hash of the last one; whoever has kept it sees when statements are missing at the end
	Findings   []ChainFinding `json:"findings,omitempty"`
}

// ChainFinding is what is wrong with a statement.
type ChainFinding struct {
	Number  int    `json:"number"`
	Message string `json:"message"`
}

// Verify looks whether all statements are what was issued, in an unbroken chain.
func (m *Meter) Verify(ctx context.Context) (Chain, error) {
	return m.verify(ctx, func(Statement) {})
}

// verify shows each statement with its lines.
func (m *Meter) verify(ctx context.Context, see func(Statement)) (c Chain, err error) {
	before := Statement{}
	for s, err := range m.statements.From(ctx, store.Query{}) {
		if err != nil {
			return c, err
		}
		s.Lines, err = m.linesOf(ctx, s)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return c, err
		}
		see(s)
		unfounded, err := m.unfounded(ctx, s)
		if err != nil {
			return c, err
		}
		for _, wrong := range append(s.faults(before), unfounded...) {
			c.Findings = append(c.Findings, ChainFinding{s.Number, wrong})
		}
		c.Statements, c.Last = c.Statements+1, s.Hash
		before = s
	}
	return c, nil
}
