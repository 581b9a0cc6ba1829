package metering

import (
	"cmp"
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
)

//go:embed statement.html
var statementPage string

//go:embed print.css
var printStyle string

var statementForm = template.Must(template.New("statement").Parse(statementPage))

// statement is a page as it is printed: who pays whom for what.
type statement struct {
	Style    template.CSS
	Issuer   string
	From, To string // first and last moment of the records; To is exclusive
	Accounts []account
}

// account is what one tenant owes.
type account struct {
	Tenant    string
	Instances []entry
	Totals    []Total
}

// entry is what an instance cost.
type entry struct {
	Instance, Name, Service string
	Lines                   []statementLine
	Totals                  []Total
}

type statementLine struct {
	ID, Plan, Dimension, Start, End, Quantity, Unit, Price, Amount, Currency string
	Correction                                                               bool
}

// WriteHTML writes billing records as a page to be printed: for each tenant and each
// of its instances the records in the order of time, with sums by currency. It needs
// nothing from elsewhere and runs no scripts.
func (s Seller) WriteHTML(w io.Writer, bills []BillingRecord) error {
	return statementForm.Execute(w, s.statement(bills))
}

func (s Seller) statement(bills []BillingRecord) statement {
	bills = slices.SortedStableFunc(slices.Values(bills), func(a, b BillingRecord) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Instance, b.Instance), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	st := statement{Style: template.CSS(printStyle), Issuer: cmp.Or(s.Issuer, "Operator")}
	var first, last time.Time
	for _, tenant := range runs(bills, func(b BillingRecord) string { return string(b.Tenant) }) {
		a := account{Tenant: string(tenant[0].Tenant), Totals: Sum(tenant)}
		for _, own := range runs(tenant, func(b BillingRecord) string { return string(b.Instance) }) {
			a.Instances = append(a.Instances, s.entry(own))
		}
		st.Accounts = append(st.Accounts, a)
	}
	for _, b := range bills {
		if first.IsZero() || b.Start.Before(first) {
			first = b.Start
		}
		if b.End.After(last) {
			last = b.End
		}
	}
	if len(bills) > 0 {
		st.From, st.To = readable(first), readable(last)
	}
	return st
}

// runs are the neighbours that have one key.
func runs(bills []BillingRecord, key func(BillingRecord) string) (all [][]BillingRecord) {
	begin := 0
	for n := range bills {
		if n+1 == len(bills) || key(bills[n+1]) != key(bills[n]) {
			all = append(all, bills[begin:n+1])
			begin = n + 1
		}
	}
	return all
}

func (s Seller) entry(bills []BillingRecord) entry {
	last := bills[len(bills)-1]
	e := entry{Instance: string(last.Instance), Name: last.Name, Totals: Sum(bills)}
	rows := s.Charges(bills)
	e.Service = rows[len(rows)-1].ServiceName
	for n, b := range bills {
		quantity := b.Seconds
		if b.Part > 0 {
			quantity = b.Quantity
		}
		base, _ := catalog.BaseUnit(b.Unit)
		e.Lines = append(e.Lines, statementLine{
			ID: b.ID, Plan: s.planName(b.Service, b.Plan), Dimension: b.Dimension, Start: readable(b.Start), End: readable(b.End),
			Quantity: quantity.String(), Unit: strings.ToLower(unitName(base)), Price: b.UnitPrice.String() + " / " + b.Unit, Amount: money(b.Amount), Currency: b.Currency,
			Correction: rows[n].ChargeClass != "",
		})
	}
	return e
}

func (s Seller) planName(service catalog.ServiceID, plan catalog.PlanID) string {
	known := s.Services[service]
	for _, p := range slices.Concat(known.Plans, known.Former) {
		if p.ID == plan {
			return p.Name
		}
	}
	return string(plan)
}

func readable(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999999") }

// money is an amount with at least two places, and all that it has.
func money(d decimal.Decimal) string {
	if d.Exponent() > -2 {
		return d.StringFixed(2)
	}
	return d.String()
}

// Shown is the amount as it is printed.
func (t Total) Shown() string { return money(t.Amount) }
