package focus

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// pair are two columns of which one depends on the other.
type pair struct{ name, on string }

// attends are columns that must be there when another is.
var attends = []pair{
	{"ConsumedUnit", "ConsumedQuantity"}, {"ConsumedQuantity", "ConsumedUnit"},
	{"ResourceName", "ResourceId"}, {"ResourceType", "ResourceId"}, {"SubAccountName", "SubAccountId"}, {"SubAccountType", "SubAccountId"},
	{"RegionName", "RegionId"}, {"SkuPriceId", "SkuId"}, {"CapacityReservationStatus", "CapacityReservationId"},
	{"CommitmentDiscountCategory", "CommitmentDiscountId"}, {"CommitmentDiscountName", "CommitmentDiscountId"}, {"CommitmentDiscountQuantity", "CommitmentDiscountId"},
	{"CommitmentDiscountStatus", "CommitmentDiscountId"}, {"CommitmentDiscountType", "CommitmentDiscountId"}, {"CommitmentDiscountUnit", "CommitmentDiscountId"},
	{"PricingCurrency", "PricingCurrencyListUnitPrice"}, {"PricingCurrency", "PricingCurrencyContractedUnitPrice"}, {"PricingCurrency", "PricingCurrencyEffectiveCost"},
}

// nullWith are columns that must be null when another is.
var nullWith = []pair{
	{"PricingUnit", "PricingQuantity"}, {"ConsumedUnit", "ConsumedQuantity"},
	{"ResourceName", "ResourceId"}, {"ResourceType", "ResourceId"}, {"SubAccountName", "SubAccountId"}, {"SubAccountType", "SubAccountId"},
	{"SkuMeter", "SkuId"}, {"SkuPriceId", "SkuId"}, {"SkuPriceDetails", "SkuPriceId"}, {"RegionName", "RegionId"},
	{"CapacityReservationStatus", "CapacityReservationId"},
	{"CommitmentDiscountCategory", "CommitmentDiscountId"}, {"CommitmentDiscountName", "CommitmentDiscountId"}, {"CommitmentDiscountQuantity", "CommitmentDiscountId"},
	{"CommitmentDiscountStatus", "CommitmentDiscountId"}, {"CommitmentDiscountType", "CommitmentDiscountId"}, {"CommitmentDiscountUnit", "CommitmentDiscountQuantity"},
}

// neededBy are columns that must not be null when another is not.
var neededBy = []pair{
	{"BillingAccountType", "BillingAccountId"}, {"SubAccountType", "SubAccountId"}, {"ResourceType", "ResourceId"}, {"RegionName", "RegionId"},
	{"PricingUnit", "PricingQuantity"}, {"ConsumedUnit", "ConsumedQuantity"},
	{"CommitmentDiscountCategory", "CommitmentDiscountId"}, {"CommitmentDiscountType", "CommitmentDiscountId"}, {"CommitmentDiscountUnit", "CommitmentDiscountQuantity"},
}

// ofSales are columns of what has a price per unit.
var ofSales = []string{
	"PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice", "PricingCategory", "SkuId", "SkuPriceId",
	"PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice",
}

// networking are the subcategories of the service category Networking.
var networking = []string{"Application Networking", "Content Delivery", "Network Connectivity", "Network Infrastructure", "Network Routing", "Network Security", "Other (Networking)"}

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

// differ says whether two columns have numbers that are not equal.
func (c cells) differ(a, b string) bool {
	x, known := c.number(a)
	y, both := c.number(b)
	return known && both && !x.Equal(y)
}

// finder tells a problem of a column when something is wrong.
type finder func(wrong bool, column, problem string)

// together are rules about several columns of one row.
func (c cells) together(find func(column, problem string)) {
	when := func(wrong bool, column, problem string) {
		if wrong {
			find(column, problem)
		}
	}
	c.periods(when)
	c.categories(when)
	c.commitments(when)
	c.costs(when)
	for _, p := range nullWith {
		when(!c.null(p.name) && c.null(p.on), p.name, "it must be null, since "+p.on+" is")
	}
	for _, p := range neededBy {
		when(c.has[p.name] && c.null(p.name) && !c.null(p.on), p.name, "it must not be null, since "+p.on+" is not")
	}
	category, sub := c.value["ServiceCategory"], c.value["ServiceSubcategory"]
	wrong := category == "Networking" && sub != "" && !slices.Contains(networking, sub)
	when(wrong || strings.HasPrefix(sub, "Other (") && sub != "Other ("+category+")", "ServiceSubcategory", category+" has no such subcategory")
}

func (c cells) correction() bool { return c.value["ChargeClass"] == ClassCorrection }

func (c cells) periods(when finder) {
	for _, p := range []pair{{"BillingPeriodEnd", "BillingPeriodStart"}, {"ChargePeriodEnd", "ChargePeriodStart"}} {
		when(c.value[p.name] <= c.value[p.on], p.name, "it is exclusive and must be after "+p.on)
	}
	for _, name := range []string{"ChargePeriodStart", "ChargePeriodEnd"} {
		outside := c.value[name] < c.value["BillingPeriodStart"] || c.value[name] > c.value["BillingPeriodEnd"]
		when(outside && !c.correction(), name, "it is outside of the billing period, which only a correction may be")
	}
}

// categories are the rules of which category needs, or must not have, what is per unit.
func (c cells) categories(when finder) {
	category := c.value["ChargeCategory"]
	when(category == CategoryPurchase && c.value["ChargeFrequency"] == FrequencyUsage, "ChargeFrequency", "a purchase is not usage-based")
	sold := (category == CategoryUsage || category == CategoryPurchase) && !c.correction()
	for _, name := range ofSales {
		when(sold && c.has[name] && c.null(name), name, "it must not be null for "+category)
		when(category == CategoryTax && !c.null(name), name, "it must be null for a tax")
	}
	unused := c.value["CommitmentDiscountStatus"] == "Unused"
	for _, name := range []string{"ConsumedQuantity", "ConsumedUnit"} {
		when(category == CategoryUsage && !c.correction() && !unused && c.has[name] && c.null(name), name, "it must not be null for Usage")
		when(category != CategoryUsage && !c.null(name), name, "it must be null unless the charge is Usage")
		when(unused && !c.null(name), name, "it must be null for what is unused of a commitment")
	}
}

// commitments are the rules of what a commitment or reservation needs.
func (c cells) commitments(when finder) {
	use := c.value["ChargeCategory"] == CategoryUsage
	when(use && !c.null("CapacityReservationId") && c.has["CapacityReservationStatus"] && c.null("CapacityReservationStatus"), "CapacityReservationStatus", "it must not be null for Usage, since CapacityReservationId is not")
	committed := !c.null("CommitmentDiscountId")
	when(use && committed && c.has["CommitmentDiscountStatus"] && c.null("CommitmentDiscountStatus"), "CommitmentDiscountStatus", "it must not be null for Usage, since CommitmentDiscountId is not")
	sold := use || c.value["ChargeCategory"] == CategoryPurchase
	quantity, known := c.number("CommitmentDiscountQuantity")
	when(sold && committed && !c.correction() && c.has["CommitmentDiscountQuantity"] && (c.null("CommitmentDiscountQuantity") || known && !quantity.IsPositive()),
		"CommitmentDiscountQuantity", "it must be positive, since CommitmentDiscountId is not null")
}

// costs are those that others give.
func (c cells) costs(when finder) {
	quantity, known := c.number("PricingQuantity")
	for _, p := range []pair{{"ListCost", "ListUnitPrice"}, {"ContractedCost", "ContractedUnitPrice"}} {
		cost, has := c.number(p.name)
		price, priced := c.number(p.on)
		when(known && !c.correction() && has && priced && !cost.Equal(price.Mul(quantity)), p.name, "it must be "+p.on+" × PricingQuantity")
	}
	for _, name := range []string{"EffectiveCost", "ListCost", "ContractedCost"} {
		when(c.value["ChargeCategory"] == CategoryCredit && c.differ(name, "BilledCost"), name, "a credit's must be its BilledCost")
	}
	for _, name := range []string{"ListUnitPrice", "ContractedUnitPrice", "EffectiveCost"} {
		one := !c.null("PricingCurrency") && c.value["PricingCurrency"] == c.value["BillingCurrency"]
		when(one && c.differ("PricingCurrency"+name, name), "PricingCurrency"+name, "it must be "+name+", since the currency is the same")
	}
}
