package metering

import (
	"context"
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// audit is a check under way.
type audit struct {
	*Meter
	*store.Findings
	plans catalog.Index
	until time.Time                               // every window before is closed
	used  map[topology.InstanceID]decimal.Decimal // seconds that were metered until then
	lines map[string]int                          // billing records that usage explains
}

// Check finds usage that the instances' histories do not say, and bills that usage
// does not: each second in which an instance was active, in windows that are closed,
// is to be metered once, each line to be billed once, and what appliances reported to be
// counted once.
func Check(ctx context.Context, s *store.Store, plans catalog.Index, f *store.Findings) error {
	m := &Meter{}
	m.keepIn(s)
	a := &audit{m, f, plans, time.Time{}, map[topology.InstanceID]decimal.Decimal{}, map[string]int{}}
	p, err := m.progress.Get(ctx, progressID)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	a.until = p.Until
	if err := m.usage.Audit(ctx, f, func(id string, u UsageRecord) error { return a.record(ctx, id, u) }); err != nil {
		return err
	}
	if err := a.histories(ctx, s); err != nil {
		return err
	}
	if err := a.statements(ctx); err != nil {
		return err
	}
	if err := a.reported(ctx); err != nil {
		return err
	}
	return m.bills.Audit(ctx, f, func(id string, b BillingRecord) error {
		if id != b.ID {
			f.Add("bills", id, "it is stored as the billing record %q", b.ID)
		}
		if a.lines[id]--; a.lines[id] < 0 && !b.Start.Before(a.until) {
			return nil // of windows that are being closed
		}
		if a.lines[id] < 0 {
			f.Add("bills", id, "the usage record %q gives no such line", b.Usage)
		}
		return nil
	})
}

// statements checks that they are what was issued.
func (a *audit) statements(ctx context.Context) error {
	if err := a.Meter.statements.Audit(ctx, a.Findings, func(string, Statement) error { return nil }); err != nil {
		return err
	}
	chain, err := a.Verify(ctx)
	for _, f := range chain.Findings {
		a.Add("statements", statementID(f.Number), "%s", f.Message)
	}
	return err
}

// record checks a usage record and looks for its lines.
func (a *audit) record(ctx context.Context, id string, u UsageRecord) error {
	if id != u.ID {
		a.Add("usage", id, "it is stored as the usage record %q", u.ID)
	}
	sum := decimal.Zero
	for n, s := range u.Spans {
		sum = sum.Add(s.Seconds)
		if s.Start.Before(u.Window.Start) || s.End.After(u.Window.End) || !s.Start.Before(s.End) || n > 0 && s.Start.Before(u.Spans[n-1].End) {
			a.Add("usage", id, "its spans overlap or are not within its window")
		}
	}
	if !sum.Equal(u.Seconds) {
		a.Add("usage", id, "it has %s seconds and its spans have %s", u.Seconds, sum)
	}
	if u.Window.End.After(a.until) {
		return nil // being closed
	}
	a.used[u.Instance] = a.used[u.Instance].Add(u.Seconds)
	prices := map[catalog.PlanID][]catalog.Price{}
	for _, id := range u.plans() {
		prices[id] = a.plans.Prices(u.Service, id)
	}
	for _, line := range Rate(u, prices) {
		a.lines[line.ID]++
		b, err := a.bills.Get(ctx, line.ID)
		switch {
		case errors.Is(err, fault.NotFound):
			a.Add("usage", id, "%s seconds of it from %s on are not billed", line.Seconds, line.Start.Format(time.RFC3339))
		case err != nil:
			return err
		case !b.Seconds.Equal(line.Seconds) || b.Usage != u.ID:
			a.Add("bills", b.ID, "it bills %s seconds of the usage record %q, which gives %s", b.Seconds, b.Usage, line.Seconds)
		}
	}
	return nil
}

// histories compares what was metered with what the instances' histories say.
func (a *audit) histories(ctx context.Context, s *store.Store) error {
	var others store.Findings // what else is wrong with instances is not said here
	err := provision.Documents(s).Audit(ctx, &others, func(_ string, i provision.Instance) error {
		was := decimal.Zero
		for _, life := range lives(i) {
			u, _ := Usage(life, Window{End: a.until})
			was = was.Add(u.Seconds)
		}
		if used := a.used[i.ID]; !used.Equal(was) {
			a.Add("instances", string(i.ID), "it was active for %s seconds until %s, and %s are metered", was, a.until.Format(time.RFC3339), used)
		}
		delete(a.used, i.ID)
		return nil
	})
	if err != nil {
		return err
	}
	for id, used := range a.used {
		a.Add("usage", string(id), "%s seconds are metered of an instance that does not exist", used)
	}
	return nil
}
