package focus

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// The values of columns of which the specification lists them, as far as they are written here.
const (
	CategoryUsage    = "Usage"
	CategoryPurchase = "Purchase"
	CategoryCredit   = "Credit"
	CategoryTax      = "Tax"

	ClassCorrection = "Correction" // of a billing period that was invoiced before

	FrequencyUsage     = "Usage-Based"
	FrequencyRecurring = "Recurring"
	FrequencyOnce      = "One-Time"
)

// Row is one charge. Its fields are columns by their ids; empty ones are null.
type Row struct {
	BilledCost, EffectiveCost, ListCost, ContractedCost decimal.Decimal

	BillingAccountID, BillingAccountName string
	BillingCurrency                      string // ISO 4217
	BillingPeriod, ChargePeriod          Period
	SubAccountID, SubAccountName         string

	ChargeCategory, ChargeClass, ChargeDescription, ChargeFrequency string
	InvoiceID, InvoiceIssuer, Provider, Publisher                   string
	ServiceName, ServiceSubcategory                                 string
	ResourceID, ResourceName                                        string
	Region                                                          string // its id and its name
	SkuID, SkuPriceID, SkuMeter                                     string

	// Of what is priced per unit; all null without PricingUnit, as in corrections.
	PricingUnit, ConsumedUnit          string
	PricingQuantity, ConsumedQuantity  decimal.Decimal
	ListUnitPrice, ContractedUnitPrice decimal.Decimal

	Tags map[string]string

	RecordID string // x_RecordId: the line in the provider's books
}

// Period is an interval of time; End is exclusive. FOCUS knows whole seconds: parts of
// one are cut off, and an interval within one second is written as that second.
type Period struct{ Start, End time.Time }

// column is one column with what a row has in it; "" is null.
type column struct {
	name  string
	value func(*Row) string
}

// columns are those that are written, in order. A change of them is a change of a contract.
var columns = []column{
	{"BilledCost", func(r *Row) string { return r.BilledCost.String() }},
	{"BillingAccountId", func(r *Row) string { return harmless(r.BillingAccountID) }},
	{"BillingAccountName", func(r *Row) string { return harmless(r.BillingAccountName) }},
	{"BillingAccountType", func(*Row) string { return "Tenant" }},
	{"BillingCurrency", func(r *Row) string { return r.BillingCurrency }},
	{"BillingPeriodEnd", func(r *Row) string { return r.BillingPeriod.end() }},
	{"BillingPeriodStart", func(r *Row) string { return r.BillingPeriod.start() }},
	{"ChargeCategory", func(r *Row) string { return r.ChargeCategory }},
	{"ChargeClass", func(r *Row) string { return r.ChargeClass }},
	{"ChargeDescription", func(r *Row) string { return harmless(r.ChargeDescription) }},
	{"ChargeFrequency", func(r *Row) string { return r.ChargeFrequency }},
	{"ChargePeriodEnd", func(r *Row) string { return r.ChargePeriod.end() }},
	{"ChargePeriodStart", func(r *Row) string { return r.ChargePeriod.start() }},
	{"ConsumedQuantity", func(r *Row) string { return r.consumed(r.ConsumedQuantity.String()) }},
	{"ConsumedUnit", func(r *Row) string { return r.consumed(r.ConsumedUnit) }},
	{"ContractedCost", func(r *Row) string { return r.ContractedCost.String() }},
	{"ContractedUnitPrice", func(r *Row) string { return r.priced(r.ContractedUnitPrice.String()) }},
	{"EffectiveCost", func(r *Row) string { return r.EffectiveCost.String() }},
	{"InvoiceId", func(r *Row) string { return r.InvoiceID }},
	{"InvoiceIssuerName", func(r *Row) string { return harmless(r.InvoiceIssuer) }},
	{"ListCost", func(r *Row) string { return r.ListCost.String() }},
	{"ListUnitPrice", func(r *Row) string { return r.priced(r.ListUnitPrice.String()) }},
	{"PricingCategory", func(r *Row) string { return r.priced("Standard") }},
	{"PricingCurrency", func(r *Row) string { return r.BillingCurrency }},
	{"PricingCurrencyContractedUnitPrice", func(r *Row) string { return r.priced(r.ContractedUnitPrice.String()) }},
	{"PricingCurrencyEffectiveCost", func(r *Row) string { return r.EffectiveCost.String() }},
	{"PricingCurrencyListUnitPrice", func(r *Row) string { return r.priced(r.ListUnitPrice.String()) }},
	{"PricingQuantity", func(r *Row) string { return r.priced(r.PricingQuantity.String()) }},
	{"PricingUnit", func(r *Row) string { return r.PricingUnit }},
	{"ProviderName", func(r *Row) string { return harmless(r.Provider) }},
	{"PublisherName", func(r *Row) string { return harmless(r.Publisher) }},
	{"RegionId", func(r *Row) string { return harmless(r.Region) }},
	{"RegionName", func(r *Row) string { return harmless(r.Region) }},
	{"ResourceId", func(r *Row) string { return harmless(r.ResourceID) }},
	{"ResourceName", func(r *Row) string { return harmless(r.ResourceName) }},
	{"ResourceType", func(r *Row) string { return given(r.ResourceID, "Network service instance") }},
	{"ServiceCategory", func(*Row) string { return "Networking" }},
	{"ServiceName", func(r *Row) string { return harmless(r.ServiceName) }},
	{"ServiceSubcategory", func(r *Row) string { return r.ServiceSubcategory }},
	{"SkuId", func(r *Row) string { return r.SkuID }},
	{"SkuMeter", func(r *Row) string { return r.SkuMeter }},
	{"SkuPriceId", func(r *Row) string { return r.SkuPriceID }},
	{"SubAccountId", func(r *Row) string { return harmless(r.SubAccountID) }},
	{"SubAccountName", func(r *Row) string { return harmless(r.SubAccountName) }},
	{"SubAccountType", func(r *Row) string { return given(r.SubAccountID, "Platform") }},
	{"Tags", func(r *Row) string { return r.tags() }},
	{"x_RecordId", func(r *Row) string { return r.RecordID }},
}

// Write writes rows as CSV (RFC 4180) with a header line. Text that a spreadsheet
// would take for a formula gets an apostrophe in front: ids and names come from tenants.
func Write(w io.Writer, rows []Row) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	cells := make([]string, len(columns))
	for n, col := range columns {
		cells[n] = col.name
	}
	if err := c.Write(cells); err != nil {
		return err
	}
	for n := range rows {
		for k, col := range columns {
			cells[k] = col.value(&rows[n])
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func (r *Row) priced(value string) string { return given(r.PricingUnit, value) }

func (r *Row) consumed(value string) string { return given(r.ConsumedUnit, value) }

// given is a value that goes with another.
func given(other, value string) string {
	if other == "" {
		return ""
	}
	return value
}

func (r *Row) tags() string {
	if len(r.Tags) == 0 {
		return ""
	}
	text, err := json.Marshal(r.Tags)
	if err != nil {
		panic(err) // of strings only
	}
	return string(text)
}

// timeForm is the only one that FOCUS allows; always UTC.
const timeForm = "2006-01-02T15:04:05Z"

func (p Period) start() string { return p.Start.UTC().Truncate(time.Second).Format(timeForm) }

func (p Period) end() string {
	start, end := p.Start.UTC().Truncate(time.Second), p.End.UTC().Truncate(time.Second)
	if !end.After(start) {
		end = start.Add(time.Second)
	}
	return end.Format(timeForm)
}

func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
