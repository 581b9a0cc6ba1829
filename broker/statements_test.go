package broker_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/provision"
)

// past is an instance of the tenant acme's that was active for ten hours two months ago.
type past struct{ service *api.Service }

func (p past) All(context.Context) func(yield func(provision.Instance, error) bool) {
	start := time.Now().UTC().AddDate(0, -2, 0).Truncate(24 * time.Hour)
	i := provision.Instance{ID: "old", Tenant: "acme", Service: p.service.ID, History: []provision.Event{
		{Seq: 1, At: start, State: provision.Active, Plan: p.service.Plans[0].ID},
		{Seq: 2, At: start.Add(10 * time.Hour), State: provision.Deleted, Plan: p.service.Plans[0].ID},
	}}
	return func(yield func(provision.Instance, error) bool) { yield(i, nil) }
}

func TestStatementsAreForTheirTenantAndTheOperator(t *testing.T) {
	t.Parallel()
	var sold api.Service
	w := newWorld(t, func(c *broker.Config) {
		var err error
		c.Meter, err = metering.New(metering.Config{Store: c.Store, Instances: past{&sold}, Catalog: c.Catalog, Log: c.Log, Window: 24 * time.Hour})
		require.NoError(t, err)
	})
	ctx := t.Context()
	sold = w.service
	closed, err := w.admin.CloseBills(ctx, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 1, closed.Statements)

	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: "acme"})
	other := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "umbrella"})
	all, err := own.Statements(ctx, api.BillFilter{})
	require.NoError(t, err)
	require.Len(t, all, 1)
	s, err := own.Statement(ctx, 1)
	require.NoError(t, err)
	require.Len(t, s.Lines, 1)
	require.Equal(t, "36000", s.Lines[0].Quantity.String())
	e, err := own.ExplainLine(ctx, 1, s.Lines[0].ID)
	require.NoError(t, err)
	require.True(t, e.Matches)
	require.Len(t, e.Usage, 1)
	text, err := own.ExportStatement(ctx, 1, "focus")
	require.NoError(t, err)
	rows, findings, err := focus.Check(bytes.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, findings)
	require.Equal(t, 1, rows)

	none, err := other.Statements(ctx, api.BillFilter{Tenant: "acme"})
	require.NoError(t, err)
	require.Empty(t, none, "of another tenant nothing exists")
	_, err = other.Statement(ctx, 1)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = other.ExplainLine(ctx, 1, s.Lines[0].ID)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = own.VerifyStatements(ctx)
	require.ErrorIs(t, err, fault.Forbidden)
	chain, err := w.admin.VerifyStatements(ctx)
	require.NoError(t, err)
	require.Equal(t, api.Chain{Statements: 1, Last: s.Hash}, chain)
	_, err = w.admin.Statement(ctx, 2)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = w.admin.ExportStatement(ctx, 1, "xml")
	require.ErrorIs(t, err, fault.Invalid)
}
