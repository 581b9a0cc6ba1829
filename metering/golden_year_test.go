package metering_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// account is an amount that was worked out by hand.
type account struct {
	Tenant   topology.TenantID `json:"tenant"`
	Vendor   string            `json:"vendor"`
	Start    string            `json:"start"` // of the statement's period
	Currency string            `json:"currency"`
	Amount   string            `json:"amount"`
	Sum      string            `json:"sum"` // how it was
}

func priced(amount, currency, from string) catalog.Price {
	p := price(amount, from)
	p.Currency = currency
	return p
}

// provider is what is sold in the scripted year.
func provider() tariff {
	prices := graduatedRequests()
	return tariff{
		"small":    {priced("0.12", "EUR", ""), priced("0.18", "EUR", "2000-06-16T00:00:00Z")},
		"large":    {priced("0.30", "EUR", "")},
		"dollar":   {priced("0.25", "USD", "")},
		"yen":      {priced("7", "JPY", "")},
		"requests": prices["s"],
		"paused":   {per(catalog.DimensionActive, "hour", "0.20"), per(catalog.DimensionSuspended, "hour", "0.05")},
	}
}

func of(tenant string, i provision.Instance) provision.Instance {
	i.Tenant = topology.TenantID(tenant)
	return i
}

// year is the script: instances of tenants that close in four time zones.
func year() []provision.Instance {
	return []provision.Instance{
		of("berlin", instance("mid-hour", "2000-03-26T00:00:00Z active small", "2000-03-26T00:20:00Z active large", "2000-03-26T02:00:00Z deleted large")),
		of("berlin", instance("summer-time", "2000-03-25T23:00:00Z active large", "2000-03-26T22:00:00Z deleted large")),
		of("berlin", instance("winter-time", "2000-10-28T22:00:00Z active large", "2000-10-29T23:00:00Z deleted large")),
		of("berlin", instance("new-price", "2000-06-15T12:00:00Z active small", "2000-06-16T12:00:00Z deleted small")),
		of("berlin", instance("nothing", "2000-05-05T05:00:00Z active small", "2000-05-05T05:00:00Z deleted small")),
		of("berlin", instance("failed", "2000-05-06T00:00:00Z provisioning small", "2000-05-08T00:00:00Z failed small", "2000-05-09T00:00:00Z deleted small")),
		of("york", instance("leap-day", "2000-02-29T05:00:00Z active dollar", "2000-03-02T05:00:00Z deleted dollar")),
		of("york", instance("new-year", "2000-12-31T17:00:00Z active dollar", "2001-01-01T17:00:00Z deleted dollar")),
		of("tokyo", instance("month-end", "2000-04-30T00:00:00Z active yen", "2000-05-01T01:00:00Z deleted yen")),
		of("utc", suspended("unpaid", "2000-11-10T00:00:00Z active paused", "2000-11-10T06:20:00Z active paused", "2000-11-10T18:20:00Z active paused", "2000-11-11T00:00:00Z deleted paused")),
		of("utc", instance("tiers", "2000-07-01T00:00:00Z active requests", "2000-08-01T00:00:00Z deleted requests")),
	}
}

// suspended is an instance that is suspended from its second event to its third.
func suspended(id string, events ...string) provision.Instance {
	i := instance(id, events...)
	i.History[1].Health, i.History[2].Health = provision.HealthSuspended, provision.HealthOK
	return i
}

// goldenYear is the amounts of the scripted year's statements as they were worked out by hand; the sums
// are for who reads.
func goldenYear(t *testing.T) (list []account) {
	t.Helper()
	text, err := os.ReadFile("testdata/year.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &list))
	for n := range list {
		require.NotEmpty(t, list[n].Sum)
		list[n].Sum = ""
	}
	return list
}

func TestGoldenProviderYear(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, &fleet{}, provider(), daily)
		for tenant, zone := range map[string]string{"berlin": "Europe/Berlin", "york": "America/New_York", "tokyo": "Asia/Tokyo"} {
			_, err := m.SetZone(t.Context(), topology.TenantID(tenant), zone)
			require.NoError(t, err)
		}
		m = newMeter(t, s, stored(t, s, year()...), provider(), metering.Config{})
		report := func(text string) {
			_, err := m.Report(t.Context(), "tiers", events(text))
			require.NoError(t, err)
		}
		until := func(when string) {
			time.Sleep(time.Until(at(when)))
			issueAll(t, m)
		}
		until("2000-07-20T00:00:00Z")
		report("in-time requests 80 2000-07-10T00:00:00Z")
		until("2000-08-10T00:00:00Z")
		report("late requests 50 2000-07-05T00:00:00Z")
		until("2000-09-10T00:00:00Z")
		report("later requests 30 2000-07-15T00:00:00Z")
		refundLine(t, m, "york", "leap-day")
		until("2001-03-05T00:00:00Z")
		require.Equal(t, goldenYear(t), billedYear(t, m))
		requireEachSplit(t, m)
		requireFOCUS(t, m)
		chain, err := m.Verify(t.Context())
		require.NoError(t, err)
		require.Empty(t, chain.Findings)
	})
}

// refundLine gives back the first line that a tenant has for an instance.
func refundLine(t *testing.T, m *metering.Meter, tenant, instance string) {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{Tenant: topology.TenantID(tenant)})
	require.NoError(t, err)
	s, err := m.Statement(t.Context(), all[0].Number)
	require.NoError(t, err)
	require.Equal(t, topology.InstanceID(instance), s.Lines[0].Instance)
	_, err = m.Refund(t.Context(), s.Number, s.Lines[0].ID, metering.Credit{ID: "sorry", Reason: "it was down"})
	require.NoError(t, err)
}

// billedYear is what is on all statements.
func billedYear(t *testing.T, m *metering.Meter) (list []account) {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{})
	require.NoError(t, err)
	for _, s := range all {
		for _, sum := range s.Totals {
			list = append(list, account{s.Tenant, s.Vendor, s.Period.Start.UTC().Format(time.RFC3339), sum.Currency, sum.Amount.String(), ""})
		}
	}
	return list
}

// requireEachSplit says that of each month's statements the tenants' lines are the vendor's shares and the
// operator's, which is reckoned here from the lines by itself: two thirds, less than a unit away.
func requireEachSplit(t *testing.T, m *metering.Meter) {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{})
	require.NoError(t, err)
	sums := map[string]decimal.Decimal{} // of lines that no vendor's statement has had yet, by currency
	for _, s := range all {
		s, err := m.Statement(t.Context(), s.Number)
		require.NoError(t, err)
		if s.Vendor == "" {
			for _, l := range s.Lines {
				parts, err := l.Split(third.Shares)
				require.NoError(t, err)
				require.Equal(t, l.Amount.String(), parts[0].Amount.Add(parts[1].Amount).String(), "a line's shares")
				sums[l.Currency] = sums[l.Currency].Add(l.Amount).Sub(parts[1].Amount)
			}
			continue
		}
		for _, l := range s.Lines {
			sums[l.Currency] = sums[l.Currency].Sub(l.Amount)
		}
		for currency, left := range sums {
			require.True(t, left.IsZero(), "statement %d leaves %s %s to nobody", s.Number, left, currency)
		}
	}
	for currency, left := range sums {
		require.True(t, left.IsZero(), "%s %s are nobody's", left, currency)
	}
	require.True(t, slices.ContainsFunc(all, func(s metering.Statement) bool { return s.Vendor != "" }))
}

// requireFOCUS says that the checker finds nothing in what is exported of tenants' statements.
func requireFOCUS(t *testing.T, m *metering.Meter) {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{})
	require.NoError(t, err)
	for _, s := range all {
		if s.Vendor != "" {
			continue
		}
		s, err := m.Statement(t.Context(), s.Number)
		require.NoError(t, err)
		var file bytes.Buffer
		require.NoError(t, focus.Write(&file, metering.Seller{}.LineCharges(s.Lines, s.Period)))
		rows, found, err := focus.Check(&file)
		require.NoError(t, err)
		require.Empty(t, found, "statement %d", s.Number)
		require.Equal(t, len(s.Lines), rows)
	}
}
