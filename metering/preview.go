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

// Preview is what a tenant's next statement would have by what is metered so far. Once
// the period is over and nothing more comes, the statement has the same lines.
type Preview struct {
	Tenant topology.TenantID `json:"tenant"`
	Period rating.Period     `json:"period"`         // the first without statements: the running month, or the one before while that waits for what is late
	Until  time.Time         `json:"until,omitzero"` // windows that end later are not closed, and not in it
	Totals []StatementTotal  `json:"totals"`         // by currency
	// Forecast is the totals if all goes on until the period's end as it was until Until; equal to
	// Totals when the period is over.
	Forecast []StatementTotal `json:"forecast"`
	Lines    []rating.Line    `json:"lines,omitempty"` // credits and corrections of earlier periods first
}

// Preview rates a tenant's next statement without issuing it. fault.Invalid without a
// tenant; fault.NotFound while no window was ever closed.
func (m *Meter) Preview(ctx context.Context, tenant topology.TenantID) (p Preview, err error) {
	if tenant == "" {
		return p, fault.New(fault.Invalid, "a preview is for one tenant: name it")
	}
	done, err := m.issued.Get(ctx, issuedID)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return p, err
	}
	period, _, err := m.nextPeriod(ctx, done)
	if err != nil {
		return p, err
	}
	if period.Start.IsZero() {
		return p, fault.New(fault.NotFound, "nothing is metered yet: no window was closed")
	}
	past, err := m.statementsOf(ctx, party{tenant: tenant})
	if err != nil {
		return p, err
	}
	p = Preview{Tenant: tenant, Period: period}
	if p.Until, err = m.ClosedUntil(ctx); err != nil {
		return p, err
	}
	known, err := m.zonesOf(ctx)
	if err != nil {
		return p, err
	}
	i := newIssuer(m).in(months{append(slices.Clone(done.Periods), period), done.Noted, known})
	if err := i.turnTo(tenant); err != nil {
		return p, err
	}
	i.looks, p.Period = true, i.period
	if p.Lines, err = i.owed(ctx, tenant, past); err != nil {
		return p, err
	}
	expected, err := i.forecast(ctx, tenant, p.Until)
	if err != nil {
		return p, err
	}
	for _, l := range p.Lines {
		if l.Corrects != "" || l.Credit != "" {
			expected = append(expected, l)
		}
	}
	if p.Lines, err = i.taxed(ctx, tenant, p.Lines); err != nil {
		return p, err
	}
	expected, err = i.taxed(ctx, tenant, expected)
	p.Totals, p.Forecast = totalsOf(p.Lines), totalsOf(expected)
	return p, err
}
