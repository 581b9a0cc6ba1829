package metering

import (
	"slices"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/provision"
)

// What is metered of an instance while it is active, besides that it is. Times by state
// add up to that of DimensionInstance; the others are what there was, times how long.
const (
	DimensionActive   = "state.active"   // seconds in which it did its work, as far as is known
	DimensionDegraded = "state.degraded" // seconds in which some of its appliances did it all
	DimensionFailing  = "state.failing"  // seconds in which no appliance worked
	DimensionBypassed = "state.bypassed" // seconds in which traffic got past it
	DimensionMembers  = "members"        // appliances, one that stands by included, × seconds
	DimensionBindings = "bindings"       // active bindings × seconds
	DimensionVCPUs    = "vcpu"           // vCPUs of the plan, of all members, × seconds
	DimensionMemory   = "memory"         // bytes of memory of the plan, of all members, × seconds
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
		u.read(DimensionDegraded, e.Plan, length)
	case provision.HealthFailing:
		u.read(DimensionFailing, e.Plan, length)
	case provision.HealthBypassed:
		u.read(DimensionBypassed, e.Plan, length)
	case provision.HealthOK, provision.HealthUnknown:
	}
	if e.Members > 1 {
		u.read(DimensionMembers, e.Plan, length.Mul(decimal.New(int64(e.Members-1), 0)))
	}
	if e.Bound > 0 {
		u.read(DimensionBindings, e.Plan, length.Mul(decimal.New(int64(e.Bound), 0)))
	}
}

func (u *UsageRecord) read(dimension string, plan catalog.PlanID, more decimal.Decimal) {
	n := slices.IndexFunc(u.Meters, func(r Reading) bool { return r.Dimension == dimension && r.Plan == plan })
	if n < 0 {
		u.Meters = append(u.Meters, Reading{dimension, plan, more})
		return
	}
	u.Meters[n].Quantity = u.Meters[n].Quantity.Add(more)
}

// Size is what the appliances of a plan have, one on each side counted.
type Size struct {
	VCPUs       int
	MemoryBytes int64
	Sides       int // of a symmetric service; else 1
}

// Readings are all that a record says, by dimension and plan: what is in Meters, with what
// follows from it, from the time and from the plan's size. Of a plan that sizes does not
// have, the size is not told.
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
			case DimensionMembers:
				members = members.Add(r.Quantity)
				continue
			case DimensionDegraded, DimensionFailing, DimensionBypassed:
				unwell = unwell.Add(r.Quantity)
			}
			add(r.Dimension, plan, r.Quantity)
		}
		add(DimensionInstance, plan, used)
		add(DimensionActive, plan, used.Sub(unwell))
		add(DimensionMembers, plan, members)
		size := sizes[plan]
		replicas := members.DivRound(decimal.New(int64(max(1, size.Sides)), 0), 9)
		add(DimensionVCPUs, plan, replicas.Mul(decimal.New(int64(size.VCPUs), 0)))
		add(DimensionMemory, plan, replicas.Mul(decimal.New(size.MemoryBytes, 0)))
	}
	return all
}

func (u UsageRecord) byPlan() map[catalog.PlanID]decimal.Decimal {
	used := map[catalog.PlanID]decimal.Decimal{}
	for _, s := range u.Spans {
		used[s.Plan] = used[s.Plan].Add(s.Seconds)
	}
	return used
}
