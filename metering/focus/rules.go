package focus

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
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
	{"PricingCurrency", false, true, text},
	{"PricingCurrencyContractedUnitPrice", false, true, price},
	{"PricingCurrencyEffectiveCost", false, true, number},
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

func text(string) string { return "" }

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

var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

func currency(v string) string {
	if !currencyForm.MatchString(v) {
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

// cells are those of one row, by column; has says which columns there are.
type cells struct {
	value map[string]string
	has   map[string]bool
}

func (c cells) null(name string) bool { return c.value[name] == "" }

func (c cells) number(name string) (decimal.Decimal, bool) {
	if c.null(name) || number(c.value[name]) != "" {
		return decimal.Zero, false
	}
	d, err := decimal.NewFromString(c.value[name])
	return d, err == nil
}

// together are rules about several columns of one row.
func (c cells) together(find func(column, problem string)) {
	when := func(wrong bool, column, problem string) {
		if wrong {
			find(column, problem)
		}
	}
	for _, p := range [][2]string{{"BillingPeriodStart", "BillingPeriodEnd"}, {"ChargePeriodStart", "ChargePeriodEnd"}} {
		when(c.value[p[1]] <= c.value[p[0]], p[1], "it is exclusive and must be after "+p[0])
	}
	category, correction := c.value["ChargeCategory"], c.value["ChargeClass"] == ClassCorrection
	for _, name := range []string{"ChargePeriodStart", "ChargePeriodEnd"} {
		outside := c.value[name] < c.value["BillingPeriodStart"] || c.value[name] > c.value["BillingPeriodEnd"]
		when(outside && !correction, name, "it is outside of the billing period, which only a correction may be")
	}
	when(category == CategoryPurchase && c.value["ChargeFrequency"] == FrequencyUsage, "ChargeFrequency", "a purchase is not usage-based")
	c.quantities(category, correction, when)
	c.products(correction, when)
	for _, p := range [][2]string{
		{"ResourceName", "ResourceId"}, {"ResourceType", "ResourceId"}, {"SubAccountName", "SubAccountId"}, {"SubAccountType", "SubAccountId"},
		{"SkuMeter", "SkuId"}, {"SkuPriceDetails", "SkuPriceId"}, {"RegionName", "RegionId"},
	} {
		when(!c.null(p[0]) && c.null(p[1]), p[0], "it must be null, since "+p[1]+" is")
	}
	for _, p := range [][2]string{{"BillingAccountType", "BillingAccountId"}, {"SubAccountType", "SubAccountId"}, {"PricingUnit", "PricingQuantity"}, {"ConsumedUnit", "ConsumedQuantity"}} {
		when(c.has[p[0]] && c.null(p[0]) && !c.null(p[1]), p[0], "it must not be null, since "+p[1]+" is not")
	}
	sub := c.value["ServiceSubcategory"]
	when(c.value["ServiceCategory"] == "Networking" && sub != "" && !slices.Contains(networking, sub), "ServiceSubcategory", "Networking has no such subcategory")
}

// networking are the subcategories of the service category Networking.
var networking = []string{"Application Networking", "Content Delivery", "Network Connectivity", "Network Infrastructure", "Network Routing", "Network Security", "Other (Networking)"}

// quantities are the rules of which category needs, or must not have, what is per unit.
func (c cells) quantities(category string, correction bool, when func(bool, string, string)) {
	sold := (category == CategoryUsage || category == CategoryPurchase) && !correction
	for _, name := range []string{"PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice", "PricingCategory", "SkuId", "SkuPriceId"} {
		when(sold && c.has[name] && c.null(name), name, "it must not be null for "+category)
		when(category == "Tax" && !c.null(name), name, "it must be null for a tax")
	}
	for _, name := range []string{"ConsumedQuantity", "ConsumedUnit"} {
		when(category == CategoryUsage && !correction && c.has[name] && c.null(name), name, "it must not be null for Usage")
		when(category != CategoryUsage && !c.null(name), name, "it must be null unless the charge is Usage")
	}
	for _, p := range [][2]string{{"PricingUnit", "PricingQuantity"}, {"ConsumedUnit", "ConsumedQuantity"}} {
		when(!c.null(p[0]) && c.null(p[1]), p[0], "it must be null, since "+p[1]+" is")
	}
}

// products are costs that must be what price and quantity give.
func (c cells) products(correction bool, when func(bool, string, string)) {
	quantity, known := c.number("PricingQuantity")
	if !known || correction {
		return
	}
	for _, p := range [][2]string{{"ListCost", "ListUnitPrice"}, {"ContractedCost", "ContractedUnitPrice"}} {
		cost, has := c.number(p[0])
		price, priced := c.number(p[1])
		when(has && priced && !cost.Equal(price.Mul(quantity)), p[0], "it must be "+p[1]+" × PricingQuantity")
	}
}
