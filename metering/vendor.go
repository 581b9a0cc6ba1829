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
	shares, whose := map[string][]rating.Line{}, vendors{i.Meter, map[catalog.ServiceID]string{}}
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
		for _, l := range lines {
			vendor, err := whose.of(ctx, l.Service)
			if err != nil {
				return nil, err
			}
			a, ok := rating.AgreementFor(agreements, vendor, l.Service, l.Period)
			if !ok || l.Amount.IsZero() {
				continue
			}
			share, err := l.SharedWith(vendor, a)
			if err != nil {
				return nil, err
			}
			shares[vendor] = append(shares[vendor], share)
		}
	}
	for vendor := range shares {
		shares[vendor] = rating.Ordered(shares[vendor])
	}
	return shares, nil
}

// vendors are those of services that were asked for; of one that the catalog does not
// know, and of lines that have none, empty.
type vendors struct {
	*Meter
	known map[catalog.ServiceID]string
}

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
