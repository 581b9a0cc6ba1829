package metering

import (
	"context"

	"github.com/bumpwire/bumpwire/internal/store"
)

// audit is a check under way.
type audit struct {
	*Meter
	*store.Findings
	histories *Histories
}

// Check finds statements that are not what was issued, what appliances reported and is not
// counted once, and gaps between windows that are closed. Of time nothing is kept but how much was counted: what it returns
// compares that with the instances, once it has seen all.
func Check(ctx context.Context, s *store.Store, f *store.Findings) (*Histories, error) {
	m := &Meter{}
	m.keepIn(s)
	a := &audit{m, f, newHistories()}
	for _, check := range []func(context.Context) error{a.statements, a.reported, a.closed} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}
	return a.histories, nil
}

// statements checks that they are what was issued.
func (a *audit) statements(ctx context.Context) error {
	if err := a.Meter.statements.Audit(ctx, a.Findings, func(string, Statement) error { return nil }); err != nil {
		return err
	}
	chain, err := a.verify(ctx, a.histories.billed)
	for _, f := range chain.Findings {
		a.Add("statements", statementID(f.Number), "%s", f.Message)
	}
	return err
}
