package metering

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Preview is what a tenant's or a vendor's next statement would have by what is metered so far. Once
// the period is over and nothing more comes, the statement has the same lines.
type Preview struct {
	Tenant topology.TenantID `json:"tenant"`           // empty of a vendor's
	Vendor string            `json:"vendor,omitempty"` // who gets
	Period rating.Period     `json:"period"`           // the first without statements: the running month, or the one before while that waits for what is late
	Until  time.Time         `json:"until,omitzero"`   // windows that end later are not closed, and not in it
	Totals []StatementTotal  `json:"totals"`           // by currency
	// Forecast is the totals if all goes on until the period's end as it was until Until; equal to
	// Totals when the period is over.
	Forecast []StatementTotal `json:"forecast"`
	Lines    []rating.Line    `json:"lines,omitempty"` // credits and corrections of earlier periods first
	Sums     []PreviewSum     `json:"sums,omitempty"`  // when they are asked for, in place of lines: see Summed

	expected []rating.Line // what Forecast sums
}

// Preview rates a tenant's next statement without issuing it. fault.Invalid without a
// tenant; fault.NotFound while no window was ever closed.
func (m *Meter) Preview(ctx context.Context, tenant topology.TenantID) (Preview, error) {
	if tenant == "" {
		return Preview{}, fault.New(fault.Invalid, "a preview is for one tenant or one vendor: name it")
	}
	i, p, err := m.ahead(ctx)
	if err != nil {
		return Preview{}, err
	}
	lines, expected, err := i.expected(ctx, tenant, p.Until)
	if err != nil {
		return Preview{}, err
	}
	p.Tenant, p.Period = tenant, i.period
	return p.with(lines, expected), nil
}

// ahead is an issuer that only previews the first period without statements, and an empty preview of that.
func (m *Meter) ahead(ctx context.Context) (*issuer, Preview, error) {
	done, err := m.issued.Get(ctx, issuedID)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return nil, Preview{}, err
	}
	period, _, err := m.nextPeriod(ctx, done)
	if err != nil {
		return nil, Preview{}, err
	}
	if period.Start.IsZero() {
		return nil, Preview{}, fault.New(fault.NotFound, "nothing is metered yet: no window was closed")
	}
	until, err := m.ClosedUntil(ctx)
	if err != nil {
		return nil, Preview{}, err
	}
	known, err := m.zonesOf(ctx)
	i := newIssuer(m).in(months{append(slices.Clone(done.Periods), period), done.Noted, known})
	i.looks = true
	return i, Preview{Period: period, Until: until}, err
}

func (p Preview) with(lines, expected []rating.Line) Preview {
	p.Lines, p.expected = lines, expected
	p.Totals, p.Forecast = totalsOf(lines), totalsOf(expected)
	return p
}

// expected are the lines of a tenant's statement as it would be now, and as it would be at the end of the
// period; as it is, when it is issued already.
func (i *issuer) expected(ctx context.Context, tenant topology.TenantID, until time.Time) (lines, later []rating.Line, err error) {
	if err := i.turnTo(tenant); err != nil {
		return nil, nil, err
	}
	past, err := i.statementsOf(ctx, party{tenant: tenant})
	if err != nil {
		return nil, nil, err
	}
	if n := slices.IndexFunc(past, i.covered); n >= 0 {
		lines, err = i.linesOf(ctx, past[n])
		return lines, lines, err
	}
	if lines, err = i.owed(ctx, tenant, past); err != nil {
		return nil, nil, err
	}
	if later, err = i.forecast(ctx, tenant, until); err != nil {
		return nil, nil, err
	}
	for _, l := range lines {
		if l.Corrects != "" || l.Credit != "" {
			later = append(later, l)
		}
	}
	if lines, err = i.taxed(ctx, tenant, lines); err != nil {
		return nil, nil, err
	}
	later, err = i.taxed(ctx, tenant, later)
	return lines, later, err
}
