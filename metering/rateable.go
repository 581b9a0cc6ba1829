package metering

import (
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

// rateable is what was counted in a period's windows, in the form that is rated: a record for all
// windows that begin between two changes of the price; nothing when nobody is billed.
func (t tally) rateable(lives []provision.Instance, prices []catalog.Price, p rating.Period) []rating.Usage {
	if t.Free {
		return nil
	}
	life, began := lifeOf(lives, t.Life)
	changes := priceChanges(prices, string(t.Tenant), t.Dimension, began)
	groups := make([]rating.Usage, len(changes)+1)
	for at, counted := range t.parts {
		w := t.window(at.window)
		if !p.Contains(w.Start) {
			continue
		}
		n, _ := slices.BinarySearchFunc(changes, w.Start.Add(1), time.Time.Compare)
		g := &groups[n]
		if g.ID == "" || w.Start.Before(g.Start) {
			g.ID, g.Start = fmt.Sprintf("%s/%d", t.ID, at.window), w.Start
		}
		g.End, g.Quantity = later(g.End, w.End), g.Quantity.Add(counted.Quantity)
	}
	groups = slices.DeleteFunc(groups, func(u rating.Usage) bool { return u.ID == "" })
	for n := range groups {
		g := &groups[n]
		first := UsageRecord{Tenant: t.Tenant, Dimension: t.Dimension, Window: Window{g.Start, g.Start.Add(t.Length)}, Plan: t.Plan, Part: 1}
		g.Key = rating.Key{
			Tenant: t.Tenant, Serves: t.Serves, Platform: t.Platform, Service: t.Service, Plan: t.Plan, Instance: t.Instance, Life: life, Dimension: t.Dimension, Region: t.Region,
		}
		g.Began, g.Unit = began, first.unit(prices)
	}
	return groups
}

// priceChanges are the moments at which another price of a dimension may come into force, in order.
func priceChanges(prices []catalog.Price, tenant, dimension string, began time.Time) []time.Time {
	at := catalog.Changes(prices, tenant, dimension)
	for _, p := range prices {
		if p.Dimension == dimension && p.Trial > 0 && !began.IsZero() {
			at = append(at, began.Add(time.Duration(p.Trial)*day))
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// rateable is the record of time in the form that is rated: nothing when nobody is billed.
func (u UsageRecord) rateable(lives []provision.Instance, plans planPrices) (list []rating.Usage) {
	if u.Free {
		return nil
	}
	one := rating.Usage{ID: u.ID, Start: u.Window.Start, End: u.Window.End, Key: rating.Key{
		Tenant: u.Tenant, Serves: u.Serves, Platform: u.Platform, Service: u.Service, Instance: u.Instance, Dimension: u.Dimension, Region: u.Region,
	}}
	for n, s := range u.Spans {
		span := one
		span.ID, span.Plan, span.Start, span.End, span.Level = fmt.Sprintf("%s/%d", u.ID, n), s.Plan, s.Start, s.End, decimal.New(1, 0)
		span.Life, span.Began = lifeAt(lives, s.Start)
		if !slices.ContainsFunc(list, func(o rating.Usage) bool { return o.Plan == s.Plan }) { // a reading is of a plan, not of a span
			span.Failed, span.Degraded = u.reading(catalog.DimensionFailing, s.Plan), u.reading(catalog.DimensionDegraded, s.Plan)
			span.Bypassed, span.Suspended = u.reading(catalog.DimensionBypassed, s.Plan), u.reading(catalog.DimensionSuspended, s.Plan)
		}
		list = append(list, span)
	}
	return append(list, u.levels(one, lives, plans)...)
}

// reading is what the record says of a dimension on a plan; zero when it says nothing.
func (u UsageRecord) reading(dimension string, plan catalog.PlanID) decimal.Decimal {
	for _, r := range u.Meters {
		if r.Dimension == dimension && r.Plan == plan {
			return r.Quantity
		}
	}
	return decimal.Zero
}

// unit is the one in which a quantity was reported: the base of its price's.
func (u UsageRecord) unit(prices []catalog.Price) string {
	p, _ := u.reportedPrice(prices)
	base, _ := catalog.BaseUnit(p.Unit)
	return base
}

// lifeAt is which instance had an id at a moment, or last before it or first after it, and when
// it was active for the first time.
func lifeAt(lives []provision.Instance, at time.Time) (number int, began time.Time) {
	n, _ := slices.BinarySearchFunc(lives, at.Add(1), func(l provision.Instance, at time.Time) int { return l.History[0].At.Compare(at) })
	if len(lives) == 0 {
		return 0, began
	}
	return lifeOf(lives, lives[max(0, n-1)].History[0].Seq)
}

// lifeOf is the number of a life as usage has it, and when it was active for the first time. Lives
// are known by the number of the first event of their history; the first is not numbered.
func lifeOf(lives []provision.Instance, first int) (number int, began time.Time) {
	for _, l := range lives {
		if l.History[0].Seq != first {
			continue
		}
		for _, e := range l.History {
			if e.State == provision.Active {
				began = e.At
				break
			}
		}
	}
	if first == 1 {
		return 0, began
	}
	return first, began
}
