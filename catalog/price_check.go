package catalog

import (
	"fmt"
	"regexp"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/iso4217"
)

// PriceFinding is what is wrong with a price, and where: "tiers[1].up_to".
type PriceFinding struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

func (f PriceFinding) String() string { return f.Path + ": " + f.Message }

type priceFindings []PriceFinding

func (fs *priceFindings) when(wrong bool, path, format string, args ...any) {
	if wrong {
		*fs = append(*fs, PriceFinding{path, fmt.Sprintf(format, args...)})
	}
}

const (
	mostTiers = 100
	mostTrial = 3650 // days
)

var dimensionName = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,62}$`)

// Findings are everything that is wrong with a price by itself.
func (p Price) Findings() []PriceFinding {
	var fs priceFindings
	fs.when(!dimensionName.MatchString(p.Dimension), "dimension", "%.80q is not a name of lower-case letters, digits, dots and hyphens", p.Dimension)
	fs.when(OwnDimension(p.Dimension) && OwnUnit(p.Dimension) == "" && !p.Fee(), "dimension", "%.80q is kept for what the broker meters, and it meters nothing by that name", p.Dimension)
	_, known := iso4217.Places(p.Currency)
	fs.when(!known, "currency", "%.80q is not a currency code of ISO 4217, such as EUR", p.Currency)
	p.checkModel(&fs)
	p.checkUnit(&fs)
	p.checkTiers(&fs)
	fs.number("amount", p.Amount)
	fs.number("size", p.Size)
	fs.number("included", p.Included)
	fs.number("minimum", p.Minimum)
	fs.when(!p.Included.IsZero() && !p.Quantitative(), "included", "a %s price has no quantity that could be included", p.Model)
	fs.when(!p.Minimum.IsZero() && !p.Quantitative(), "minimum", "a %s price has no minimum besides its amount", p.Model)
	fs.when(p.Prorate && p.Model != ModelRecurring && p.Minimum.IsZero(), "prorate", "there is nothing to prorate: it is for recurring fees and minimums")
	fs.when(p.Trial < 0 || p.Trial > mostTrial, "trial", "a trial has up to %d days", mostTrial)
	fs.when(p.Trial != 0 && p.Model == ModelOnce, "trial", "a fee that is due at the first moment has no trial")
	fs.when(!p.Until.IsZero() && p.Tenant == "", "until", "a price for all ends when the next begins; only a tenant's ends by itself")
	fs.when(!p.Until.IsZero() && !p.Until.After(p.From), "until", "the price ends before it begins")
	return fs
}

func (p Price) checkModel(fs *priceFindings) {
	tiered := p.Model == ModelGraduated || p.Model == ModelVolume
	switch p.Model {
	case ModelUnit, ModelGraduated, ModelVolume, ModelPackage, ModelPercentage, ModelFlat, ModelRecurring, ModelOnce:
	default:
		fs.when(true, "model", "%.80q is not graduated, volume, package, percentage, flat, recurring or once; none is an amount per unit", string(p.Model))
		return
	}
	fs.when(tiered && len(p.Tiers) == 0, "tiers", "a %s price needs tiers", p.Model)
	fs.when(tiered && !p.Amount.IsZero(), "amount", "the amounts of a %s price stand in its tiers", p.Model)
	fs.when(!tiered && len(p.Tiers) > 0, "tiers", "only graduated and volume prices have tiers")
	fs.when(p.Model == ModelPackage && !p.Size.IsPositive(), "size", "a package needs a size in units, above 0")
	fs.when(p.Model != ModelPackage && !p.Size.IsZero(), "size", "only package prices have a size")
}

func (p Price) checkUnit(fs *priceFindings) {
	base, _ := BaseUnit(p.Unit)
	switch {
	case !p.Quantitative():
		fs.when(p.Unit != "", "unit", "the amount of a %s price is for a billing period or once, not per unit", p.Model)
	case p.Model == ModelPercentage:
		fs.when(OwnDimension(p.Dimension), "model", "%q is not money, of which a percentage could be taken", p.Dimension)
		fs.when(p.Unit != p.Currency, "unit", "a percentage is of money: the unit is the currency, %q", p.Currency)
	case p.Dimension == DimensionInstance:
		fs.when(base != UnitSecond, "unit", "an instance is metered by time: second, minute, hour or day, not %.80q", p.Unit)
	case OwnUnit(p.Dimension) != "":
		own := OwnUnit(p.Dimension)
		fs.when(base != own, "unit", "%q is metered in %ss: it is priced per %s, for example, not per %.80q", p.Dimension, own, hourly(own), p.Unit)
	default:
		fs.when(p.Unit == "" || len(p.Unit) > 64, "unit", "the amount is per unit, whose name has up to 64 letters")
	}
}

func (p Price) checkTiers(fs *priceFindings) {
	fs.when(len(p.Tiers) > mostTiers, "tiers", "there are %d tiers; %d are the most", len(p.Tiers), mostTiers)
	low := decimal.Zero
	for n, t := range p.Tiers[:min(len(p.Tiers), mostTiers)] {
		last, path := n == len(p.Tiers)-1, fmt.Sprintf("tiers[%d]", n)
		fs.number(path+".amount", t.Amount)
		if t.UpTo == nil {
			fs.when(!last, path+".up_to", "only the last tier is without an end; those after it would never be reached")
			continue
		}
		fs.when(last, path+".up_to", "the last tier must be without an end, or a quantity above it would have no price")
		if fs.number(path+".up_to", *t.UpTo) {
			fs.when(!t.UpTo.GreaterThan(low), path+".up_to", "tiers ascend: %s is not above %s", t.UpTo, low)
			low = *t.UpTo
		}
	}
}

// number says whether an amount or quantity is fit to reckon with. The exponent is
// looked at first: 1e999999999 must not be written out.
func (fs *priceFindings) number(path string, d decimal.Decimal) bool {
	fits := d.Exponent() >= -9 && d.Exponent() <= 12 && !d.GreaterThan(decimal.New(1, 12))
	fs.when(!fits, path, "a number has at most 9 decimal places and is at most 10^12")
	fs.when(d.IsNegative(), path, "it cannot be negative")
	return fits && !d.IsNegative()
}

// CheckPrices are all findings of a plan's prices, each by itself and beside the
// others. Paths begin with "prices[0]".
func CheckPrices(prices []Price) []PriceFinding {
	var fs priceFindings
	type version struct{ tenant, dimension string }
	latest, first := map[version]int{}, map[string]int{}
	for n, p := range prices {
		path := fmt.Sprintf("prices[%d].", n)
		for _, f := range p.Findings() {
			fs = append(fs, PriceFinding{path + f.Path, f.Message})
		}
		v := version{p.Tenant, p.Dimension}
		if before, ok := latest[v]; ok {
			fs.when(!p.From.After(prices[before].From), path+"from", "it does not begin after prices[%d], which it follows", before)
		}
		if one, ok := first[p.Tenant]; ok {
			fs.when(p.Currency != prices[one].Currency, path+"currency", "it is in %.80q and prices[%d] in %.80q; a plan has one currency for a tenant", p.Currency, one, prices[one].Currency)
		} else {
			first[p.Tenant] = n
		}
		latest[v] = n
	}
	return fs
}

// PricesError is the findings as one error of fault.Invalid; nil when there are none.
func PricesError(findings []PriceFinding) error {
	if len(findings) == 0 {
		return nil
	}
	err := fault.New(fault.Invalid, "the price is not valid: %s", findings[0])
	if len(findings) > 1 {
		err.Message += fmt.Sprintf(" (and %d more)", len(findings)-1)
	}
	for _, f := range findings {
		err.Details = append(err.Details, f.String())
	}
	return err
}
