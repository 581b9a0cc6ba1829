package catalog

import (
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

// What the broker itself meters. Times by state add up to that of DimensionInstance; of
// the others it is what there was, times how long, while the instance was active.
const (
	DimensionInstance  = "instance"        // that it is active
	DimensionActive    = "state.active"    // time in which it did its work, as far as is known
	DimensionDegraded  = "state.degraded"  // time in which some of its appliances did it all
	DimensionFailing   = "state.failing"   // time in which no appliance worked
	DimensionBypassed  = "state.bypassed"  // time in which traffic got past it
	DimensionSuspended = "state.suspended" // time in which the operator had it suspended
	DimensionMembers   = "members"         // appliances, those that stand by included
	DimensionStandby   = "standby"         // appliances that stand by and answer
	DimensionBindings  = "bindings"        // active bindings
	DimensionVCPUs     = "vcpu"            // vCPUs of all members
	DimensionMemory    = "memory"          // bytes of memory of all members
)

// ownUnits are the base units of what the broker meters.
var ownUnits = map[string]string{
	DimensionInstance: UnitSecond, DimensionActive: UnitSecond, DimensionDegraded: UnitSecond,
	DimensionFailing: UnitSecond, DimensionBypassed: UnitSecond, DimensionSuspended: UnitSecond,
	DimensionMembers: "appliance-second", DimensionStandby: "appliance-second", DimensionBindings: "binding-second",
	DimensionVCPUs: "vcpu-second", DimensionMemory: "byte-second",
}

// OwnDimension says whether the broker itself meters a dimension, or may come to, so that
// no appliance can report it.
func OwnDimension(dimension string) bool {
	_, own := ownUnits[dimension]
	return own || strings.HasPrefix(dimension, "state.") || strings.HasPrefix(dimension, "leg.")
}

// OwnUnit is the base unit in which the broker meters a dimension; empty of one that it
// does not.
func OwnUnit(dimension string) string {
	if leg, ok := LegOf(dimension); ok {
		return leg.unit
	}
	return ownUnits[dimension]
}

// LegDimension is what passes the legs of one role of all appliances: "leg.inside.bytes" both
// ways, "leg.inside.received.bytes" and "leg.inside.sent.packets" as the appliance sees it.
type LegDimension struct {
	Role           string
	Received, Sent bool // which of both counts
	Packets        bool // in place of bytes
	unit           string
}

// LegOf reads the name of such a dimension.
func LegOf(dimension string) (leg LegDimension, ok bool) {
	words := strings.Split(dimension, ".")
	if len(words) == 3 {
		words = slices.Insert(words, 2, "")
	}
	if len(words) != 4 || words[0] != "leg" {
		return leg, false
	}
	leg = LegDimension{Role: words[1], Received: words[2] != "sent", Sent: words[2] != "received", Packets: words[3] == "packets", unit: UnitByte}
	if leg.Packets {
		leg.unit = "packet"
	}
	return leg, slices.Contains([]string{"inside", "outside", "management", "ha"}, words[1]) &&
		slices.Contains([]string{"", "received", "sent"}, words[2]) && slices.Contains([]string{"bytes", "packets"}, words[3]) && strings.Count(dimension, "..") == 0
}

// metered says whether the broker meters a dimension in what a unit is made of.
func metered(dimension, unit string) bool {
	base, _ := BaseUnit(unit)
	return unit != "" && OwnUnit(dimension) == base
}

// hourly is the unit by which a base unit is sold as a rule.
func hourly(base string) string {
	switch base {
	case UnitSecond:
		return UnitHour
	case "byte-second":
		return "gibibyte-hour"
	case UnitByte:
		return "gigabyte"
	}
	if what, lasts := strings.CutSuffix(base, "-"+UnitSecond); lasts {
		return what + "-" + UnitHour
	}
	return base
}

// LevelUnit is the unit of what lasts: of "gibibyte-hour" that of each gibibyte, which is 2^30 of
// what the base "byte-second" counts; of times themselves, 1. False of what does not last.
func LevelUnit(unit string) (base string, size decimal.Decimal, lasts bool) {
	base, size = BaseUnit(unit)
	what, time, composed := strings.Cut(unit, "-")
	if !composed {
		return base, decimal.New(1, 0), base == UnitSecond
	}
	if of, _ := BaseUnit(time); of != UnitSecond || !strings.HasSuffix(base, "-"+UnitSecond) {
		return base, size, false
	}
	_, size = BaseUnit(what)
	return base, size, true
}
