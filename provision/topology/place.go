package topology

import (
	"cmp"
	"encoding/hex"
	"strings"
)

// Place is where a service stands in the chain of a network. No two services of a
// tenant have the same, and between any two there is always another.
type Place struct {
	Provider bool // behind all that are not
	Rank     int
	Fine     string // finer than Rank
	Instance InstanceID
}

// Place is where one of the service's stitches puts it.
func (s Service) Place(st Stitch) Place { return Place{s.Provider, st.Rank, st.Fine, s.Instance} }

// Compare orders places from the hosts to the gateway.
func (p Place) Compare(o Place) int {
	if p.Provider != o.Provider {
		return map[bool]int{true: 1, false: -1}[p.Provider]
	}
	return cmp.Or(cmp.Compare(p.Rank, o.Rank), cmp.Compare(p.fine(), o.fine()))
}

// fine tells places of one rank apart. As digits behind a point, of which digits
// is the alphabet, it is a fraction, and fractions are dense. Two requests that
// choose the same place at the same time get the same Fine, and the instance's id
// behind it says which is first.
func (p Place) fine() string {
	return p.Fine + digits[:1] + hex.EncodeToString([]byte(p.Instance))
}

// digits of fractions, in their order. Nothing that is stored ends in the zero.
const digits = ".0123456789abcdefghijklmnopqrstuvwxyz"

// stride is between the ranks at the ends of a chain: so many halvings pass before
// Fine is needed.
const stride = 1 << 16

// Between is a place between two, whatever instance it is for. A nil is an end of
// the chain, or of the part of it that is the provider's or is not; low comes before
// high, in the same part.
func Between(low, high *Place) (rank int, fine string) {
	switch {
	case low == nil && high == nil:
		return 0, ""
	case high == nil:
		return low.Rank + stride, ""
	case low == nil:
		return high.Rank - stride, ""
	case high.Rank-low.Rank > 1:
		return low.Rank + (high.Rank-low.Rank)/2, ""
	case high.Rank > low.Rank:
		return low.Rank, fraction(low.fine(), "")
	}
	return low.Rank, fraction(low.fine(), high.fine())
}

// fraction lies between two, high empty for one, and so do all that continue it
// behind a zero.
func fraction(low, high string) string {
	f := halve(low, high)
	for high != "" && strings.HasPrefix(high, f+digits[:1]) {
		f = halve(low, f)
	}
	return f
}

// halve is a short fraction between two, high empty for one.
func halve(low, high string) string {
	var f []byte
	for n := 0; ; n++ {
		a, b := digit(low, n), digit(high, n)
		if high == "" {
			b = len(digits)
		}
		if b-a > 1 {
			return string(append(f, digits[a+(b-a)/2]))
		}
		f = append(f, digits[a])
		if b > a { // whatever follows is below high
			high = ""
		}
	}
}

// digit is the value of a fraction's nth digit; behind its end there are zeros.
func digit(f string, n int) int {
	if n >= len(f) {
		return 0
	}
	return strings.IndexByte(digits, f[n])
}
