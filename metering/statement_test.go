package metering_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/bumpwire/bumpwire/metering"
)

func page(t *testing.T, bills []metering.BillingRecord) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, seller.WriteHTML(&b, bills))
	return b.String()
}

func TestAStatementIsAPageWithEveryRecordAndItsSums(t *testing.T) {
	t.Parallel()
	bills := charged()
	bills[0].Name = `<script>alert("x")</script>`
	bills[3].Currency = "USD"
	text := page(t, bills)
	golden(t, "statement.html", text)
	_, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	require.NotContains(t, text, "<script")
	for _, b := range bills {
		require.Contains(t, text, ">"+b.ID+"<")
	}
	for _, total := range metering.Sum(bills) {
		require.Contains(t, text, total.Shown()+" "+total.Currency)
	}
	require.Contains(t, page(t, nil), "Nothing was billed.")
}

func TestPrintedAmountsHaveAllTheirPlaces(t *testing.T) {
	t.Parallel()
	for amount, want := range map[string]string{"0": "0.00", "12": "12.00", "0.1": "0.10", "0.000175": "0.000175", "1e3": "1000.00"} {
		require.Equal(t, want, metering.Total{Amount: decimal.RequireFromString(amount)}.Shown())
	}
}
