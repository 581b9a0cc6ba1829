package metering_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/metering/rating"
)

var seller = metering.Seller{Issuer: "Northern Cloud", Services: map[catalog.ServiceID]catalog.Service{
	"service-1": {
		ID: "service-1", Vendor: "example", Name: "example-firewall", DisplayName: "Example Firewall", ProviderName: "Example Ltd",
		Plans: []catalog.Plan{{ID: "s", Name: "small"}, {ID: "l", Name: "large"}}, Insertion: catalog.Insertion{Type: "firewall"},
	},
}}

// charged is a month of all kinds of records: of hours and parts of one, of quantities,
// late ones, of a service for another, and with names that are meant ill.
func charged() []metering.BillingRecord {
	d := decimal.RequireFromString
	b := metering.BillingRecord{
		ID: "r1", Tenant: "tenant-a", Platform: "cf", Instance: "i-1", Name: `=cmd("x"),;`, Service: "service-1", Plan: "s", Dimension: "instance",
		Start: at("2026-02-28T23:00:00Z"), End: at("2026-03-01T00:00:00Z"), Seconds: d("3600"), UnitPrice: d("0.12"), Unit: "hour", Currency: "EUR", Amount: d("0.12"),
	}
	short := b
	short.ID, short.End, short.Seconds, short.Amount, short.PriceFrom = "r2", at("2026-02-28T23:00:05.25Z"), d("5.25"), d("0.000175"), at("2026-01-01T00:00:00Z")
	instant := short
	instant.ID, instant.Start, instant.Seconds, instant.Amount = "r3", at("2026-02-28T23:00:05.1Z"), d("0.15"), d("0.000005")
	requests := b
	requests.ID, requests.Dimension, requests.Unit, requests.Seconds, requests.Quantity, requests.Part = "r4", "requests", "request", d("0"), d("1234.5"), 1
	requests.UnitPrice, requests.Amount = d("0.001"), d("1.2345")
	late := requests
	late.ID, late.Part, late.Quantity, late.Amount, late.Booked = "r5", 2, d("10"), d("0.01"), at("2026-03-02T10:00:00Z")
	soon := late
	soon.ID, soon.Booked = "r6", at("2026-02-28T23:59:00Z")
	traffic := requests
	traffic.ID, traffic.Dimension, traffic.Unit, traffic.Quantity, traffic.UnitPrice, traffic.Amount = "r7", "traffic", "gigabyte", d("1500000000"), d("0.01"), d("0.015")
	served := b
	served.ID, served.Tenant, served.Serves, served.Platform, served.Service = "r8", "operator", "tenant-a", "", "gone"
	return []metering.BillingRecord{b, short, instant, requests, late, soon, traffic, served}
}

func focusOf(t testing.TB, rows []focus.Row) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, focus.Write(&b, rows))
	return b.String()
}

func TestBillsAsFOCUS(t *testing.T) {
	t.Parallel()
	text := focusOf(t, seller.Charges(charged()))
	rows, findings, err := focus.Check(strings.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, findings)
	require.Equal(t, len(charged()), rows)
	golden(t, "bills.focus.csv", text)
}

// An hour before March begins in UTC it has begun in Berlin.
func TestBillingPeriodsInFOCUSAreTheIssuersMonths(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	own := seller
	own.Zone = berlin
	var periods []string
	for _, row := range table(t, focusOf(t, own.Charges(charged()[:6]))) {
		periods = append(periods, strings.Join([]string{row["BillingPeriodStart"], row["BillingPeriodEnd"], row["ChargeClass"]}, " "))
	}
	march := "2026-02-28T23:00:00Z 2026-03-31T22:00:00Z "
	require.Equal(t, []string{march, march, march, march, march, march}, periods, "also what was booked on the second of March: it is the same month")
	early := charged()[5]
	early.Start, early.End = at("2026-02-28T22:00:00Z"), at("2026-02-28T23:00:00Z")
	early.Booked = at("2026-02-28T23:30:00Z")
	row := table(t, focusOf(t, own.Charges([]metering.BillingRecord{early})))[0]
	require.Equal(t, []string{march[:20], "Correction"}, []string{row["BillingPeriodStart"], row["ChargeClass"]}, "used in February, and booked in March")
}

// A price id stays as it is when the price changes, or a tenant has its own; each tier has another.
func TestAPriceIDIsOfACharge(t *testing.T) {
	t.Parallel()
	line := rating.Line{Key: rating.Key{Plan: "s", Dimension: "requests"}, Charge: rating.ChargeUsage, Tier: 2, Currency: "EUR", Unit: "request"}
	id := func(alter func(*rating.Line)) string {
		l := line
		alter(&l)
		return seller.LineCharges([]rating.Line{l}, l.Period)[0].SkuPriceID
	}
	require.Equal(t, "s/requests/tier-2", id(func(*rating.Line) {}))
	require.Equal(t, "s/requests/tier-2", id(func(l *rating.Line) {
		l.PriceFrom, l.Contract, l.UnitPrice = at("2026-03-01T00:00:00Z"), true, decimal.New(1, 0)
	}))
	require.Equal(t, "s/requests/minimum", id(func(l *rating.Line) { l.Charge, l.Tier = rating.ChargeMinimum, 0 }))
	bill := charged()[1]
	require.False(t, bill.PriceFrom.IsZero())
	require.Equal(t, "s/instance", seller.Charges([]metering.BillingRecord{bill})[0].SkuPriceID)
}

func TestLinesAsFOCUS(t *testing.T) {
	t.Parallel()
	d := decimal.RequireFromString
	march := rating.Month(at("2026-03-10T00:00:00Z"), time.UTC)
	key := rating.Key{Tenant: "tenant-a", Platform: "cf", Service: "service-1", Plan: "s", Instance: "i-1", Dimension: "instance"}
	usage := []rating.Usage{
		{ID: "u1", Key: key, Start: march.Start, End: march.Start.Add(100*time.Hour + time.Second), Level: d("1"), Began: march.Start},
	}
	for _, c := range []struct{ dimension, unit, quantity string }{{"requests", "request", "2500"}, {"traffic", "byte", "7000000001"}, {"sales", "EUR", "99.90"}, {"calls", "call", "12"}} {
		k := key
		k.Dimension = c.dimension
		usage = append(usage, rating.Usage{ID: "u-" + c.dimension, Key: k, Start: march.Start, End: march.Start.Add(time.Hour), Quantity: d(c.quantity), Unit: c.unit})
	}
	upTo := d("1000")
	prices := []catalog.Price{
		{Dimension: "instance", Unit: "hour", Amount: d("0.12"), Currency: "EUR", Included: d("10"), Minimum: d("500")},
		{Dimension: "requests", Unit: "request", Currency: "EUR", Model: catalog.ModelGraduated, Tiers: []catalog.Tier{{UpTo: &upTo, Amount: d("0.01")}, {Amount: d("0.005")}}},
		{Dimension: "traffic", Unit: "gigabyte", Amount: d("0.05"), Currency: "EUR"},
		{Dimension: "sales", Unit: "EUR", Amount: d("2.5"), Currency: "EUR", Model: catalog.ModelPercentage},
		{Dimension: "calls", Unit: "call", Amount: d("1"), Currency: "EUR", Model: catalog.ModelPackage, Size: d("5")},
		{Dimension: "support", Amount: d("49"), Currency: "EUR", Model: catalog.ModelRecurring},
		{Dimension: "setup", Amount: d("99"), Currency: "EUR", Model: catalog.ModelOnce},
	}
	right, err := rating.Rate(usage, rating.Prices{"s": prices}, march)
	require.NoError(t, err)
	require.Greater(t, len(right), 8)
	fewer, err := rating.Rate(usage[:2], rating.Prices{"s": prices}, march)
	require.NoError(t, err)
	corrections := rating.Correct(fewer, right)
	require.NotEmpty(t, corrections)

	text := focusOf(t, append(seller.LineCharges(right, march), seller.LineCharges(corrections, march.Next(time.UTC))...))
	_, findings, err := focus.Check(strings.NewReader(text))
	require.NoError(t, err)
	require.Empty(t, findings)
	sums := map[string]decimal.Decimal{}
	for _, row := range table(t, text) {
		sums[row["ChargeClass"]] = sums[row["ChargeClass"]].Add(d(row["BilledCost"]))
	}
	require.Equal(t, rating.Total(right)["EUR"].String(), sums[""].String())
	require.Equal(t, rating.Total(corrections)["EUR"].String(), sums["Correction"].String())
}

// table is a CSV file as rows by column.
func table(t testing.TB, text string) (rows []map[string]string) {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	require.NoError(t, err)
	for _, record := range all[1:] {
		row := map[string]string{}
		for n, name := range all[0] {
			row[name] = record[n]
		}
		rows = append(rows, row)
	}
	return rows
}

// BenchmarkFOCUS writes a statement of 10,000 lines.
func BenchmarkFOCUS(b *testing.B) {
	var bills []metering.BillingRecord
	for n := range 10_000 {
		r := charged()[n%8]
		r.ID = fmt.Sprint(n)
		bills = append(bills, r)
	}
	b.ResetTimer()
	for b.Loop() {
		require.NoError(b, focus.Write(io.Discard, seller.Charges(bills)))
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/10000-lines")
}
