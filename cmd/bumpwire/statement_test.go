package main

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

func TestAStatementAndALineAreShownWhole(t *testing.T) {
	t.Parallel()
	march := rating.Month(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC), time.UTC)
	usage := []rating.Usage{
		{
			ID: "w1", Key: rating.Key{Tenant: "acme", Plan: "small", Instance: "fw\x1b[2J", Dimension: "instance"},
			Start: march.Start, End: march.Start.Add(90 * time.Minute), Level: decimal.New(1, 0),
		},
		{ID: "r1", Key: rating.Key{Tenant: "acme", Plan: "small", Instance: "fw\x1b[2J", Dimension: "calls"}, Start: march.Start, End: march.End, Quantity: decimal.New(7, 0), Unit: "call"},
	}
	prices := []catalog.Price{
		{Dimension: "instance", Unit: "hour", Amount: decimal.RequireFromString("0.2"), Currency: "EUR"},
		{Dimension: "calls", Unit: "call", Amount: decimal.New(3, 0), Size: decimal.New(5, 0), Model: catalog.ModelPackage, Currency: "EUR"},
	}
	lines, err := rating.Rate(usage, rating.Prices{"small": prices}, march)
	require.NoError(t, err)
	var out bytes.Buffer
	c := &cli{out: &out, output: "text"}
	require.NoError(t, c.printStatement(api.Statement{
		Number: 7, Tenant: "acme", Period: march, Issued: march.End.Add(24 * time.Hour), Lines: lines,
		Totals: []metering.StatementTotal{{Currency: "EUR", Amount: decimal.RequireFromString("6.3")}},
	}))
	narrow := regexp.MustCompile(` {2,}`).ReplaceAllString(out.String(), "  ")
	require.Equal(t, `statement 7 for acme, from 2026-03-01 00:00:00 until 2026-04-01 00:00:00, issued 2026-04-02 00:00:00
LINE  INSTANCE  DIMENSION  CHARGE  FROM  QUANTITY  PRICE  AMOUNT
`+lines[0].ID+"  fw\uFFFD[2J  "+`calls  usage  2026-03-01 00:00:00  7 call in 2 packages  3 EUR/package  6.00 EUR
`+lines[1].ID+"  fw\uFFFD[2J  "+`instance  usage  2026-03-01 00:00:00  5400 second  0.2 EUR/hour  0.30 EUR
total: 6.30 EUR
`, narrow)

	out.Reset()
	require.NoError(t, c.printExplanation(api.Explanation{Statement: 7, Line: lines[1], Price: prices[0], Usage: usage[:1], Evidence: rating.EvidenceOf(usage[:1]), Matches: true}))
	require.NotContains(t, out.String(), "WHAT")
	require.Regexp(t, `(?s)quantity +5400 second\n.*amount +0\.30 EUR\n.*usage records +1, it is the usage that was billed\n\nUSAGE.*\nw1 .* 1 for 1h30m0s\n$`, out.String())
}

func TestWhatMadeALineIsShown(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	window := metering.Counted{Window: metering.Window{Start: at, End: at.Add(time.Hour)}, Quantity: decimal.New(7, 0), Events: []metering.Event{{ID: "a"}, {ID: "b\x1b"}}}
	var out bytes.Buffer
	c := &cli{out: &out, output: "text"}
	require.NoError(t, c.printTrail(api.Explanation{
		History: []provision.Event{{Seq: 2, At: at, State: provision.Active, Plan: "small", Message: "it runs"}}, Counts: []metering.Counted{window}, Truncated: true,
	}))
	require.Equal(t, "\nAT  EVENT  STATE  PLAN  HEALTH  WHAT\n2026-03-01 00:00:00  2  active  small  -  it runs\n\n"+
		"WINDOW  UNTIL  COUNTED  EVENTS\n2026-03-01 00:00:00  2026-03-01 01:00:00  7  a b\uFFFD\nthere are more events than are listed here\n",
		regexp.MustCompile(` {2,}`).ReplaceAllString(out.String(), "  "))
}

func TestSumsOfAPreviewAreShownWithTheirForecast(t *testing.T) {
	t.Parallel()
	march := rating.Month(time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC), time.UTC)
	total := func(amount string) []metering.StatementTotal {
		return []metering.StatementTotal{{Currency: "EUR", Amount: decimal.RequireFromString(amount)}}
	}
	var out bytes.Buffer
	c := &cli{out: &out, output: "text"}
	require.NoError(t, c.printPreview(api.StatementPreview{
		Vendor: "example", Period: march, Until: march.Start.Add(240 * time.Hour), Totals: total("10"), Forecast: total("31"),
		Sums: []metering.PreviewSum{{
			PreviewGroup: metering.PreviewGroup{Service: "s1", Dimension: "instance", Currency: "EUR"}, Amount: decimal.New(10, 0), Forecast: decimal.New(31, 0),
		}},
	}))
	narrow := regexp.MustCompile(` {2,}`).ReplaceAllString(out.String(), "  ")
	require.Equal(t, `next statement for example, from 2026-03-01 00:00:00 until 2026-04-01 00:00:00, by what is metered until 2026-03-11 00:00:00
TENANT  VENDOR  SERVICE  INSTANCE  PLAN  REGION  DIMENSION  AMOUNT  FORECAST
-  -  s1  -  -  -  instance  10.00 EUR  31.00 EUR
total: 10.00 EUR
forecast: 31.00 EUR
`, narrow)
}
