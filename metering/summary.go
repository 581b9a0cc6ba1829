package metering

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Group is what of usage a summary keeps apart; empty fields are summed over.
type Group struct {
	Tenant    topology.TenantID   `json:"tenant,omitempty"`
	Vendor    string              `json:"vendor,omitempty"`
	Service   catalog.ServiceID   `json:"service,omitempty"`
	Instance  topology.InstanceID `json:"instance,omitempty"`
	Plan      catalog.PlanID      `json:"plan,omitempty"`
	Region    string              `json:"region,omitempty"`
	Dimension string              `json:"dimension"`
	Unit      string              `json:"unit"` // "second", "vcpu-second", "byte", …; of what is reported the base unit of its price
}

// Summary is what a group used in closed windows, and what of it was billed.
type Summary struct {
	Group
	Quantity decimal.Decimal `json:"quantity"`
	Amounts  []Money         `json:"amounts"` // by currency; none when nothing was billed
}

// Money is an amount in a currency.
type Money struct {
	Currency string          `json:"currency"` // ISO 4217
	Amount   decimal.Decimal `json:"amount"`
}

// Grouping is by what a summary is made: tenant, vendor, service, instance, plan,
// region. By dimension it always is.
type Grouping []string

// ParseGrouping reads names separated by commas. fault.Invalid for others.
func ParseGrouping(text string) (g Grouping, err error) {
	for name := range strings.SplitSeq(text, ",") {
		switch name {
		case "tenant", "vendor", "service", "instance", "plan", "region":
			g = append(g, name)
		case "", "dimension":
		default:
			return nil, fault.New(fault.Invalid, "usage is summed by tenant, vendor, service, instance, plan, region and dimension, not by %.40q", name)
		}
	}
	return g, nil
}

// Summarise sums the usage and the bills that the filter lets pass. It reads the
// records one after another and holds the sums.
func (m *Meter) Summarise(ctx context.Context, f Filter, by Grouping, s Seller) ([]Summary, error) {
	sums := map[Group]*Summary{}
	sizes, units := s.sizes(), s.units()
	for u, err := range m.used(ctx, f) {
		if err != nil {
			return nil, err
		}
		for _, r := range u.Readings(sizes) {
			sum := sumOf(sums, by.group(s, Group{Tenant: u.Tenant, Service: u.Service, Instance: u.Instance, Plan: r.Plan, Region: u.Region, Dimension: r.Dimension}, units))
			sum.Quantity = sum.Quantity.Add(r.Quantity)
		}
	}
	for b, err := range m.billed(ctx, f) {
		if err != nil {
			return nil, err
		}
		sum := sumOf(sums, by.group(s, Group{Tenant: b.Tenant, Service: b.Service, Instance: b.Instance, Plan: b.Plan, Region: b.Region, Dimension: b.Dimension}, units))
		sum.bill(b.Currency, b.Amount)
	}
	all := make([]Summary, 0, len(sums))
	for _, sum := range sums {
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b Summary) int { return a.Group.compare(b.Group) })
	return all, nil
}

func sumOf(sums map[Group]*Summary, g Group) *Summary {
	if sums[g] == nil {
		sums[g] = &Summary{Group: g, Amounts: []Money{}}
	}
	return sums[g]
}

func (s *Summary) bill(currency string, amount decimal.Decimal) {
	n := slices.IndexFunc(s.Amounts, func(m Money) bool { return m.Currency == currency })
	if n < 0 {
		s.Amounts = append(s.Amounts, Money{currency, decimal.Zero})
		slices.SortFunc(s.Amounts, func(a, b Money) int { return cmp.Compare(a.Currency, b.Currency) })
		n = slices.IndexFunc(s.Amounts, func(m Money) bool { return m.Currency == currency })
	}
	s.Amounts[n].Amount = s.Amounts[n].Amount.Add(amount)
}

// group is the group of what is told apart by all but the vendor and the unit.
func (by Grouping) group(s Seller, of Group, units map[priced]string) Group {
	g := Group{Dimension: of.Dimension, Unit: cmp.Or(catalog.OwnUnit(of.Dimension), units[priced{of.Plan, of.Dimension}], of.Dimension)}
	for _, name := range by {
		switch name {
		case "tenant":
			g.Tenant = of.Tenant
		case "vendor":
			g.Vendor = s.Services[of.Service].Vendor
		case "service":
			g.Service = of.Service
		case "instance":
			g.Instance = of.Instance
		case "plan":
			g.Plan = of.Plan
		case "region":
			g.Region = of.Region
		}
	}
	return g
}

func (g Group) compare(o Group) int {
	return cmp.Or(cmp.Compare(g.Tenant, o.Tenant), cmp.Compare(g.Vendor, o.Vendor), cmp.Compare(g.Service, o.Service),
		cmp.Compare(g.Instance, o.Instance), cmp.Compare(g.Plan, o.Plan), cmp.Compare(g.Region, o.Region), cmp.Compare(g.Dimension, o.Dimension), cmp.Compare(g.Unit, o.Unit))
}

// priced is a dimension of a plan.
type priced struct {
	plan      catalog.PlanID
	dimension string
}

// units are the base units of all dimensions that have prices.
func (s Seller) units() map[priced]string {
	units := map[priced]string{}
	for _, service := range s.Services {
		for _, p := range slices.Concat(service.Plans, service.Former) {
			for _, price := range p.Prices {
				units[priced{p.ID, price.Dimension}], _ = catalog.BaseUnit(price.Unit)
			}
		}
	}
	return units
}

// sizes are those of all plans.
func (s Seller) sizes() map[catalog.PlanID]Size {
	sizes := map[catalog.PlanID]Size{}
	for _, service := range s.Services {
		for _, p := range slices.Concat(service.Plans, service.Former) {
			sizes[p.ID] = Size{p.VCPUs, p.MemoryBytes, max(1, len(service.Insertion.Sides))}
		}
	}
	return sizes
}
