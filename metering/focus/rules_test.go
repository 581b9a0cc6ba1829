package focus_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/metering/focus"
)

// specified is what FOCUS 1.2 says of each column by itself: "!" for one that must be there, "0" for one
// that may be null, and what its values are.
const specified = `
	AvailabilityZone 0 text                  BilledCost ! number                     BillingAccountId ! text
	BillingAccountName !0 text               BillingAccountType 0 text               BillingCurrency ! currency
	BillingPeriodEnd ! moment                BillingPeriodStart ! moment             CapacityReservationId 0 text
	CapacityReservationStatus 0 listed       ChargeCategory ! listed                 ChargeClass !0 listed
	ChargeDescription !0 text                ChargeFrequency - listed                ChargePeriodEnd ! moment
	ChargePeriodStart ! moment               CommitmentDiscountCategory 0 listed     CommitmentDiscountId 0 text
	CommitmentDiscountName 0 text            CommitmentDiscountQuantity 0 number     CommitmentDiscountStatus 0 listed
	CommitmentDiscountType 0 text            CommitmentDiscountUnit 0 text           ConsumedQuantity 0 number
	ConsumedUnit 0 text                      ContractedCost ! number                 ContractedUnitPrice 0 price
	EffectiveCost ! number                   InvoiceId 0 text                        InvoiceIssuerName ! text
	ListCost ! number                        ListUnitPrice 0 price                   PricingCategory 0 listed
	PricingCurrency - currency               PricingCurrencyContractedUnitPrice 0 price
	PricingCurrencyEffectiveCost - number    PricingCurrencyListUnitPrice 0 price    PricingQuantity !0 number
	PricingUnit !0 text                      ProviderName ! text                     PublisherName ! text
	RegionId 0 text                          RegionName 0 text                       ResourceId 0 text
	ResourceName 0 text                      ResourceType 0 text                     ServiceCategory ! listed
	ServiceName ! text                       ServiceSubcategory - text               SkuId 0 text
	SkuMeter 0 text                          SkuPriceDetails 0 keys                  SkuPriceId 0 text
	SubAccountId 0 text                      SubAccountName 0 text                   SubAccountType 0 text
	Tags 0 keys`

// wrong are values that a kind of column must not have, with what is said of them.
var wrong = map[string]struct {
	values []string
	says   string
}{
	"text":     {[]string{"caf\xe9"}, "UTF-8"},
	"number":   {[]string{"+1", "1,000", "1 000", "EUR 5", "1/2", ".5", "5.", "1E+3", "NaN", "NULL", "0x1", "1_0"}, "a decimal number"},
	"price":    {[]string{"+1", "1,000", "EUR 5", "-1"}, ""},
	"currency": {[]string{"euro", "eur", "EURO", "€", "DEM", "XAU", "XXX", "ABC", "tokens"}, "ISO 4217"},
	"moment": {[]string{"2026-03-31", "2026-03-31T00:00:00", "2026-03-31T00:00Z", "2026-03-31 00:00:00Z", "2026-03-31T00:00:00.5Z",
		"2026-03-31T00:00:00+00:00", "2026-02-30T00:00:00Z", "2026-03-31T24:00:00Z", "2026-03-31T23:59:60Z", "1774915200"}, "a moment of UTC"},
	"listed": {[]string{"Whatever", "usage", "USED", "correction", "one-time"}, "it must be one of"},
	"keys":   {[]string{"a=b", `["a"]`, `"a"`, `{"a":["b"]}`, `{"a":{"b":"c"}}`, `{a:1}`}, "JSON object"},
}

func told(t *testing.T, faults ...string) (list []string) {
	t.Helper()
	_, found, err := focus.Check(strings.NewReader(seeded(t, faults...)))
	require.NoError(t, err)
	for _, f := range found {
		list = append(list, f.Column+": "+f.Message)
	}
	return list
}

func requireTold(t *testing.T, want string, faults ...string) {
	t.Helper()
	require.Contains(t, strings.Join(told(t, faults...), "\n"), want, "%q", faults)
}

func TestEachColumnIsAsSpecified(t *testing.T) {
	t.Parallel()
	f := strings.Fields(specified)
	require.Len(t, f, 3*57)
	for ; len(f) > 0; f = f[3:] {
		name, level, kind := f[0], f[1], f[2]
		absent := told(t, "-"+name)
		if strings.Contains(level, "!") {
			require.Contains(t, absent, name+": the column is mandatory")
		} else {
			require.NotContains(t, absent, name+": the column is mandatory")
		}
		null := told(t, name+"=")
		if strings.Contains(level, "0") {
			require.NotContains(t, null, name+": it must not be null")
		} else {
			require.Contains(t, null, name+": it must not be null")
		}
		for _, value := range wrong[kind].values {
			requireTold(t, name+": ", name+"="+value)
			requireTold(t, wrong[kind].says, name+"="+value)
		}
	}
}

func TestColumnsKeepCompany(t *testing.T) {
	t.Parallel()
	for _, c := range []string{
		"ConsumedQuantity ConsumedUnit", "ConsumedUnit ConsumedQuantity", "ResourceId ResourceName", "ResourceId ResourceType", "SubAccountId SubAccountName",
		"SubAccountId SubAccountType", "RegionId RegionName", "SkuId SkuPriceId", "CapacityReservationId CapacityReservationStatus",
		"CommitmentDiscountId CommitmentDiscountCategory", "CommitmentDiscountId CommitmentDiscountName", "CommitmentDiscountId CommitmentDiscountQuantity",
		"CommitmentDiscountId CommitmentDiscountStatus", "CommitmentDiscountId CommitmentDiscountType", "CommitmentDiscountId CommitmentDiscountUnit",
		"PricingCurrencyListUnitPrice PricingCurrency", "PricingCurrencyContractedUnitPrice PricingCurrency", "PricingCurrencyEffectiveCost PricingCurrency",
	} {
		column, other, _ := strings.Cut(c, " ")
		requireTold(t, fmt.Sprintf("%s: the column must be there, since %s is", other, column), column+"=", "-"+other)
	}
}

// committed is a commitment, as usage of it has it.
var committed = []string{
	"CommitmentDiscountId=c", "CommitmentDiscountCategory=Usage", "CommitmentDiscountName=c", "CommitmentDiscountQuantity=1", "CommitmentDiscountStatus=Used",
	"CommitmentDiscountType=yearly", "CommitmentDiscountUnit=Hours",
}

func TestColumnsAgreeWithEachOther(t *testing.T) {
	t.Parallel()
	const tax, credit = "ChargeCategory=Tax", "ChargeCategory=Credit"
	noUse := []string{"ConsumedQuantity=", "ConsumedUnit="}
	for _, c := range []struct {
		want   string
		faults []string
	}{
		{"", committed},
		{"", append(committed, "CommitmentDiscountStatus=Unused", "ConsumedQuantity=", "ConsumedUnit=")},
		{"ConsumedQuantity: it must be null for what is unused", append(committed, "CommitmentDiscountStatus=Unused")},
		{"CommitmentDiscountCategory: it must not be null, since", append(committed, "CommitmentDiscountCategory=")},
		{"CommitmentDiscountType: it must not be null, since", append(committed, "CommitmentDiscountType=")},
		{"CommitmentDiscountStatus: it must not be null for Usage", append(committed, "CommitmentDiscountStatus=")},
		{"CommitmentDiscountQuantity: it must be positive", append(committed, "CommitmentDiscountQuantity=0")},
		{"CommitmentDiscountQuantity: it must be positive", append(committed, "CommitmentDiscountQuantity=")},
		{"CommitmentDiscountUnit: it must not be null, since", append(committed, "CommitmentDiscountUnit=")},
		{"CommitmentDiscountCategory: it must be null, since", []string{"CommitmentDiscountCategory=Spend"}},
		{"CommitmentDiscountName: it must be null, since", []string{"CommitmentDiscountName=x"}},
		{"CommitmentDiscountQuantity: it must be null, since", []string{"CommitmentDiscountQuantity=1"}},
		{"CommitmentDiscountStatus: it must be null, since", []string{"CommitmentDiscountStatus=Used"}},
		{"CommitmentDiscountType: it must be null, since", []string{"CommitmentDiscountType=x"}},
		{"CommitmentDiscountUnit: it must be null, since", []string{"CommitmentDiscountUnit=Hours"}},
		{"CapacityReservationStatus: it must be null, since", []string{"CapacityReservationStatus=Used"}},
		{"CapacityReservationStatus: it must not be null for Usage", []string{"CapacityReservationId=r", "CapacityReservationStatus="}},
		{"RegionName: it must be null, since", []string{"RegionName=x"}},
		{"RegionName: it must not be null, since", []string{"RegionId=x", "RegionName="}},
		{"ResourceType: it must not be null, since", []string{"ResourceType="}},
		{"ResourceType: it must be null, since", []string{"ResourceId=", "ResourceName="}},
		{"SubAccountType: it must be null, since", []string{"SubAccountId=", "SubAccountName="}},
		{"SkuMeter: it must be null, since", []string{"SkuId="}},
		{"SkuPriceId: it must be null, since", []string{"SkuId="}},
		{"SkuPriceDetails: it must be null, since", []string{"SkuPriceId=", `SkuPriceDetails={"a":1}`}},
		{"PricingUnit: it must be null, since", []string{"PricingQuantity="}},
		{"PricingUnit: it must not be null, since", []string{"PricingUnit="}},
		{"ConsumedUnit: it must be null, since", []string{"ConsumedQuantity="}},
		{"ConsumedUnit: it must not be null, since", []string{"ConsumedUnit="}},
		{"PricingQuantity: it must not be null for Usage", []string{"PricingQuantity=", "PricingUnit="}},
		{"PricingUnit: it must not be null for Usage", []string{"PricingUnit="}},
		{"ListUnitPrice: it must not be null for Usage", []string{"ListUnitPrice="}},
		{"ContractedUnitPrice: it must not be null for Usage", []string{"ContractedUnitPrice="}},
		{"SkuId: it must not be null for Usage", []string{"SkuId="}},
		{"PricingCurrencyListUnitPrice: it must not be null for Usage", []string{"PricingCurrencyListUnitPrice="}},
		{"PricingCurrencyContractedUnitPrice: it must not be null for Usage", []string{"PricingCurrencyContractedUnitPrice="}},
		{"PricingQuantity: it must be null for a tax", append(noUse, tax)},
		{"PricingUnit: it must be null for a tax", append(noUse, tax)},
		{"ListUnitPrice: it must be null for a tax", append(noUse, tax)},
		{"ContractedUnitPrice: it must be null for a tax", append(noUse, tax)},
		{"PricingCategory: it must be null for a tax", append(noUse, tax)},
		{"SkuId: it must be null for a tax", append(noUse, tax)},
		{"SkuPriceId: it must be null for a tax", append(noUse, tax)},
		{"PricingCurrencyListUnitPrice: it must be null for a tax", append(noUse, tax)},
		{"PricingCurrencyContractedUnitPrice: it must be null for a tax", append(noUse, tax)},
		{"ConsumedUnit: it must be null unless the charge is Usage", []string{tax}},
		{"PricingCurrencyListUnitPrice: it must be ListUnitPrice", []string{"PricingCurrencyListUnitPrice=0.13"}},
		{"PricingCurrencyContractedUnitPrice: it must be ContractedUnitPrice", []string{"PricingCurrencyContractedUnitPrice=0.13"}},
		{"PricingCurrencyEffectiveCost: it must be EffectiveCost", []string{"PricingCurrencyEffectiveCost=0.13"}},
		{"", []string{"PricingCurrency=USD", "PricingCurrencyEffectiveCost=0.13"}},
		{"EffectiveCost: a credit's must be its BilledCost", append(noUse, credit, "EffectiveCost=1")},
		{"ListCost: a credit's must be its BilledCost", append(noUse, credit, "BilledCost=1")},
		{"ContractedCost: a credit's must be its BilledCost", append(noUse, credit, "BilledCost=1")},
		{"BillingPeriodEnd: it is exclusive", []string{"BillingPeriodEnd=2026-03-01T00:00:00Z"}},
		{"ChargePeriodEnd: it is exclusive", []string{"ChargePeriodEnd=2026-03-01T09:59:59Z"}},
		{"", []string{"ChargePeriodEnd=2026-04-01T00:00:00Z"}},
		{"", []string{"ChargePeriodStart=2026-02-28T23:59:59Z", "ChargeClass=Correction"}},
		{"ServiceSubcategory: Networking has no such subcategory", []string{"ServiceSubcategory=Other (Compute)"}},
		{"ServiceSubcategory: Compute has no such subcategory", []string{"ServiceCategory=Compute", "ServiceSubcategory=Other (Networking)"}},
		{"ChargeFrequency: a purchase is not usage-based", append(noUse, "ChargeCategory=Purchase")},
	} {
		if c.want == "" {
			require.Empty(t, told(t, c.faults...), "%q", c.faults)
			continue
		}
		requireTold(t, c.want, c.faults...)
	}
}
