package metering

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Zone is the time zone in which a tenant's billing periods begin and end.
type Zone struct {
	Tenant topology.TenantID `json:"tenant"`
	Zone   string            `json:"zone"`          // as the tz database names it: "Europe/Berlin"
	From   time.Time         `json:"from,omitzero"` // the first end of a period in it
}

// SetZone has a tenant's statements close at the ends of months in a time zone. The period in hand ends as
// it was going to, and the next one in the new zone; without any instance so far, the one in hand does, too.
// fault.Invalid when there is no such zone.
func (m *Meter) SetZone(ctx context.Context, tenant topology.TenantID, name string) (set Zone, _ error) {
	zone, err := time.LoadLocation(name)
	if err != nil || tenant == "" || name == "" || name == "Local" {
		return set, fault.New(fault.Invalid, "%.80q is not a time zone of a tenant: name both, the zone as Europe/Berlin", name)
	}
	used, err := m.ever(ctx, tenant)
	if err != nil {
		return set, err
	}
	now := time.Now()
	_, err = m.zones.Upsert(ctx, digestOf(string(tenant)), func(z zones, _ bool) (zones, error) {
		z.Tenant = tenant
		hand, err := z.inHand(now, m.zone)
		if err != nil {
			return z, err
		}
		month := monthAfter(hand, 2)
		if first := monthAfter(hand, 1); !used && monthIn(zone, first).After(now) {
			month = first
		}
		if n := len(z.Since); n > 0 && z.Since[n-1].Zone == name {
			month = z.Since[n-1].Month
		}
		set = Zone{tenant, name, monthIn(zone, month)}
		return z.with(month, name), nil
	})
	return set, err
}

// ever says whether a tenant ever had an instance.
func (m *Meter) ever(ctx context.Context, tenant topology.TenantID) (bool, error) {
	for i, err := range m.instances.Of(ctx, tenant) {
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(lives(i), func(l provision.Instance) bool { return l.Tenant == tenant }) {
			return true, nil
		}
	}
	return false, nil
}

// Zones lists the tenants that have a zone of their own, each with the last one set.
func (m *Meter) Zones(ctx context.Context) ([]Zone, error) {
	known, err := m.zonesOf(ctx)
	all := []Zone{}
	for _, tenant := range slices.Sorted(maps.Keys(known)) {
		last := known[tenant].Since[len(known[tenant].Since)-1]
		zone, err := time.LoadLocation(last.Zone)
		if err != nil {
			return nil, err
		}
		all = append(all, Zone{tenant, last.Zone, monthIn(zone, last.Month)})
	}
	return all, err
}

// Month is when a tenant's billing period in which a moment lies began; of no tenant's, the operator's.
func (m *Meter) Month(ctx context.Context, tenant topology.TenantID, at time.Time) (begin time.Time, _ error) {
	known, err := m.zonesOf(ctx)
	if err != nil {
		return begin, err
	}
	own := known[tenant]
	month, err := own.inHand(at, m.zone)
	if err != nil {
		return begin, err
	}
	return own.begin(month, monthIn(m.zone, month))
}

func (m *Meter) zonesOf(ctx context.Context) (map[topology.TenantID]zones, error) {
	known := map[topology.TenantID]zones{}
	for z, err := range m.zones.All(ctx, "", "") {
		if err != nil {
			return nil, err
		}
		known[z.Tenant] = z
	}
	return known, nil
}

// widest is from the first beginning to the last end that a period of the operator's has for anybody.
func (m *Meter) widest(ctx context.Context, p rating.Period) (all rating.Period, _ error) {
	known, err := m.zonesOf(ctx)
	all = p
	for _, z := range known {
		own, failed := z.period(p, m.zone)
		err = errors.Join(err, failed)
		all.Start, all.End = earlier(all.Start, own.Start), later(all.End, own.End)
	}
	return all, err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Zone is in which billing periods begin and end of whoever has no zone of its own.
func (m *Meter) Zone() *time.Location { return m.zone }
