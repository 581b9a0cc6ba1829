package focus

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bumpwire/bumpwire/internal/iso4217"
)

// kind is what a column's values are; "" passes, since null is another rule.
type kind func(value string) (problem string)

// rule is what FOCUS 1.2 says of one column by itself.
type rule struct {
	name      string
	mandatory bool // the column must be there
	null      bool // its value may be null
	is        kind
}

var rules = []rule{
	{"AvailabilityZone", false, true, text},
	{"BilledCost", true, false, number},
	{"BillingAccountId", true, false, text},
	{"BillingAccountName", true, true, text},
	{"BillingAccountType", false, true, text},
	{"BillingCurrency", true, false, currency},
	{"BillingPeriodEnd", true, false, moment},
	{"BillingPeriodStart", true, false, moment},
	{"CapacityReservationId", false, true, text},
	{"CapacityReservationStatus", false, true, oneOf("Used", "Unused")},
	{"ChargeCategory", true, false, oneOf("Usage", "Purchase", "Tax", "Credit", "Adjustment")},
	{"ChargeClass", true, true, oneOf("Correction")},
	{"ChargeDescription", true, true, text},
	{"ChargeFrequency", false, false, oneOf("One-Time", "Recurring", "Usage-Based")},
	{"ChargePeriodEnd", true, false, moment},
	{"ChargePeriodStart", true, false, moment},
	{"CommitmentDiscountCategory", false, true, oneOf("Spend", "Usage")},
	{"CommitmentDiscountId", false, true, text},
	{"CommitmentDiscountName", false, true, text},
	{"CommitmentDiscountQuantity", false, true, number},
	{"CommitmentDiscountStatus", false, true, oneOf("Used", "Unused")},
	{"CommitmentDiscountType", false, true, text},
	{"CommitmentDiscountUnit", false, true, text},
	{"ConsumedQuantity", false, true, number},
	{"ConsumedUnit", false, true, text},
	{"ContractedCost", true, false, number},
	{"ContractedUnitPrice", false, true, price},
	{"EffectiveCost", true, false, number},
	{"InvoiceId", false, true, text},
	{"InvoiceIssuerName", true, false, text},
	{"ListCost", true, false, number},
	{"ListUnitPrice", false, true, price},
	{"PricingCategory", false, true, oneOf("Standard", "Dynamic", "Committed", "Other")},
	{"PricingCurrency", false, false, currency},
	{"PricingCurrencyContractedUnitPrice", false, true, price},
	{"PricingCurrencyEffectiveCost", false, false, number},
	{"PricingCurrencyListUnitPrice", false, true, price},
	{"PricingQuantity", true, true, number},
	{"PricingUnit", true, true, text},
	{"ProviderName", true, false, text},
	{"PublisherName", true, false, text},
	{"RegionId", false, true, text},
	{"RegionName", false, true, text},
	{"ResourceId", false, true, text},
	{"ResourceName", false, true, text},
	{"ResourceType", false, true, text},
	{"ServiceCategory", true, false, oneOf("AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
		"Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile", "Networking",
		"Security", "Storage", "Web", "Other")},
	{"ServiceName", true, false, text},
	{"ServiceSubcategory", false, false, text},
	{"SkuId", false, true, text},
	{"SkuMeter", false, true, text},
	{"SkuPriceDetails", false, true, keyValues},
	{"SkuPriceId", false, true, text},
	{"SubAccountId", false, true, text},
	{"SubAccountName", false, true, text},
	{"SubAccountType", false, true, text},
	{"Tags", false, true, keyValues},
}

func text(v string) string {
	if !utf8.ValidString(v) {
		return "it must be text in UTF-8"
	}
	return ""
}

var decimalForm = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE]-?[0-9]{1,3})?$`)

func number(v string) string {
	if !decimalForm.MatchString(v) {
		return "it must be a decimal number, without plus sign or thousands separators"
	}
	return ""
}

func price(v string) string {
	if strings.HasPrefix(v, "-") {
		return "a unit price is not negative"
	}
	return number(v)
}

// currency is money; what FOCUS calls a virtual currency, such as tokens, is not.
func currency(v string) string {
	if _, known := iso4217.Places(v); !known {
		return "it must be a code of ISO 4217"
	}
	return ""
}

func moment(v string) string {
	if _, err := time.Parse(timeForm, v); err != nil || len(v) != len(timeForm) {
		return "it must be a moment of UTC such as 2026-01-31T00:00:00Z"
	}
	return ""
}

func keyValues(v string) string {
	var o map[string]any
	if json.Unmarshal([]byte(v), &o) != nil {
		return "it must be a JSON object"
	}
	for _, value := range o {
		switch value.(type) {
		case map[string]any, []any:
			return "the values of its JSON object must be scalar"
		}
	}
	return ""
}

func oneOf(allowed ...string) kind {
	return func(v string) string {
		if !slices.Contains(allowed, v) {
			return "it must be one of: " + strings.Join(allowed, ", ")
		}
		return ""
	}
}
