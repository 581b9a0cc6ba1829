package rating

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// Correct is what must be billed besides, so that all that was billed of a period,
// earlier corrections included, adds up to what is right: for each line that differs
// in amount or quantity, the difference. A line that is no longer due is given back whole,
// and its correction has no evidence.
func Correct(billed, right []Line) []Line {
	stand := map[string]*standing{}
	for _, l := range billed {
		s := stand[l.original()]
		if s == nil {
			s = &standing{}
			stand[l.original()] = s
		}
		s.add(l)
	}
	corrections := []Line{}
	for _, l := range right {
		s := stand[l.ID]
		if s == nil {
			s = &standing{}
		}
		corrections = append(corrections, s.upTo(l)...)
		delete(stand, l.ID)
	}
	for _, s := range stand {
		void := s.last
		void.ID = void.original()
		void.Amount, void.Quantity, void.Packages, void.Evidence = decimal.Zero, decimal.Zero, decimal.Zero, Evidence{}
		corrections = append(corrections, s.upTo(void)...)
	}
	return ordered(corrections)
}

// original is the id of the line that a line is, or corrects.
func (l Line) original() string {
	if l.Corrects != "" {
		return l.Corrects
	}
	return l.ID
}

// standing is what was billed of a line so far.
type standing struct {
	amount, quantity, packages decimal.Decimal
	corrections                int
	last                       Line
}

func (s *standing) add(l Line) {
	s.amount, s.quantity, s.packages = s.amount.Add(l.Amount), s.quantity.Add(l.Quantity), s.packages.Add(l.Packages)
	if l.Corrects != "" {
		s.corrections++
	}
	s.last = l
}

// upTo is the correction to what a line should be; none when it is that.
func (s *standing) upTo(l Line) []Line {
	c := l
	c.ID, c.Corrects, c.Before = fmt.Sprintf("%s-%d", l.ID, s.corrections+1), l.ID, s.amount
	c.Amount, c.Quantity, c.Packages = l.Amount.Sub(s.amount), l.Quantity.Sub(s.quantity), l.Packages.Sub(s.packages)
	if c.Amount.IsZero() && c.Quantity.IsZero() && c.Packages.IsZero() {
		return nil
	}
	return []Line{c}
}
