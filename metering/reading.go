package metering

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision"
)

// Reading is how much of a dimension there was on a plan.
type Reading struct {
	Dimension string          `json:"dimension"`
	Plan      catalog.PlanID  `json:"plan"`
	Quantity  decimal.Decimal `json:"quantity"` // in seconds, times what there was
}

// meter adds what an event says about the time that follows it, as far as it is not
// what most instances are: well, one, and without bindings.
func (u *UsageRecord) meter(e provision.Event, part Window) {
	length := seconds(part.Start, part.End)
	switch e.Health {
	case provision.HealthDegraded:
		u.read(catalog.DimensionDegraded, e.Plan, length)
	case provision.HealthFailing:
		u.read(catalog.DimensionFailing, e.Plan, length)
	case provision.HealthBypassed:
		u.read(catalog.DimensionBypassed, e.Plan, length)
	case provision.HealthSuspended:
		u.read(catalog.DimensionSuspended, e.Plan, length)
	case provision.HealthOK, provision.HealthUnknown:
	}
	if e.Members > 1 {
		u.read(catalog.DimensionMembers, e.Plan, length.Mul(decimal.New(int64(e.Members-1), 0)))
	}
	u.size(e, length)
	if e.Standby > 0 {
		u.read(catalog.DimensionStandby, e.Plan, length.Mul(decimal.New(int64(e.Standby), 0)))
	}
	if e.Bound > 0 {
		u.read(catalog.DimensionBindings, e.Plan, length.Mul(decimal.New(int64(e.Bound), 0)))
	}
}

func (u *UsageRecord) read(dimension string, plan catalog.PlanID, more decimal.Decimal) {
	u.Meters = plus(u.Meters, Reading{dimension, plan, more})
}

// size adds what the appliances had while an event held; of one that does not say it, how
// many there were.
func (u *UsageRecord) size(e provision.Event, length decimal.Decimal) {
	if e.VCPUs == 0 && e.MemoryBytes == 0 {
		u.sizes = plus(u.sizes, Reading{catalog.DimensionMembers, e.Plan, length.Mul(decimal.New(int64(max(1, e.Members)), 0))})
		return
	}
	u.sizes = plus(u.sizes, Reading{catalog.DimensionVCPUs, e.Plan, length.Mul(decimal.New(int64(e.VCPUs), 0))})
	u.sizes = plus(u.sizes, Reading{catalog.DimensionMemory, e.Plan, length.Mul(decimal.New(e.MemoryBytes, 0))})
}

// plus is a list with one more reading in it.
func plus(list []Reading, more Reading) []Reading {
	n := slices.IndexFunc(list, func(r Reading) bool { return r.Dimension == more.Dimension && r.Plan == more.Plan })
	if n < 0 {
		return append(list, more)
	}
	list[n].Quantity = list[n].Quantity.Add(more.Quantity)
	return list
}

// Size is what the appliances of a plan have, one on each side counted.
type Size struct {
	VCPUs       int
	MemoryBytes int64
	Sides       int // of a symmetric service; else 1
}

// Readings are all that a record says, by dimension and plan: what is in Meters, with what
// follows from it and from the time. Sizes are those of plans, for histories that are too old to
// say what an instance had; of a plan that sizes does not have, it is not told.
func (u UsageRecord) Readings(sizes map[catalog.PlanID]Size) []Reading {
	if u.Part > 0 {
		return []Reading{{u.Dimension, u.Plan, u.Quantity}}
	}
	var all []Reading
	add := func(dimension string, plan catalog.PlanID, quantity decimal.Decimal) {
		if !quantity.IsZero() {
			all = append(all, Reading{dimension, plan, quantity})
		}
	}
	for plan, used := range u.byPlan() {
		unwell, members := decimal.Zero, used
		for _, r := range u.Meters {
			if r.Plan != plan {
				continue
			}
			switch r.Dimension {
			case catalog.DimensionMembers:
				members = members.Add(r.Quantity)
				continue
			case catalog.DimensionDegraded, catalog.DimensionFailing, catalog.DimensionBypassed, catalog.DimensionSuspended:
				unwell = unwell.Add(r.Quantity)
			}
			add(r.Dimension, plan, r.Quantity)
		}
		add(catalog.DimensionInstance, plan, used)
		add(catalog.DimensionActive, plan, used.Sub(unwell))
		add(catalog.DimensionMembers, plan, members)
		vcpus, memory := u.had(plan, sizes[plan])
		add(catalog.DimensionVCPUs, plan, vcpus)
		add(catalog.DimensionMemory, plan, memory)
	}
	return all
}

// had is the vCPUs and the memory that there was on a plan, times how long.
func (u UsageRecord) had(plan catalog.PlanID, size Size) (vcpus, memory decimal.Decimal) {
	for _, r := range u.sizes {
		switch {
		case r.Plan != plan:
		case r.Dimension == catalog.DimensionVCPUs:
			vcpus = vcpus.Add(r.Quantity)
		case r.Dimension == catalog.DimensionMemory:
			memory = memory.Add(r.Quantity)
		default:
			replicas := r.Quantity.DivRound(decimal.New(int64(max(1, size.Sides)), 0), 9)
			vcpus = vcpus.Add(replicas.Mul(decimal.New(int64(size.VCPUs), 0)))
			memory = memory.Add(replicas.Mul(decimal.New(size.MemoryBytes, 0)))
		}
	}
	return vcpus, memory
}

func (u UsageRecord) byPlan() map[catalog.PlanID]decimal.Decimal {
	used := map[catalog.PlanID]decimal.Decimal{}
	for _, s := range u.Spans {
		used[s.Plan] = used[s.Plan].Add(s.Seconds)
	}
	return used
}
