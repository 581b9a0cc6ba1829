package metering

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/metering/rating"
)

// Seller is what charges have to say beside the records: who issues invoices, and what
// services are called.
type Seller struct {
	Issuer   string // empty: "Operator"
	Services map[catalog.ServiceID]catalog.Service
	Zone     *time.Location // in which the issuer's months begin; nil: UTC
}

// Of are the services of a vendor; empty, not nil, when it has none.
func (s Seller) Of(vendor string) []catalog.ServiceID {
	own := []catalog.ServiceID{}
	for id, service := range s.Services {
		if service.Vendor == vendor {
			own = append(own, id)
		}
	}
	return own
}

// Charges are billing records as FOCUS has them, in their order. The billing period is
// the issuer's month in which a charge begins; what was reported after the month of its
// use, and counted beside what was there, is a correction in the month in which it came.
func (s Seller) Charges(bills []BillingRecord) []focus.Row {
	rows := make([]focus.Row, len(bills))
	for n, b := range bills {
		rows[n] = s.charge(b)
	}
	return rows
}

func (s Seller) charge(b BillingRecord) focus.Row {
	sku := skuID(b.Plan, b.Dimension)
	r := focus.Row{
		BilledCost: b.Amount, EffectiveCost: b.Amount, ListCost: b.Amount, ContractedCost: b.Amount,
		BillingAccountID: string(b.Tenant), BillingAccountName: string(b.Tenant), BillingCurrency: b.Currency,
		BillingPeriod: s.month(b.Start), ChargePeriod: focus.Period{Start: b.Start, End: b.End},
		SubAccountID: b.Platform, SubAccountName: b.Platform,
		ChargeCategory: focus.CategoryUsage, ChargeFrequency: focus.FrequencyUsage,
		ResourceID: string(b.Instance), ResourceName: b.Name, Region: b.Region,
		SkuID: sku, SkuPriceID: priceID(sku, rating.ChargeUsage, 0), SkuMeter: b.Dimension,
		Tags: map[string]string{"bumpwire/dimension": b.Dimension, "bumpwire/plan": string(b.Plan)}, RecordID: b.ID,
	}
	if b.Serves != "" {
		r.Tags["bumpwire/serves"] = string(b.Serves)
	}
	s.name(&r, b.Service, b.Plan, b.Dimension)
	if booked := s.month(b.Booked); !b.Booked.IsZero() && booked.Start.After(r.BillingPeriod.Start) {
		r.BillingPeriod, r.ChargeClass = booked, focus.ClassCorrection
		return r
	}
	quantity := b.Seconds
	if b.Part > 0 {
		quantity = b.Quantity
	}
	price(&r, quantity, b.Unit, b.UnitPrice, b.UnitPrice)
	return r
}

func skuID(plan catalog.PlanID, dimension string) string { return string(plan) + "/" + dimension }

// priceID tells the prices of a SKU apart: what is charged, and the tier of that. FOCUS 1.2 wants it the same for all
// times, tenants and amounts: neither the price's version nor a contract is part of it.
func priceID(sku string, charge rating.Charge, tier int) string {
	if charge != rating.ChargeUsage {
		sku += "/" + string(charge)
	}
	if tier > 0 {
		sku += fmt.Sprintf("/tier-%d", tier)
	}
	return sku
}

// LineCharges are lines of one statement as FOCUS has them; invoiced is the period in
// which they are billed, which is a later one than theirs for corrections.
func (s Seller) LineCharges(lines []rating.Line, invoiced rating.Period) []focus.Row {
	rows := make([]focus.Row, len(lines))
	for n, l := range lines {
		rows[n] = s.lineCharge(l, invoiced)
	}
	return rows
}

func (s Seller) lineCharge(l rating.Line, invoiced rating.Period) focus.Row {
	if l.Charge == rating.ChargeCredit {
		return s.besides(l, invoiced, focus.CategoryCredit, "Credit: "+l.Reason)
	}
	if l.Charge == rating.ChargeTax {
		return s.besides(l, invoiced, focus.CategoryTax, fmt.Sprintf("%s, %s %% of %s %s", l.Dimension, l.UnitPrice, l.Quantity, l.Currency))
	}
	sku := skuID(l.Plan, l.Dimension)
	r := focus.Row{
		BilledCost: l.Amount, EffectiveCost: l.Amount, ListCost: l.Amount, ContractedCost: l.Amount,
		BillingAccountID: string(l.Tenant), BillingAccountName: string(l.Tenant), BillingCurrency: l.Currency,
		BillingPeriod: focus.Period(invoiced), ChargePeriod: focus.Period{Start: l.Start, End: l.End},
		SubAccountID: l.Platform, SubAccountName: l.Platform,
		ResourceID: string(l.Instance), ResourceName: string(l.Instance), Region: l.Region,
		SkuID: sku, SkuPriceID: priceID(sku, l.Charge, l.Tier), SkuMeter: l.Dimension,
		Tags: map[string]string{"bumpwire/dimension": l.Dimension, "bumpwire/plan": string(l.Plan), "bumpwire/charge": string(l.Charge)}, RecordID: l.ID,
	}
	s.name(&r, l.Service, l.Plan, strings.Join([]string{l.Dimension, string(l.Charge)}, ", "))
	r.ChargeCategory, r.ChargeFrequency = focus.CategoryUsage, focus.FrequencyUsage
	fee := l.Charge == rating.ChargeFee || l.Charge == rating.ChargeMinimum
	if fee {
		r.ChargeCategory, r.ChargeFrequency = focus.CategoryPurchase, focus.FrequencyRecurring
	}
	if l.Model == catalog.ModelOnce {
		r.ChargeFrequency = focus.FrequencyOnce
	}
	if l.Refunds != "" {
		r.ChargeDescription += ", refund: " + l.Reason
	}
	if l.Charge == rating.ChargeServiceLevel {
		r.ChargeCategory, r.ChargeFrequency = focus.CategoryCredit, focus.FrequencyOnce
	}
	switch {
	case l.Corrects != "" || !l.Period.Start.Equal(invoiced.Start):
		r.ChargeClass = focus.ClassCorrection
	case l.Charge == rating.ChargeServiceLevel: // no price per unit
	case fee: // one of it, at its amount
		price(&r, decimal.New(1, 0), "period", l.Amount, l.Amount)
		r.ConsumedQuantity, r.ConsumedUnit = decimal.Zero, ""
	case l.Charge == rating.ChargeIncluded:
		price(&r, l.Quantity, l.Unit, decimal.Zero, decimal.Zero)
	case l.Model == catalog.ModelPackage:
		price(&r, l.Packages, "package", l.UnitPrice, l.UnitPrice)
		r.ConsumedQuantity, r.ConsumedUnit = l.Quantity, unitName(l.QuantityUnit)
	case l.Model == catalog.ModelPercentage:
		share := l.UnitPrice.Shift(-2)
		price(&r, l.Quantity, l.Unit, share, share)
	default:
		price(&r, l.Quantity, l.Unit, l.UnitPrice, l.UnitPrice)
	}
	return r
}

// besides is a line that has no service: a credit, a tax. FOCUS wants one, and the issuer's is named so.
func (s Seller) besides(l rating.Line, invoiced rating.Period, category, what string) focus.Row {
	issuer := cmp.Or(s.Issuer, "Operator")
	return focus.Row{
		BilledCost: l.Amount, EffectiveCost: l.Amount, ListCost: l.Amount, ContractedCost: l.Amount,
		BillingAccountID: string(l.Tenant), BillingAccountName: string(l.Tenant), BillingCurrency: l.Currency,
		BillingPeriod: focus.Period(invoiced), ChargePeriod: focus.Period{Start: l.Start, End: l.End},
		ChargeCategory: category, ChargeFrequency: focus.FrequencyOnce, ChargeDescription: what,
		InvoiceIssuer: issuer, Provider: issuer, Publisher: issuer, ServiceName: category, ServiceSubcategory: "Other (Networking)",
		RecordID: l.ID,
	}
}

// name fills in what the catalog knows; what it does not is called by its id.
func (s Seller) name(r *focus.Row, service catalog.ServiceID, plan catalog.PlanID, what string) {
	known := s.Services[service]
	name, planName := cmp.Or(known.Name, string(service)), string(plan)
	for _, p := range slices.Concat(known.Plans, known.Former) {
		if p.ID == plan {
			planName = p.Name
		}
	}
	r.InvoiceIssuer = cmp.Or(s.Issuer, "Operator")
	r.Provider, r.Publisher = r.InvoiceIssuer, cmp.Or(known.ProviderName, known.Vendor, r.InvoiceIssuer)
	r.ServiceName, r.ServiceSubcategory = cmp.Or(known.DisplayName, name), subcategory(known.Insertion.Type)
	r.ChargeDescription = fmt.Sprintf("%s, plan %s: %s", name, planName, what)
}

// subcategory is FOCUS's for a type of service.
func subcategory(kind string) string {
	switch kind {
	case "firewall", "ids", "ips", "waf":
		return "Network Security"
	case "load-balancer", "proxy":
		return "Application Networking"
	case "router":
		return "Network Routing"
	case "vpn", "sd-wan":
		return "Network Connectivity"
	case "":
		return "Other (Networking)"
	}
	return "Network Infrastructure"
}

// pricePlaces is to how many decimal places a quantity is told in units of its price:
// 3600 seconds an hour do not divide all.
const pricePlaces = 15

// price fills in the quantity and what it costs per unit. List and contracted cost are
// unit price × quantity, unrounded.
func price(r *focus.Row, quantity decimal.Decimal, unit string, amount, list decimal.Decimal) {
	base, size := catalog.BaseUnit(unit)
	r.ConsumedQuantity, r.ConsumedUnit = quantity, unitName(base)
	r.PricingQuantity, r.PricingUnit = quantity.DivRound(size, pricePlaces), unitName(unit)
	r.ContractedUnitPrice, r.ListUnitPrice = amount, list
	r.ContractedCost, r.ListCost = amount.Mul(r.PricingQuantity), list.Mul(r.PricingQuantity)
}

// unitName is a unit as FOCUS writes it: capitalised, in the plural.
func unitName(unit string) string {
	if what, time, lasts := strings.Cut(unit, "-"); lasts {
		if _, _, lasts = catalog.LevelUnit(unit); lasts {
			return strings.TrimSuffix(unitName(what), "s") + "-" + unitName(time)
		}
	}
	short := map[string]string{
		"vcpu":     "vCPU",
		"kilobyte": "KB", "megabyte": "MB", "gigabyte": "GB", "terabyte": "TB", "mebibyte": "MiB", "gibibyte": "GiB", "tebibyte": "TiB",
	}
	if name, ok := short[unit]; ok {
		return name
	}
	first, size := utf8.DecodeRuneInString(unit)
	name := string(unicode.ToUpper(first)) + unit[size:]
	if strings.HasSuffix(name, "s") {
		return name
	}
	return name + "s"
}

// month is the issuer's month in which a moment lies.
func (s Seller) month(t time.Time) focus.Period {
	return focus.Period(rating.Month(t, cmp.Or(s.Zone, time.UTC)))
}
