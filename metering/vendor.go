package metering

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
)

// issueVendors issues to each vendor with an agreement a statement of its shares of the lines
// that are on the period's statements of tenants; these are all issued, and come after a number.
func (i *issuer) issueVendors(ctx context.Context, after int) (n int, err error) {
	agreements, err := i.agreed(ctx)
	if err != nil || len(agreements) == 0 {
		return 0, err
	}
	shares, err := i.shares(ctx, after, agreements)
	if err != nil {
		return 0, err
	}
	for _, vendor := range slices.Sorted(maps.Keys(shares)) {
		ok, err := i.issue(ctx, party{vendor: vendor}, func([]Statement) ([]rating.Line, error) { return shares[vendor], nil })
		if err != nil {
			return n, fmt.Errorf("vendor %q: %w", vendor, err)
		}
		if ok {
			n++
		}
	}
	return n, nil
}

// shares are each vendor's lines.
func (i *issuer) shares(ctx context.Context, after int, agreements []rating.Agreement) (map[string][]rating.Line, error) {
	shared := newSharing(i.Meter, agreements)
	for s, err := range i.statements.From(ctx, store.Query{After: statementID(after)}) {
		if err != nil {
			return nil, err
		}
		own, err := i.clocks[s.Tenant].period(i.period, i.zone)
		if err != nil {
			return nil, err
		}
		if s.Vendor != "" || !s.Period.Start.Equal(own.Start) {
			continue
		}
		lines, err := i.linesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		if err := shared.add(ctx, lines); err != nil {
			return nil, err
		}
	}
	return shared.ordered(), nil
}

// sharing gathers what vendors get of tenants' lines.
type sharing struct {
	agreements []rating.Agreement
	whose      vendors
	lines      map[string][]rating.Line // by vendor
}

func newSharing(m *Meter, agreements []rating.Agreement) sharing {
	return sharing{agreements, newVendors(m), map[string][]rating.Line{}}
}

func (s sharing) add(ctx context.Context, lines []rating.Line) error {
	for _, l := range lines {
		vendor, err := s.whose.of(ctx, l.Service)
		if err != nil {
			return err
		}
		a, ok := rating.AgreementFor(s.agreements, vendor, l.Service, l.Period)
		if !ok || l.Amount.IsZero() {
			continue
		}
		share, err := l.SharedWith(vendor, a)
		if err != nil {
			return err
		}
		s.lines[vendor] = append(s.lines[vendor], share)
	}
	return nil
}

// ordered are each vendor's lines as they are on its statement.
func (s sharing) ordered() map[string][]rating.Line {
	for vendor := range s.lines {
		s.lines[vendor] = rating.Ordered(s.lines[vendor])
	}
	return s.lines
}

// vendors are those of services that were asked for; of one that the catalog does not
// know, and of lines that have none, empty.
type vendors struct {
	*Meter
	known map[catalog.ServiceID]string
}

func newVendors(m *Meter) vendors { return vendors{m, map[catalog.ServiceID]string{}} }

func (v vendors) of(ctx context.Context, service catalog.ServiceID) (string, error) {
	if vendor, ok := v.known[service]; ok || service == "" {
		return vendor, nil
	}
	vendor, err := v.prices.Vendor(ctx, service)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return "", err
	}
	v.known[service] = vendor
	return vendor, nil
}

// explainShare tells the agreement that the line was shared by, as the line has it.
func explainShare(s Statement, l rating.Line) Explanation {
	weight, whole := l.Share.Weight.IntPart(), l.Share.Whole.IntPart()
	return Explanation{
		Statement: s.Number, Line: l, Usage: []rating.Usage{}, Evidence: l.Evidence, Matches: true,
		Agreement: &Agreement{s.Vendor, l.Share.Service, l.Share.Agreement, Fraction{int(weight), int(whole)}},
	}
}
