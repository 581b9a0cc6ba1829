package metering

import (
	"context"
	"time"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// forecast is what the period's own lines would be if all went on until its end as it was.
func (i *issuer) forecast(ctx context.Context, tenant topology.TenantID, until time.Time) ([]rating.Line, error) {
	usage, err := i.rateable(ctx, tenant, i.period)
	if err != nil {
		return nil, err
	}
	promises, err := i.promised(ctx)
	if err != nil {
		return nil, err
	}
	usage = continued(within(usage, i.period), until, i.period)
	lines, _ := rating.RateEach(usage, rating.Prices(i.plans), i.period)
	return append(lines, rating.ServiceCredits(usage, lines, promises, i.period)...), nil
}

// continued is usage with what would come of it in the rest of a period: what lasted
// at that moment goes on (instances stay active, their members stay as many), and what was reported of them goes on at its mean rate since the
// period's beginning, or theirs if that is later. To 9 decimal places, as quantities are reported.
func continued(usage []rating.Usage, until time.Time, p rating.Period) []rating.Usage {
	if !until.Before(p.End) {
		return usage
	}
	active := map[rating.Key]rating.Usage{}
	for _, u := range usage {
		if !u.Level.IsZero() && u.End.Equal(until) {
			active[u.Key] = u
		}
	}
	rest := decimal.NewFromInt(int64(p.End.Sub(until)))
	for _, u := range usage {
		lasting := u.Key
		if u.Level.IsZero() {
			lasting.Dimension = catalog.DimensionInstance
		}
		a, goesOn := active[lasting]
		switch since := later(p.Start, u.Began); {
		case !goesOn || !since.Before(until):
			continue
		case u.Level.IsZero():
			u.Quantity = u.Quantity.Mul(rest).DivRound(decimal.NewFromInt(int64(until.Sub(since))), 9)
		case u.ID != a.ID:
			continue
		}
		u.ID, u.Start, u.End = u.ID+"/forecast", until, p.End
		u.Failed, u.Degraded, u.Bypassed, u.Suspended = decimal.Zero, decimal.Zero, decimal.Zero, decimal.Zero
		usage = append(usage, u)
	}
	return usage
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
