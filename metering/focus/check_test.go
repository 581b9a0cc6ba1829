package focus_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/metering/focus"
)

func row() focus.Row {
	start := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	cost := decimal.RequireFromString("0.12")
	return focus.Row{
		BilledCost: cost, EffectiveCost: cost, ListCost: cost, ContractedCost: cost,
		BillingAccountID: "tenant-a", BillingAccountName: "Tenant A", BillingCurrency: "EUR",
		BillingPeriod: focus.Period{Start: start.AddDate(0, 0, 0).Truncate(24 * time.Hour), End: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)},
		ChargePeriod:  focus.Period{Start: start, End: start.Add(time.Hour)},
		SubAccountID:  "cf", SubAccountName: "cf",
		ChargeCategory: focus.CategoryUsage, ChargeFrequency: focus.FrequencyUsage, ChargeDescription: "an hour",
		InvoiceIssuer: "Operator", Provider: "Operator", Publisher: "Example", ServiceName: "Firewall", ServiceSubcategory: "Network Security",
		ResourceID: "i-1", ResourceName: "i-1", SkuID: "s/instance", SkuPriceID: "s/instance", SkuMeter: "instance",
		PricingUnit: "Hours", ConsumedUnit: "Seconds", PricingQuantity: decimal.New(1, 0), ConsumedQuantity: decimal.New(3600, 0), ListUnitPrice: cost, ContractedUnitPrice: cost,
		Tags: map[string]string{"a": "b"},
	}
}

// seeded is a file of one row with cells changed, "column=value", and columns left out, "-column".
func seeded(t *testing.T, faults ...string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, focus.Write(&b, []focus.Row{row()}))
	all, err := csv.NewReader(&b).ReadAll()
	require.NoError(t, err)
	for _, f := range faults {
		name, value, change := strings.Cut(f, "=")
		if change && !slices.Contains(all[0], name) {
			all[0], all[1] = append(all[0], name), append(all[1], "")
		}
		for n := len(all[0]) - 1; n >= 0; n-- {
			switch {
			case change && all[0][n] == name:
				all[1][n] = value
			case !change && "-"+all[0][n] == f:
				all[0], all[1] = append(all[0][:n:n], all[0][n+1:]...), append(all[1][:n:n], all[1][n+1:]...)
			}
		}
		if strings.HasPrefix(f, "+") {
			all[0], all[1] = append(all[0], f[1:]), append(all[1], "")
		}
	}
	var out bytes.Buffer
	require.NoError(t, csv.NewWriter(&out).WriteAll(all))
	return out.String()
}

func TestCheckFindsEachFault(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"":                            "",
		"-BilledCost":                 "BilledCost: the column is mandatory",
		"-PricingUnit":                "PricingUnit: the column is mandatory",
		"+Price":                      "Price: FOCUS 1.2 has no such column; names of others begin with x_",
		"+BilledCost":                 "BilledCost: the column is there twice",
		"+x_Price":                    "",
		"BilledCost=":                 "BilledCost: it must not be null",
		"BilledCost=+1":               "BilledCost: it must be a decimal number, without plus sign or thousands separators",
		"BilledCost=1,000.5":          "BilledCost: it must be a decimal number, without plus sign or thousands separators",
		"BilledCost=1.5E-3":           "",
		"BilledCost=EUR 5":            "BilledCost: it must be a decimal number, without plus sign or thousands separators",
		"EffectiveCost=.5":            "EffectiveCost: it must be a decimal number, without plus sign or thousands separators",
		"ListUnitPrice=-0.12":         "ListUnitPrice: a unit price is not negative",
		"BillingCurrency=euro":        "BillingCurrency: it must be a code of ISO 4217",
		"BillingAccountName=":         "",
		"BillingAccountType=":         "BillingAccountType: it must not be null, since BillingAccountId is not",
		"BillingPeriodEnd=2026-03-31": "BillingPeriodEnd: it must be a moment of UTC such as 2026-01-31T00:00:00Z",
		"BillingPeriodEnd=2026-04-01T00:00:00.5Z":    "BillingPeriodEnd: it must be a moment of UTC such as 2026-01-31T00:00:00Z",
		"BillingPeriodEnd=2026-04-01T00:00:00+02:00": "BillingPeriodEnd: it must be a moment of UTC such as 2026-01-31T00:00:00Z",
		"ChargePeriodEnd=2026-03-01T10:00:00Z":       "ChargePeriodEnd: it is exclusive and must be after ChargePeriodStart",
		"ChargePeriodEnd=2026-04-01T00:00:01Z":       "ChargePeriodEnd: it is outside of the billing period, which only a correction may be",
		"ChargePeriodStart=2026-02-28T23:59:59Z":     "ChargePeriodStart: it is outside of the billing period, which only a correction may be",
		"ChargeCategory=usage":                       "ChargeCategory: it must be one of: Usage, Purchase, Tax, Credit, Adjustment",
		"ChargeClass=Correct":                        "ChargeClass: it must be one of: Correction",
		"ChargeClass=Correction":                     "",
		"ChargeFrequency=":                           "ChargeFrequency: it must not be null",
		"PricingCategory=List":                       "PricingCategory: it must be one of: Standard, Dynamic, Committed, Other",
		"PricingCategory=":                           "PricingCategory: it must not be null for Usage",
		"SkuPriceId=":                                "SkuPriceId: it must not be null for Usage",
		"ListCost=0.13":                              "ListCost: it must be ListUnitPrice × PricingQuantity",
		"ContractedUnitPrice=0.11":                   "ContractedCost: it must be ContractedUnitPrice × PricingQuantity",
		"ConsumedQuantity=":                          "ConsumedQuantity: it must not be null for Usage",
		"ConsumedUnit=":                              "ConsumedUnit: it must not be null for Usage",
		"ResourceId=":                                "ResourceName: it must be null, since ResourceId is",
		"SubAccountId=":                              "SubAccountName: it must be null, since SubAccountId is",
		"SubAccountType=":                            "SubAccountType: it must not be null, since SubAccountId is not",
		"ServiceCategory=Network":                    "ServiceCategory: it must be one of: AI and",
		"ServiceSubcategory=Firewalls":               "ServiceSubcategory: Networking has no such subcategory",
		"ServiceName=":                               "ServiceName: it must not be null",
		"PublisherName=":                             "PublisherName: it must not be null",
		`Tags=a=b`:                                   "Tags: it must be a JSON object",
		`Tags={"a":["b"]}`:                           "Tags: the values of its JSON object must be scalar",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			rows, found, err := focus.Check(strings.NewReader(seeded(t, fault)))
			require.NoError(t, err)
			require.Equal(t, 1, rows)
			var told []string
			for _, f := range found {
				told = append(told, f.Column+": "+f.Message)
			}
			if want == "" {
				require.Empty(t, told)
				return
			}
			require.NotEmpty(t, told)
			require.Contains(t, strings.Join(told, "\n"), want)
		})
	}
}

func TestCategoriesHaveTheirColumns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		faults []string
		want   string
	}{
		{[]string{"ChargeCategory=Purchase", "ConsumedQuantity=", "ConsumedUnit="}, "a purchase is not usage-based"},
		{[]string{"ChargeCategory=Purchase", "ChargeFrequency=Recurring"}, "it must be null unless the charge is Usage"},
		{[]string{"ChargeCategory=Purchase", "ChargeFrequency=Recurring", "ConsumedQuantity=", "ConsumedUnit="}, ""},
		{[]string{"ChargeCategory=Tax", "ConsumedQuantity=", "ConsumedUnit="}, "it must be null for a tax"},
	} {
		_, found, err := focus.Check(strings.NewReader(seeded(t, c.faults...)))
		require.NoError(t, err)
		if c.want == "" {
			require.Empty(t, found)
			continue
		}
		require.NotEmpty(t, found)
		require.Equal(t, c.want, found[0].Message)
		require.Equal(t, 2, found[0].Line)
	}
}

func TestWhatIsNoTableCannotBeChecked(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a,b\n1\n", "a\n\"b\n"} {
		_, _, err := focus.Check(strings.NewReader(text))
		require.Error(t, err, text)
	}
	_, found, err := focus.Check(strings.NewReader("BilledCost\n" + strings.Repeat("x\n", 5000)))
	require.NoError(t, err)
	require.Len(t, found, focus.MaxFindings)
}
