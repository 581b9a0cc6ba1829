package metering

import (
	"fmt"
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// months are the billing periods up to one that is to be issued.
type months struct {
	operators []rating.Period
	noted     int // as issued says
	clocks    map[topology.TenantID]zones
}

// in has an issuer issue the last of months.
func (i *issuer) in(m months) *issuer {
	last := len(m.operators) - 1
	i.months, i.earlier, i.period = m, m.operators[:last], m.operators[last]
	return i
}

// turnTo has the periods be those of a tenant.
func (i *issuer) turnTo(tenant topology.TenantID) error {
	own := make([]rating.Period, len(i.operators))
	for n, p := range i.operators {
		var err error
		if own[n], err = i.clocks[tenant].period(p, i.zone); err != nil {
			return fmt.Errorf("the time zone of tenant %q: %w", tenant, err)
		}
	}
	last := len(own) - 1
	i.earlier, i.period = own[:last], own[last]
	return nil
}

// zones are those of a tenant, in order. Months before the first begin as the operator's do.
type zones struct {
	Tenant topology.TenantID `json:"tenant"`
	Since  []zoneSince       `json:"since"`
}

// zoneSince is from which month on months begin in a zone.
type zoneSince struct {
	Month string `json:"month"` // in monthForm
	Zone  string `json:"zone"`
}

const monthForm = "2006-01"

// monthAfter is the month that many after another.
func monthAfter(month string, n int) string {
	t, _ := time.Parse(monthForm, month) // of our own making
	return t.AddDate(0, n, 0).Format(monthForm)
}

func monthIn(zone *time.Location, month string) time.Time {
	t, _ := time.ParseInLocation(monthForm, month, zone) // of our own making
	return t.UTC()
}

// begin is when a month begins for the tenant: a boundary that two periods share, so that there is neither
// gap nor overlap, whatever zones there were.
func (z zones) begin(month string, otherwise time.Time) (time.Time, error) {
	name := ""
	for _, s := range z.Since {
		if s.Month <= month {
			name = s.Zone
		}
	}
	if name == "" {
		return otherwise, nil
	}
	zone, err := time.LoadLocation(name)
	return monthIn(zone, month), err
}

// period is the tenant's own of one of the operator's, which is named by the month in which its middle lies.
func (z zones) period(p rating.Period, operators *time.Location) (own rating.Period, err error) {
	month := p.Start.Add(halfMonth).In(operators).Format(monthForm)
	if own.Start, err = z.begin(month, p.Start); err != nil {
		return own, err
	}
	own.End, err = z.begin(monthAfter(month, 1), p.End)
	return own, err
}

// inHand is the month in which a moment lies, for the tenant.
func (z zones) inHand(now time.Time, operators *time.Location) (string, error) {
	month := monthAfter(now.In(operators).Format(monthForm), 1)
	for {
		begin, err := z.begin(month, monthIn(operators, month))
		if err != nil || !begin.After(now) {
			return month, err
		}
		month = monthAfter(month, -1)
	}
}

// with are the zones with one more from a month on; what was to begin later is replaced.
func (z zones) with(month, name string) zones {
	since := slices.DeleteFunc(slices.Clone(z.Since), func(s zoneSince) bool { return s.Month >= month })
	return zones{z.Tenant, append(since, zoneSince{month, name})}
}
