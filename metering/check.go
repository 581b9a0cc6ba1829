package metering

import (
	"context"

	"github.com/bumpwire/bumpwire/internal/store"
)

// audit is a check under way.
type audit struct {
	*Meter
	*store.Findings
}

// Check finds statements that are not what was issued, and what appliances reported and is not
// counted once. Of time nothing is kept that could differ from the instances' histories.
func Check(ctx context.Context, s *store.Store, f *store.Findings) error {
	m := &Meter{}
	m.keepIn(s)
	a := &audit{m, f}
	if err := a.statements(ctx); err != nil {
		return err
	}
	return a.reported(ctx)
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
