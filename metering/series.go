package metering

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/shopspring/decimal"
)

// series is quantities by the number of their window, in order. As text they stand behind one
// another, with the number in front where windows were left out: "0:12 13 14 20:5".
type series []count

type count struct {
	window   int
	quantity decimal.Decimal
}

func (s series) find(window int) (int, bool) {
	return slices.BinarySearchFunc(s, window, func(c count, w int) int { return cmp.Compare(c.window, w) })
}

// with is the series with one more window; what it was made of is not to be used any more.
func (s series) with(window int, quantity decimal.Decimal) series {
	n, _ := s.find(window)
	return slices.Insert(s, n, count{window, quantity})
}

// MarshalText implements encoding.TextMarshaler.
func (s series) MarshalText() ([]byte, error) {
	text := make([]byte, 0, 12*len(s))
	for n, c := range s {
		if n > 0 {
			text = append(text, ' ')
		}
		if n == 0 || c.window != s[n-1].window+1 {
			text = append(strconv.AppendInt(text, int64(c.window), 10), ':')
		}
		text = append(text, c.quantity.String()...)
	}
	return text, nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *series) UnmarshalText(text []byte) error {
	*s = make(series, 0, bytes.Count(text, space)+1)
	next := 0
	for word, rest, more := bytes.Cut(text, space); len(word) > 0 || more; word, rest, more = bytes.Cut(rest, space) {
		if number, quantity, given := bytes.Cut(word, colon); given {
			n, err := strconv.Atoi(string(number))
			if err != nil || n < next {
				return fmt.Errorf("%q is not the number of a later window", number)
			}
			next, word = n, quantity
		}
		q, err := quantityOf(word)
		if err != nil {
			return err
		}
		*s = append(*s, count{next, q})
		next++
	}
	return nil
}

var space, colon = []byte{' '}, []byte{':'}

// quantityOf reads a decimal; most are whole.
func quantityOf(text []byte) (decimal.Decimal, error) {
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return decimal.New(n, 0), nil
	}
	return decimal.NewFromString(string(text))
}
