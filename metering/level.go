package metering

import (
	"fmt"
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

// levels are what an instance had in the record's window of the broker's own dimensions
// that its plans price, besides that it was active. They follow from its history, which
// is never altered, and so are not stored: whoever asks again gets the same, with the
// same ids. One is what all of it has in common.
func (u UsageRecord) levels(one rating.Usage, lives []provision.Instance, plans planPrices) (list []rating.Usage) {
	i, ok := u.of(lives)
	if !ok {
		return nil
	}
	one.Life, one.Began = lifeAt(lives, u.Spans[0].Start)
	for _, dimension := range u.pricedLevels(plans) {
		for n, l := range levels(i, u.Window, dimension) {
			if !pricedBy(plans[l.Plan], dimension) {
				continue
			}
			one.ID, one.Dimension, one.Unit = fmt.Sprintf("%s/%s/%d", u.ID, dimension, n), dimension, catalog.OwnUnit(dimension)
			one.Plan, one.Start, one.End, one.Level = l.Plan, l.Start, l.End, l.amount
			list = append(list, one)
		}
	}
	return list
}

// of is the one of the instances that had an id whose usage it is.
func (u UsageRecord) of(lives []provision.Instance) (provision.Instance, bool) {
	for _, l := range lives {
		if recordID(u.Window.Start, usageFacts(l)...) == u.ID {
			return l, true
		}
	}
	return provision.Instance{}, false
}

// pricedLevels are the dimensions that any of the record's plans prices, in order.
func (u UsageRecord) pricedLevels(plans planPrices) (list []string) {
	for _, plan := range u.plans() {
		for _, p := range plans[plan] {
			if _, lasts := levelOf(provision.Event{}, p.Dimension); lasts && !p.Fee() {
				list = append(list, p.Dimension)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func pricedBy(prices []catalog.Price, dimension string) bool {
	return slices.ContainsFunc(prices, func(p catalog.Price) bool { return p.Dimension == dimension && !p.Fee() })
}

// level is a time in which as much of a dimension was there, on one plan.
type level struct {
	Span
	amount decimal.Decimal // in what the dimension counts, at once
}

// levels are those of an instance in a window, in order, without the times in which there was
// nothing. Neighbours differ.
func levels(i provision.Instance, w Window, dimension string) (list []level) {
	for n, e := range i.History {
		end := w.End
		if n+1 < len(i.History) {
			end = i.History[n+1].At
		}
		part, inside := w.clip(e.At, end)
		amount, _ := levelOf(e, dimension)
		if e.State != provision.Active || !inside || amount == 0 {
			continue
		}
		l := level{Span{Plan: e.Plan, Start: part.Start.UTC(), End: part.End.UTC()}, decimal.New(amount, 0)}
		if last := len(list) - 1; last >= 0 && list[last].continues(l) {
			list[last].End = l.End
			continue
		}
		list = append(list, l)
	}
	return list
}

func (l level) continues(next level) bool {
	return l.Plan == next.Plan && l.End.Equal(next.Start) && l.amount.Equal(next.amount)
}

// levelOf is how much of a dimension there was from an event on; lasts is false of one that
// is not metered so.
func levelOf(e provision.Event, dimension string) (amount int64, lasts bool) {
	in := func(states ...provision.HealthStatus) int64 {
		if slices.Contains(states, e.Health) {
			return 1
		}
		return 0
	}
	switch dimension {
	case catalog.DimensionActive:
		return in("", provision.HealthOK, provision.HealthUnknown), true
	case catalog.DimensionDegraded:
		return in(provision.HealthDegraded), true
	case catalog.DimensionFailing:
		return in(provision.HealthFailing), true
	case catalog.DimensionBypassed:
		return in(provision.HealthBypassed), true
	case catalog.DimensionSuspended:
		return in(provision.HealthSuspended), true
	case catalog.DimensionMembers:
		return int64(max(1, e.Members)), true
	case catalog.DimensionStandby:
		return int64(e.Standby), true
	case catalog.DimensionBindings:
		return int64(e.Bound), true
	case catalog.DimensionVCPUs:
		return int64(e.VCPUs), true
	case catalog.DimensionMemory:
		return e.MemoryBytes, true
	}
	return 0, false
}
