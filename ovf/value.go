package ovf

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check reports whether value, as text, is one this property may have: of its
// type and within its rules. The error names the property and the rule, and
// never the value, which may be a secret.
func (p Property) Check(value string) error {
	if err := p.check(value); err != nil {
		return fmt.Errorf("property %q: %w", printable(p.ID, 100), err)
	}
	return nil
}

func (p Property) check(value string) error {
	if err := p.checkType(value); err != nil {
		return err
	}
	length := int64(utf8.RuneCountInString(value))
	rules := p.Rules
	switch {
	case rules.MinLen != nil && length < *rules.MinLen:
		return fmt.Errorf("the value is shorter than %d characters", *rules.MinLen)
	case rules.MaxLen != nil && length > *rules.MaxLen:
		return fmt.Errorf("the value is longer than %d characters", *rules.MaxLen)
	case len(rules.Values) > 0 && !slices.Contains(rules.Values, value):
		return errors.New("the value is none of those in its ValueMap")
	}
	if rules.MinValue == nil && rules.MaxValue == nil {
		return nil
	}
	number, err := parseReal(strings.TrimSpace(value))
	switch {
	case err != nil:
		return errors.New("the value is no number")
	case rules.MinValue != nil && number < *rules.MinValue:
		return fmt.Errorf("the value is below %v", *rules.MinValue)
	case rules.MaxValue != nil && number > *rules.MaxValue:
		return fmt.Errorf("the value is above %v", *rules.MaxValue)
	}
	return nil
}

func (p Property) checkType(value string) error {
	if p.Type != TypeString {
		value = strings.TrimSpace(value) // vendors' tools do not mind it
	}
	switch p.Type {
	case TypeString:
		if !utf8.ValidString(value) {
			return errors.New("the value is not UTF-8")
		}
	case TypeBoolean:
		if _, ok := parseBool(value); !ok {
			return errors.New("the value is neither true nor false")
		}
	case TypeReal:
		if _, err := parseReal(value); err != nil {
			return errors.New("the value is no number")
		}
	default:
		low, high := p.Type.bounds()
		n, ok := new(big.Int), len(value) <= 40
		if ok {
			n, ok = n.SetString(value, 10)
		}
		if !ok || n.Cmp(low) < 0 || n.Cmp(high) > 0 {
			return fmt.Errorf("the value is no whole number from %s to %s", low, high)
		}
	}
	return nil
}

func parseReal(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%q is no number", printable(s, 40))
	}
	return f, nil
}

// bounds returns the smallest and the largest number of an integer type.
func (t PropertyType) bounds() (low, high *big.Int) {
	bits, signed := t.width()
	if !signed {
		high = new(big.Int).Lsh(big.NewInt(1), bits)
		return new(big.Int), high.Sub(high, big.NewInt(1))
	}
	high = new(big.Int).Lsh(big.NewInt(1), bits-1)
	low = new(big.Int).Neg(high)
	return low, new(big.Int).Sub(high, big.NewInt(1))
}

func (t PropertyType) width() (bits uint, signed bool) {
	switch t {
	case TypeUint8:
		return 8, false
	case TypeUint16:
		return 16, false
	case TypeUint32:
		return 32, false
	case TypeUint64:
		return 64, false
	case TypeSint8:
		return 8, true
	case TypeSint16:
		return 16, true
	case TypeSint32:
		return 32, true
	}
	return 64, true
}

// isInteger reports whether the type is one of the whole numbers.
func (t PropertyType) isInteger() bool {
	return t != TypeString && t != TypeBoolean && t != TypeReal
}
