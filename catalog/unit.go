package catalog

import (
	"strings"

	"github.com/shopspring/decimal"
)

// The units in which quantities are metered. Any other unit is counted in itself.
const (
	UnitSecond = "second"
	UnitHour   = "hour"
	UnitByte   = "byte"
)

// BaseUnit is the unit in which a quantity is metered that is priced per unit, and
// how many of it one unit has: an hour 3600 seconds, a gigabyte 10^9 bytes, a
// gibibyte 2^30 (IEC 80000-13). What lasts is joined with how long: a vcpu-hour 3600
// vcpu-seconds, a gibibyte-day 2^30 × 86400 byte-seconds. A unit that is not known is its own base.
func BaseUnit(unit string) (base string, size decimal.Decimal) {
	switch unit {
	case UnitSecond:
		return UnitSecond, decimal.New(1, 0)
	case "minute":
		return UnitSecond, decimal.New(60, 0)
	case UnitHour:
		return UnitSecond, decimal.New(3600, 0)
	case "day":
		return UnitSecond, decimal.New(86400, 0)
	case UnitByte:
		return UnitByte, decimal.New(1, 0)
	case "kilobyte":
		return UnitByte, decimal.New(1, 3)
	case "megabyte":
		return UnitByte, decimal.New(1, 6)
	case "gigabyte":
		return UnitByte, decimal.New(1, 9)
	case "terabyte":
		return UnitByte, decimal.New(1, 12)
	case "mebibyte":
		return UnitByte, decimal.New(1<<20, 0)
	case "gibibyte":
		return UnitByte, decimal.New(1<<30, 0)
	case "tebibyte":
		return UnitByte, decimal.New(1<<40, 0)
	}
	return lasting(unit)
}

// lasting is BaseUnit of vCPUs, appliances, bindings and bytes times how long.
func lasting(unit string) (base string, size decimal.Decimal) {
	what, time, composed := strings.Cut(unit, "-")
	if !composed {
		return unit, decimal.New(1, 0)
	}
	counted, many := BaseUnit(what)
	of, each := BaseUnit(time)
	switch counted {
	case "vcpu", "appliance", "binding", UnitByte:
		if of == UnitSecond {
			return counted + "-" + UnitSecond, many.Mul(each)
		}
	}
	return unit, decimal.New(1, 0)
}
