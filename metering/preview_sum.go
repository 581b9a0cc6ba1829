package metering

import (
	"cmp"
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// PreviewSum is what the lines of a group come to; empty fields are summed over.
type PreviewSum struct {
	PreviewGroup
	Amount   decimal.Decimal `json:"amount"`   // by what is metered so far
	Forecast decimal.Decimal `json:"forecast"` // at the end of the period, as Preview's
}

// PreviewGroup is what of a preview its sums keep apart.
type PreviewGroup struct {
	Tenant    topology.TenantID   `json:"tenant,omitempty"`
	Vendor    string              `json:"vendor,omitempty"`
	Service   catalog.ServiceID   `json:"service,omitempty"`
	Instance  topology.InstanceID `json:"instance,omitempty"`
	Plan      catalog.PlanID      `json:"plan,omitempty"`
	Region    string              `json:"region,omitempty"`
	Dimension string              `json:"dimension"` // of a tax its name, of a credit "credit"
	Currency  string              `json:"currency"`  // ISO 4217
}

// Summed is the preview with sums of its lines in place of these. They add up to Totals and Forecast.
func (p Preview) Summed(by Grouping, s Seller) Preview {
	sums := map[PreviewGroup]*PreviewSum{}
	of := func(l rating.Line) *PreviewSum {
		g := by.foreseen(s, l)
		if sums[g] == nil {
			sums[g] = &PreviewSum{PreviewGroup: g}
		}
		return sums[g]
	}
	for _, l := range p.Lines {
		of(l).Amount = of(l).Amount.Add(l.Amount)
	}
	for _, l := range p.expected {
		of(l).Forecast = of(l).Forecast.Add(l.Amount)
	}
	p.Lines, p.Sums = nil, []PreviewSum{}
	for _, g := range slices.SortedFunc(maps.Keys(sums), PreviewGroup.compare) {
		p.Sums = append(p.Sums, *sums[g])
	}
	return p
}

func (by Grouping) foreseen(s Seller, l rating.Line) PreviewGroup {
	g := by.group(s, Group{Tenant: l.Tenant, Service: l.Service, Instance: l.Instance, Plan: l.Plan, Region: l.Region}, nil)
	return PreviewGroup{g.Tenant, g.Vendor, g.Service, g.Instance, g.Plan, g.Region, cmp.Or(l.Dimension, string(l.Charge)), l.Currency}
}

func (g PreviewGroup) compare(o PreviewGroup) int {
	return cmp.Or(cmp.Compare(g.Tenant, o.Tenant), cmp.Compare(g.Vendor, o.Vendor), cmp.Compare(g.Service, o.Service), cmp.Compare(g.Instance, o.Instance),
		cmp.Compare(g.Plan, o.Plan), cmp.Compare(g.Region, o.Region), cmp.Compare(g.Dimension, o.Dimension), cmp.Compare(g.Currency, o.Currency))
}
