package metering

import (
	"context"
	"errors"
	"slices"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// due are the lines of a tenant's statement: what is owed and the taxes on it.
func (i *issuer) due(ctx context.Context, tenant topology.TenantID, past []Statement) ([]rating.Line, error) {
	lines, err := i.owed(ctx, tenant, past)
	if err != nil {
		return nil, err
	}
	return i.taxed(ctx, tenant, lines)
}

// owed are the lines of a tenant's statement without taxes: credits that are on none yet, corrections of the
// earlier periods that have to be rated again, and the period's own.
func (i *issuer) owed(ctx context.Context, tenant topology.TenantID, past []Statement) (lines []rating.Line, _ error) {
	periods, err := i.toRateAgain(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for _, p := range periods {
		more, err := i.corrections(ctx, tenant, p, past)
		if err != nil {
			return nil, err
		}
		lines = append(lines, more...)
	}
	own, _, err := i.rate(ctx, tenant, i.period)
	if err != nil {
		return nil, err
	}
	credits, err := i.credits(ctx, tenant, past, lines)
	return slices.Concat(credits, lines, own), err
}

// corrections are those of an earlier period. What an instance was billed stands while
// it cannot be rated.
func (i *issuer) corrections(ctx context.Context, tenant topology.TenantID, p rating.Period, past []Statement) ([]rating.Line, error) {
	right, unsound, err := i.rate(ctx, tenant, p)
	if err != nil {
		return nil, err
	}
	var billed []rating.Line
	for _, s := range past {
		if s.Period.Start.Before(p.Start) {
			continue
		}
		lines, err := i.linesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			if _, stands := unsound[l.Instance]; !stands && l.Rated() && l.Period.Start.Equal(p.Start) {
				billed = append(billed, l)
			}
		}
	}
	return rating.Correct(billed, right), nil
}

// rate is what a tenant's usage of a period comes to, and the instances whose usage cannot be rated. These,
// and usage of plans that the catalog does not know, are rated again with later statements.
func (i *issuer) rate(ctx context.Context, tenant topology.TenantID, p rating.Period) ([]rating.Line, map[topology.InstanceID]error, error) {
	usage, err := i.rateable(ctx, tenant, p)
	if err != nil {
		return nil, nil, err
	}
	usage = within(usage, p)
	lines, unsound := rating.RateEach(usage, rating.Prices(i.plans), p)
	promises, err := i.promised(ctx)
	if err != nil {
		return nil, nil, err
	}
	if credits := rating.ServiceCredits(usage, lines, promises, p); len(credits) > 0 {
		lines = rating.Ordered(append(lines, credits...))
	}
	for instance, why := range unsound {
		i.log.Error("an instance is on no statement: its usage cannot be rated",
			"tenant", tenant, "instance", instance, "from", p.Start, "to", p.End, "error", why)
	}
	unknown := slices.ContainsFunc(usage, func(u rating.Usage) bool { return i.unknown[u.Plan] })
	if (len(unsound) > 0 || unknown) && !i.looks {
		err = i.rateAgain(ctx, tenant, p.Start)
	}
	return lines, unsound, err
}

// within is the usage that may count in a period.
func within(usage []rating.Usage, p rating.Period) (some []rating.Usage) {
	for _, u := range usage {
		if u.Start.Before(p.End) && !u.End.Before(p.Start) {
			some = append(some, u)
		}
	}
	return some
}

// planPrices are the prices of plans that were asked for.
type planPrices map[catalog.PlanID][]catalog.Price

func (i *issuer) pricesOf(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) ([]catalog.Price, error) {
	if prices, known := i.plans[plan]; known {
		return prices, nil
	}
	prices, err := i.prices.Prices(ctx, service, plan)
	if errors.Is(err, fault.NotFound) {
		i.log.Error("usage is on no statement: the catalog has no such plan", "service", service, "plan", plan)
		i.unknown[plan], err = true, nil
	}
	if err == nil {
		i.plans[plan] = prices
	}
	return prices, err
}

// rateable is a tenant's usage in closed windows of a period, as it is rated: of time a record for
// each span, however many windows it lasted, and all that was reported. A window may be as long as a day.
func (i *issuer) rateable(ctx context.Context, tenant topology.TenantID, p rating.Period) (usage []rating.Usage, _ error) {
	until, err := i.ClosedUntil(ctx)
	if err != nil {
		return nil, err
	}
	closed, some := Window{End: until}.clip(p.Start, p.End)
	known := map[topology.InstanceID][]provision.Instance{}
	for instance, err := range i.instances.Of(ctx, tenant) {
		if err != nil {
			return nil, err
		}
		own := lives(instance)
		known[instance.ID] = own
		for _, life := range own {
			u, active := Usage(life, closed)
			if !some || !active || u.Tenant != tenant {
				continue
			}
			if err := i.price(ctx, u); err != nil {
				return nil, err
			}
			usage = append(usage, u.rateable(own, i.plans)...)
		}
	}
	for t, err := range i.talliesOf(ctx, Filter{Tenant: tenant, From: p.Start, To: p.End}) {
		if err != nil {
			return nil, err
		}
		prices, err := i.pricesOf(ctx, t.Service, t.Plan)
		if err != nil {
			return nil, err
		}
		usage = append(usage, t.rateable(known[t.Instance], prices, p)...)
	}
	return usage, nil
}

// price asks for the prices of a record's plans.
func (i *issuer) price(ctx context.Context, u UsageRecord) error {
	for _, plan := range u.plans() {
		if _, err := i.pricesOf(ctx, u.Service, plan); err != nil {
			return err
		}
	}
	return nil
}
