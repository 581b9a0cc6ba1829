package metering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// again says that a tenant's billing period has to be rated once more by the statements that follow:
// usage of it came, or could not be rated, when its own statement was under way. It is never taken back: rating
// what did not change gives no lines.
type again struct {
	Tenant topology.TenantID `json:"tenant"`
	Of     time.Time         `json:"of"` // a moment of the period
}

func (a again) keys() map[string]string { return map[string]string{"tenant": string(a.Tenant)} }

func (m *Meter) rateAgain(ctx context.Context, tenant topology.TenantID, of time.Time) error {
	err := m.again.Create(ctx, recordID(of, string(tenant)), again{tenant, of.UTC()})
	if err := created(err); err != nil {
		return fmt.Errorf("cannot note that the period of tenant %q around %s is to be rated again: %w", tenant, of.Format(time.RFC3339), err)
	}
	return nil
}

// noteLate notes usage that the statement of its period may have missed. The usage is stored by
// now, and its tally is not settled yet. So who dies in between counts again and notes it, and
// what is not noted was there before statements read it: those wait as long again.
func (m *Meter) noteLate(ctx context.Context, u UsageRecord) error {
	late := !time.Now().Before(soonestEnd(u.Window.Start).Add(m.lateness / 2))
	if !late {
		done, err := m.issued.Get(ctx, issuedID)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return err
		}
		n := len(done.Periods)
		late = n > 0 && u.Window.Start.Before(done.Periods[n-1].End.Add(zonesApart))
	}
	if !late {
		return nil
	}
	return m.rateAgain(ctx, u.Tenant, u.Window.Start)
}

// zonesApart is the most that clocks differ by: from 12 hours behind UTC to 14 before it.
const zonesApart = 26 * time.Hour

// soonestEnd is the soonest that a month in which a moment lies ends anywhere: whose zone it is, and was, need
// not be asked for. What is noted needlessly costs a rating.
func soonestEnd(t time.Time) time.Time {
	first := rating.Month(t, time.FixedZone("", 14*60*60))
	if t.Before(first.Start.Add(zonesApart)) {
		return t
	}
	return first.End
}

// toRateAgain are the earlier periods that have to be rated once more, of those that usage may
// still have come for. Statements that were issued before such were noted have none.
func (i *issuer) toRateAgain(ctx context.Context, tenant topology.TenantID) (periods []rating.Period, _ error) {
	since := i.period.Start.Add(-i.retention)
	noted, err := i.notes(ctx, tenant, since)
	if err != nil {
		return nil, err
	}
	for n, p := range i.earlier {
		unnoted := n < len(i.earlier)-i.noted
		if !p.End.Before(since) && (unnoted || containsAny(p, noted)) {
			periods = append(periods, p)
		}
	}
	return periods, nil
}

func (i *issuer) notes(ctx context.Context, tenant topology.TenantID, since time.Time) (moments []time.Time, _ error) {
	q := store.Query{Key: "tenant", Value: string(tenant), After: since.Add(-longestPeriod).UTC().Format(timeForm)}
	for a, err := range i.again.From(ctx, q) {
		if err != nil {
			return nil, err
		}
		moments = append(moments, a.Of)
	}
	return moments, nil
}

func containsAny(p rating.Period, moments []time.Time) bool {
	for _, t := range moments {
		if p.Contains(t) {
			return true
		}
	}
	return false
}
