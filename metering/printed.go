package metering

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/iso4217"
	"github.com/bumpwire/bumpwire/metering/rating"
)

//go:embed printed.html
var printedPage string

var printedForm = template.Must(template.New("printed").Parse(printedPage))

// printed is a statement as it is printed.
type printed struct {
	Style                                           template.CSS
	Number                                          int
	Issuer, Party, From, To, Issued, Hash, Previous string
	Vendor                                          bool
	Groups                                          []printedGroup
	Totals                                          []string
}

// printedGroup is the lines of an instance, or those that have none.
type printedGroup struct {
	Title string
	Lines []printedLine
}

type printedLine struct {
	ID, Of, From, To, Plan, For, Quantity, Price, Billed, Share, Amount string
}

// WriteStatement writes a statement as a page to be printed: all its lines, in the order of their instances,
// and its totals. It needs nothing from elsewhere and runs no scripts.
func (s Seller) WriteStatement(w io.Writer, st Statement) error {
	p := printed{
		Style: template.CSS(printStyle), Number: st.Number, Issuer: cmp.Or(s.Issuer, "Operator"), Party: cmp.Or(st.Vendor, string(st.Tenant)), Vendor: st.Vendor != "",
		From: readable(st.Period.Start), To: readable(st.Period.End), Issued: readable(st.Issued), Hash: st.Hash, Previous: st.Previous,
	}
	var last *printedGroup
	for _, l := range st.Lines {
		if title := s.heading(l); last == nil || last.Title != title {
			p.Groups = append(p.Groups, printedGroup{Title: title})
			last = &p.Groups[len(p.Groups)-1]
		}
		last.Lines = append(last.Lines, s.printedLine(l))
	}
	for _, t := range st.Totals {
		p.Totals = append(p.Totals, inCurrency(t.Amount, t.Currency))
	}
	return printedForm.Execute(w, p)
}

// heading is what the lines of an instance are under; of a vendor's, who does not know instances, those of
// a service.
func (s Seller) heading(l rating.Line) string {
	known := s.Services[l.Service]
	service := cmp.Or(known.DisplayName, known.Name, string(l.Service))
	switch {
	case l.Charge == rating.ChargeTax:
		return "Taxes"
	case l.Charge == rating.ChargeCredit:
		return "Credits"
	case l.Instance == "":
		return service
	}
	title := fmt.Sprintf("%s: %s", l.Instance, service)
	if l.Serves != "" {
		title += ", for " + string(l.Serves)
	}
	if l.Region != "" {
		title += ", in " + l.Region
	}
	return title
}

func (s Seller) printedLine(l rating.Line) printedLine {
	p := printedLine{
		ID: l.ID, Of: cmp.Or(l.Corrects, l.Refunds), From: readable(l.Start), To: readable(l.End), Plan: s.planName(l.Service, l.Plan),
		For: what(l), Quantity: quantity(l), Price: priceText(l), Amount: inCurrency(l.Amount, l.Currency),
	}
	if l.Share != nil {
		p.Billed, p.Share = inCurrency(l.Share.Of, l.Currency), l.Share.Weight.String()+"/"+l.Share.Whole.String()
	}
	return p
}

// what a line is for.
func what(l rating.Line) string {
	text := string(l.Charge)
	if l.Dimension != "" && l.Charge != rating.ChargeTax {
		text = l.Dimension + ", " + text
	}
	if l.Charge == rating.ChargeTax {
		text = l.Dimension
	}
	if l.Tier > 0 {
		text += fmt.Sprintf(", tier %d", l.Tier)
	}
	switch {
	case l.Corrects != "":
		text += ", correction"
	case l.Refunds != "":
		text += ", refund"
	}
	if l.Reason != "" {
		text += ": " + l.Reason
	}
	return text
}

func quantity(l rating.Line) string {
	switch {
	case l.Credit != "":
		return ""
	case l.QuantityUnit == "":
		return l.Quantity.String()
	case !l.Packages.IsZero():
		return fmt.Sprintf("%s %s in %s packages", l.Quantity, l.QuantityUnit, l.Packages)
	}
	return fmt.Sprintf("%s %s", l.Quantity, l.QuantityUnit)
}

func priceText(l rating.Line) string {
	fixed := slices.Contains([]rating.Charge{rating.ChargeFee, rating.ChargeMinimum}, l.Charge)
	switch {
	case l.Charge == rating.ChargeCredit:
		return ""
	case l.Charge == rating.ChargeIncluded:
		return "included"
	case l.Model == catalog.ModelPercentage:
		return l.UnitPrice.String() + " %"
	case l.Model == catalog.ModelPackage && !fixed:
		return fmt.Sprintf("%s %s / package", l.UnitPrice, l.Currency)
	case fixed:
		return inCurrency(l.UnitPrice, l.Currency)
	}
	return fmt.Sprintf("%s %s / %s", l.UnitPrice, l.Currency, l.Unit)
}

// inCurrency is an amount with all of its currency's places.
func inCurrency(d decimal.Decimal, currency string) string {
	places, _ := iso4217.Places(currency)
	return d.StringFixed(max(places, -d.Exponent())) + " " + currency
}
