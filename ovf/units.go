package ovf

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// ParseUnits reads an allocation unit of memory or disk and returns the bytes
// of one unit. It takes programmatic units (DSP0004 annex C): byte, and byte
// times factors such as 1024, 2^20 or 10^9; and the older names (KiloBytes,
// MB, GiB …), all of which mean powers of two, as the tools that write them do.
// Everything is exact; a unit of 2^63 bytes or more is an error.
func ParseUnits(text string) (int64, error) {
	if len(text) > 100 {
		return 0, errors.New("the unit is longer than 100 characters")
	}
	name := strings.ToLower(strings.Join(strings.Fields(text), ""))
	if n, ok := namedUnit(name); ok {
		return n, nil
	}
	factors := strings.Split(name, "*")
	if factors[0] != "byte" && factors[0] != "bytes" {
		return 0, fmt.Errorf("%q is no unit of bytes", printable(text, 60))
	}
	unit := int64(1)
	for _, factor := range factors[1:] {
		n, err := parseFactor(factor)
		if err != nil {
			return 0, fmt.Errorf("unit %q: %w", printable(text, 60), err)
		}
		product, ok := multiply(unit, n)
		if !ok {
			return 0, fmt.Errorf("unit %q is 2^63 bytes or more", printable(text, 60))
		}
		unit = product
	}
	return unit, nil
}

func namedUnit(name string) (int64, bool) {
	switch name {
	case "byte", "bytes", "b":
		return 1, true
	case "kb", "kib", "kilobyte", "kilobytes", "kibibyte", "kibibytes":
		return kib, true
	case "mb", "mib", "megabyte", "megabytes", "mebibyte", "mebibytes":
		return mib, true
	case "gb", "gib", "gigabyte", "gigabytes", "gibibyte", "gibibytes":
		return gib, true
	case "tb", "tib", "terabyte", "terabytes", "tebibyte", "tebibytes":
		return tib, true
	}
	return 0, false
}

// parseFactor reads 1024 or 2^20.
func parseFactor(s string) (int64, error) {
	base, exponent, power := strings.Cut(s, "^")
	b, err := strconv.ParseUint(base, 10, 63)
	if err != nil || b == 0 {
		return 0, fmt.Errorf("factor %q is no positive number", printable(s, 20))
	}
	if !power {
		return int64(b), nil
	}
	e, err := strconv.ParseUint(exponent, 10, 6)
	if err != nil {
		return 0, fmt.Errorf("the exponent of %q is not in 0 to 63", printable(s, 20))
	}
	n := int64(1)
	for range e {
		product, ok := multiply(n, int64(b))
		if !ok {
			return 0, fmt.Errorf("factor %q is 2^63 or more", printable(s, 20))
		}
		n = product
	}
	return n, nil
}

// multiply returns a times b of two numbers that are not negative; ok is false
// when the product does not fit.
func multiply(a, b int64) (product int64, ok bool) {
	high, low := bits.Mul64(uint64(a), uint64(b))
	if a < 0 || b < 0 || high != 0 || low > 1<<63-1 {
		return 0, false
	}
	return int64(low), true
}
