package metering

import (
	"context"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

// Explanation is what a line rests on.
type Explanation struct {
	Statement int             `json:"statement"`
	Line      rating.Line     `json:"line"`
	Price     catalog.Price   `json:"price"`
	Usage     []rating.Usage  `json:"usage"`    // in the line's time, as it is now
	Evidence  rating.Evidence `json:"evidence"` // of that usage
	Matches   bool            `json:"matches"`  // it is the usage that was billed; else more has come since, and was or will be corrected

	// What made the usage: of what lasted the events of the instance's history, without who asked; of anything else what was
	// counted in each window. Truncated says that not all events that were reported are listed.
	History   []provision.Event `json:"history,omitempty"`
	Counts    []Counted         `json:"counts,omitempty"`
	Truncated bool              `json:"truncated,omitempty"`

	listed int // of the events in Counts

	// Of a line of a vendor's statement: what it is a share by. Price and usage are the
	// tenant's, and not told.
	Agreement *Agreement `json:"agreement,omitempty"`

	// Of a line that gives something back: by what. There is neither price nor usage.
	Credit *Credit `json:"credit,omitempty"`
	// Of a service-level credit, in place of the price.
	Promise *rating.Promise `json:"promise,omitempty"`
	// Of a tax.
	Tax *rating.Tax `json:"tax,omitempty"`
}

// Explain walks from a line of a statement to its price, to its usage, and to the events and counts that made this.
// fault.NotFound when the statement has no such line.
func (m *Meter) Explain(ctx context.Context, number int, line string) (e Explanation, err error) {
	s, err := m.Statement(ctx, number)
	if err != nil {
		return e, err
	}
	n := slices.IndexFunc(s.Lines, func(l rating.Line) bool { return l.ID == line })
	if n < 0 {
		return e, fault.New(fault.NotFound, "statement %d has no line %q", number, line)
	}
	l := s.Lines[n]
	if s.Vendor != "" {
		return explainShare(s, l), nil
	}
	if l.Charge == rating.ChargeTax {
		return explainTax(s, l), nil
	}
	if l.Credit != "" {
		return m.explainCredit(ctx, s, l)
	}
	i := newIssuer(m)
	usage, err := i.rateable(ctx, l.Tenant, l.Period)
	if err != nil {
		return e, err
	}
	e = Explanation{Statement: number, Line: l, Usage: []rating.Usage{}}
	if l.Charge == rating.ChargeServiceLevel {
		if e.Promise, err = i.promiseOf(ctx, l); err != nil {
			return e, err
		}
	} else if e.Price, _ = catalog.PriceFor(i.plans[l.Plan], contractor(l), l.Dimension, l.Start); e.Price.Dimension == "" {
		return e, fault.New(fault.NotFound, "the catalog has no such price any more")
	}
	e.Usage = append(e.Usage, l.RestsOn(e.Price, usage)...)
	e.Evidence = rating.EvidenceOf(e.Usage)
	e.Matches = e.Evidence == l.Evidence
	return e, e.trace(ctx, m)
}

// explainTax tells the rate, as the line has it.
func explainTax(s Statement, l rating.Line) Explanation {
	t := rating.Tax{Name: l.Dimension, Percent: l.UnitPrice, From: l.PriceFrom}
	if l.Contract {
		t.Tenant = l.Tenant
	}
	return Explanation{Statement: s.Number, Line: l, Usage: []rating.Usage{}, Evidence: l.Evidence, Matches: true, Tax: &t}
}

// contractor is the tenant whose own price a line has; empty when it is the one for all.
func contractor(l rating.Line) string {
	if l.Contract {
		return string(l.Tenant)
	}
	return ""
}
