package rating

import "time"

// Period is a half-open interval of time, [Start, End), in UTC.
type Period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"` // exclusive
}

// Month is the billing period in which a moment lies: a calendar month in a time
// zone. It has no fixed length: daylight saving takes an hour or gives one.
func Month(at time.Time, zone *time.Location) Period {
	local := at.In(zone)
	begin := func(n time.Month) time.Time {
		return time.Date(local.Year(), local.Month()+n, 1, 0, 0, 0, 0, zone).UTC()
	}
	return Period{begin(0), begin(1)}
}

// Next is the month after a month.
func (p Period) Next(zone *time.Location) Period { return Month(p.End, zone) }

// Contains says whether a moment lies in the period.
func (p Period) Contains(t time.Time) bool { return !t.Before(p.Start) && t.Before(p.End) }

// clip is the part of another period inside this one; ok is false when it is empty.
func (p Period) clip(o Period) (_ Period, ok bool) {
	if o.Start.Before(p.Start) {
		o.Start = p.Start
	}
	if o.End.After(p.End) {
		o.End = p.End
	}
	return o, o.Start.Before(o.End)
}

func (p Period) length() time.Duration { return p.End.Sub(p.Start) }
