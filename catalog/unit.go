package catalog

import "github.com/shopspring/decimal"

// The units in which quantities are metered. Any other unit is counted in itself.
const (
	UnitSecond = "second"
	UnitByte   = "byte"
)

// BaseUnit is the unit in which a quantity is metered that is priced per unit, and
// how many of it one unit has: an hour 3600 seconds, a gigabyte 10^9 bytes, a
// gibibyte 2^30 (IEC 80000-13). A unit that is not known is its own base.
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
	return unit, decimal.New(1, 0)
}
