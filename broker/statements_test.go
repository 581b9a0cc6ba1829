package broker_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"iter"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// past is an instance of the tenant acme's that was active for ten hours two months ago.
type past struct{ service *api.Service }

// twoMonthsAgo is the same however often it is asked for: midnight may come.
var twoMonthsAgo = time.Now().UTC().AddDate(0, -2, 0).Truncate(24 * time.Hour)

func (p past) one() provision.Instance {
	return provision.Instance{ID: "old", Tenant: "acme", Service: p.service.ID, History: []provision.Event{
		{Seq: 1, At: twoMonthsAgo, State: provision.Active, Plan: p.service.Plans[0].ID},
		{Seq: 2, At: twoMonthsAgo.Add(10 * time.Hour), State: provision.Deleted, Plan: p.service.Plans[0].ID},
	}}
}

func (p past) All(context.Context) iter.Seq2[provision.Instance, error] {
	return func(yield func(provision.Instance, error) bool) { yield(p.one(), nil) }
}

func (p past) Of(ctx context.Context, _ topology.TenantID) iter.Seq2[provision.Instance, error] {
	return p.All(ctx)
}

func (p past) Get(context.Context, topology.InstanceID) (provision.Instance, error) {
	return p.one(), nil
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
	text, err := own.ExportStatement(ctx, 1, "csv")
	require.NoError(t, err)
	table, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Len(t, table, 2)
	require.Equal(t, []string{"1", "acme", "", s.Lines[0].ID}, table[1][:4])
	require.Equal(t, s.Lines[0].Amount.String(), table[1][19])
	text, err = own.ExportStatement(ctx, 1, "focus")
	require.NoError(t, err)
	rows, findings, err := focus.Check(bytes.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, findings)
	require.Equal(t, 1, rows)

	text, err = own.ExportStatement(ctx, 1, "html")
	require.NoError(t, err)
	require.Contains(t, string(text), s.Lines[0].ID)
	_, err = other.ExportStatement(ctx, 1, "html")
	require.ErrorIs(t, err, fault.NotFound)
	none, err := other.Statements(ctx, api.BillFilter{Tenant: "acme"})
	require.NoError(t, err)
	require.Empty(t, none, "of another tenant nothing exists")
	_, err = other.Statement(ctx, 1)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = other.ExplainLine(ctx, 1, s.Lines[0].ID)
	require.ErrorIs(t, err, fault.NotFound)
	refund := api.NewCredit{ID: "r", Statement: 1, Line: s.Lines[0].ID, Reason: "wrong plan"}
	_, err = own.Grant(ctx, refund)
	require.ErrorIs(t, err, fault.Forbidden)
	given, err := w.admin.Grant(ctx, refund)
	require.NoError(t, err)
	require.Equal(t, s.Lines[0].Amount.String(), given.Amount.String())
	credits, err := own.Credits(ctx, "")
	require.NoError(t, err)
	require.Len(t, credits, 1)
	credits, err = other.Credits(ctx, "acme")
	require.NoError(t, err)
	require.Empty(t, credits)
	_, err = w.admin.Grant(ctx, api.NewCredit{ID: "r", Tenant: "acme", Statement: 1, Line: s.Lines[0].ID, Reason: "wrong plan"})
	require.ErrorIs(t, err, fault.Invalid)
	_, err = own.VerifyStatements(ctx)
	require.ErrorIs(t, err, fault.Forbidden)
	next, err := own.PreviewStatement(ctx, api.BillFilter{}, "")
	require.NoError(t, err)
	require.EqualValues(t, "acme", next.Tenant)
	require.False(t, next.Period.Start.Before(s.Period.End), "of a period that has no statement")
	next, err = other.PreviewStatement(ctx, api.BillFilter{Tenant: "acme", Vendor: "example"}, "")
	require.NoError(t, err)
	require.EqualValues(t, "umbrella", next.Tenant, "its own, whatever it asks for")
	_, err = w.admin.PreviewStatement(ctx, api.BillFilter{}, "")
	require.ErrorIs(t, err, fault.Invalid)
	chain, err := w.admin.VerifyStatements(ctx)
	require.NoError(t, err)
	require.Equal(t, api.Chain{Statements: 1, Last: s.Hash}, chain)
	_, err = w.admin.Statement(ctx, 2)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = w.admin.ExportStatement(ctx, 1, "xml")
	require.ErrorIs(t, err, fault.Invalid)
}

func TestAVendorSeesItsOwnStatementsOnly(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var sold api.Service
	w := newWorld(t, func(c *broker.Config) {
		var err error
		c.Meter, err = metering.New(metering.Config{Store: c.Store, Instances: past{&sold}, Catalog: c.Catalog, Log: c.Log, Window: 24 * time.Hour})
		require.NoError(t, err)
		require.NoError(t, store.In[rating.Agreement](c.Store, "agreements", nil).Create(ctx, "old", rating.Agreement{Vendor: "example", Shares: []rating.Share{
			{Party: "example", Weight: decimal.New(1, 0)}, {Party: rating.Operator, Weight: decimal.New(2, 0)},
		}}))
	})
	sold = w.service
	closed, err := w.admin.CloseBills(ctx, time.Time{})
	require.NoError(t, err)
	require.Equal(t, 2, closed.Statements)

	vendor := w.user(api.NewUser{Name: "vera", Role: api.Vendor, Vendor: "example"})
	rival := w.user(api.NewUser{Name: "rita", Role: api.Vendor, Vendor: "rival"})
	tenant := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: "acme"})
	all, err := vendor.Statements(ctx, api.BillFilter{Tenant: "acme", Vendor: "rival"})
	require.NoError(t, err)
	require.Len(t, all, 1)
	s, err := vendor.Statement(ctx, all[0].Number)
	require.NoError(t, err)
	e, err := vendor.ExplainLine(ctx, s.Number, s.Lines[0].ID)
	require.NoError(t, err)
	require.Equal(t, "1", e.Line.Share.Weight.String())
	_, err = vendor.Statement(ctx, 1)
	require.ErrorIs(t, err, fault.NotFound, "the tenant's")
	text, err := vendor.ExportStatement(ctx, 2, "csv")
	require.NoError(t, err)
	require.Contains(t, string(text), ",1/3,,,\r\n")
	require.NotContains(t, string(text), "acme")
	require.NotContains(t, string(text), ",old,", "the instance")
	_, err = vendor.ExportStatement(ctx, 2, "focus")
	require.ErrorIs(t, err, fault.Invalid)
	next, err := vendor.PreviewStatement(ctx, api.BillFilter{Tenant: "acme", Vendor: "rival"}, "")
	require.NoError(t, err)
	require.Equal(t, "example", next.Vendor, "its own, whatever it asks for")
	require.Empty(t, next.Tenant)
	_, err = rival.PreviewStatement(ctx, api.BillFilter{Vendor: "example"}, "")
	require.ErrorIs(t, err, fault.NotFound, "there is no agreement with it")
	next, err = tenant.PreviewStatement(ctx, api.BillFilter{Vendor: "example"}, "")
	require.NoError(t, err)
	require.Empty(t, next.Vendor)
	require.EqualValues(t, "acme", next.Tenant)
	next, err = w.admin.PreviewStatement(ctx, api.BillFilter{Vendor: "example"}, "service")
	require.NoError(t, err)
	require.NotNil(t, next.Totals)
	_, err = w.admin.PreviewStatement(ctx, api.BillFilter{Vendor: "example", Tenant: "acme"}, "")
	require.ErrorIs(t, err, fault.Invalid)
	_, err = w.admin.PreviewStatement(ctx, api.BillFilter{Vendor: "example"}, "colour")
	require.ErrorIs(t, err, fault.Invalid)
	month := api.BillFilter{Vendor: "example", From: time.Now().AddDate(0, -3, 0)}
	for vendor, records := range map[string]int{"example": 1, "rival": 0} {
		month.Vendor = vendor
		bills, err := w.admin.Bills(ctx, month)
		require.NoError(t, err)
		require.Len(t, bills, records)
		usage, err := w.admin.Usage(ctx, month)
		require.NoError(t, err)
		require.Len(t, usage, records)
		sums, err := w.admin.UsageSummary(ctx, month, "vendor")
		require.NoError(t, err)
		require.Equal(t, records > 0, len(sums.Items) > 0)
	}
	for who, other := range map[string]*api.Client{"another vendor": rival, "the tenant": tenant} {
		_, err = other.Statement(ctx, s.Number)
		require.ErrorIs(t, err, fault.NotFound, who)
		_, err = other.Settlements(ctx, api.BillFilter{})
		require.ErrorIs(t, err, fault.Forbidden, who)
	}
	own, err := tenant.Statements(ctx, api.BillFilter{Vendor: "example"})
	require.NoError(t, err)
	require.Len(t, own, 1)
	require.Equal(t, 1, own[0].Number)

	set, err := w.admin.SetAgreement(ctx, api.Agreement{Vendor: "example", Service: catalog.ServiceID(w.service.Name), Share: api.Fraction{Numerator: 30, Denominator: 100}})
	require.NoError(t, err)
	require.Equal(t, w.service.ID, set.Service)
	known, err := vendor.Agreements(ctx)
	require.NoError(t, err)
	require.Len(t, known, 2)
	known, err = rival.Agreements(ctx)
	require.NoError(t, err)
	require.Empty(t, known)
	_, err = vendor.SetAgreement(ctx, set)
	require.ErrorIs(t, err, fault.Forbidden)
	_, err = w.admin.SetAgreement(ctx, api.Agreement{Vendor: "example", Service: "none", Share: set.Share})
	require.ErrorIs(t, err, fault.NotFound)
	settled, err := w.admin.Settlements(ctx, api.BillFilter{})
	require.NoError(t, err)
	require.Len(t, settled, 1)
	require.True(t, settled[0].Billed.Equal(settled[0].Shared.Add(settled[0].Kept)))
}

func TestContractsAreBetweenTheOperatorAndATenant(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t)
	vendor := w.user(api.NewUser{Name: "vera", Role: api.Vendor, Vendor: "example"})
	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: "acme"})
	other := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "umbrella"})
	price := api.NewPrice{Plan: w.service.Plans[0].Name, Price: api.Price{Dimension: "instance", Unit: "hour", Currency: "EUR", Tenant: "acme", Amount: decimal.New(1, -3)}}
	_, err := vendor.SetPrice(ctx, w.service.Name, price)
	require.ErrorIs(t, err, fault.Forbidden)
	_, err = w.admin.SetPrice(ctx, w.service.Name, price)
	require.NoError(t, err)
	all, err := own.Contracts(ctx, w.service.Name)
	require.NoError(t, err)
	require.Len(t, all, 1)
	none, err := other.Contracts(ctx, w.service.Name)
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = vendor.Contracts(ctx, w.service.Name)
	require.ErrorIs(t, err, fault.Forbidden, "a vendor does not see to whom it sells")
	seen, err := other.Service(ctx, w.service.Name)
	require.NoError(t, err)
	require.Equal(t, w.service.Plans[0].Prices, seen.Plans[0].Prices)
}
