package broker

import (
	"github.com/bumpwire/bumpwire/internal/fault"
)

// No number that anybody means is longer. Comparing longer ones with a schema's
// limits is exact and costs seconds for a body of allowed size.
const (
	maxNumber   = 64 // bytes of a number in a JSON text
	maxExponent = 3  // digits of its exponent
)

// checkNumbers refuses numbers in a JSON text that would take long to compute with.
func checkNumbers(text []byte) error {
	for n := 0; n < len(text); {
		switch b := text[n]; {
		case b == '"':
			n = afterString(text, n)
		case b == '-' || b >= '0' && b <= '9':
			end := afterNumber(text, n)
			if end-n > maxNumber || exponent(text[n:end]) > maxExponent {
				return fault.New(fault.Invalid, "the body holds a number that is too long: numbers have at most %d characters and exponents of %d digits", maxNumber, maxExponent)
			}
			n = end
		default:
			n++
		}
	}
	return nil
}

// afterString is the index after the string that begins at n.
func afterString(text []byte, n int) int {
	for n++; n < len(text) && text[n] != '"'; n++ {
		if text[n] == '\\' {
			n++
		}
	}
	return n + 1
}

func afterNumber(text []byte, n int) int {
	for n < len(text) && (text[n] >= '0' && text[n] <= '9' || text[n] == '-' || text[n] == '+' || text[n] == '.' || text[n]|0x20 == 'e') {
		n++
	}
	return n
}

// exponent is how many digits a number's exponent has.
func exponent(number []byte) int {
	for n, b := range number {
		if b|0x20 == 'e' {
			digits := 0
			for _, d := range number[n+1:] {
				if d >= '0' && d <= '9' {
					digits++
				}
			}
			return digits
		}
	}
	return 0
}
