package rating_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/metering/rating"
)

func TestAMonthIsTheCalendarsInItsZone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, at, zone, want, hours, amount string }{
		{"31 days", "2026-03-10", "UTC", "2026-03-01T00:00..2026-04-01T00:00", "744h0m0s", "74.4"},
		{"an hour less in spring", "2026-03-10", "Europe/Berlin", "2026-02-28T23:00..2026-03-31T22:00", "743h0m0s", "74.3"},
		{"an hour more in autumn", "2026-10-10", "Europe/Berlin", "2026-09-30T22:00..2026-10-31T23:00", "745h0m0s", "74.5"},
		{"half an hour, on Lord Howe", "2026-04-10", "Australia/Lord_Howe", "2026-03-31T13:00..2026-04-30T13:30", "720h30m0s", "72.05"},
		{"28 days", "2026-02-10", "UTC", "2026-02-01T00:00..2026-03-01T00:00", "672h0m0s", "67.2"},
		{"a leap day", "2028-02-29T23:59", "UTC", "2028-02-01T00:00..2028-03-01T00:00", "696h0m0s", "69.6"},
		{"no leap day: 2100 is none", "2100-02-10", "UTC", "2100-02-01T00:00..2100-03-01T00:00", "672h0m0s", "67.2"},
		{"a year ends", "2026-12-31T12:00", "America/New_York", "2026-12-01T05:00..2027-01-01T05:00", "744h0m0s", "74.4"},
		{"the last moment", "2026-03-31T03:59:59.999999999Z", "America/New_York", "2026-03-01T05:00..2026-04-01T04:00", "743h0m0s", "74.3"},
		{"the first moment", "2026-04-01T04:00", "America/New_York", "2026-04-01T04:00..2026-05-01T04:00", "720h0m0s", "72"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := rating.Month(at(c.at), zone(t, c.zone))
			const form = "2006-01-02T15:04"
			require.Equal(t, c.want, p.Start.Format(form)+".."+p.End.Format(form))
			require.Equal(t, c.hours, p.End.Sub(p.Start).String())
			// 0.10 an hour, and a fee of 24 in proportion: for half the period 12, however long that is
			half := p.Start.Add(p.End.Sub(p.Start) / 2).Format(time.RFC3339)
			hourly := rating.Prices{"s": prices(t, `{"dimension":"instance","unit":"hour","amount":0.10}`)}
			require.Equal(t, c.amount, rate(t, use(t, "s 2000-01-01..2200-01-01"), hourly, p)[0].Amount.String())
			fee := rating.Prices{"s": prices(t, `{"dimension":"fee","model":"recurring","amount":24,"prorate":true}`)}
			require.Equal(t, "12", rate(t, use(t, "s 2000-01-01.."+half), fee, p)[0].Amount.String())
		})
	}
}

func TestMonthsMeetInEveryZone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata", "America/Sao_Paulo", "Asia/Beirut", "Pacific/Apia"} {
		z := zone(t, name)
		p := rating.Month(at("2005-01-15"), z)
		for range 12 * 30 {
			next := p.Next(z)
			require.True(t, p.End.Equal(next.Start) && next.Start.Before(next.End), "%s %s", name, p.Start)
			require.Equal(t, next, rating.Month(next.Start, z))
			require.Equal(t, next, rating.Month(next.End.Add(-1), z))
			p = next
		}
	}
}

// From 31 March 0:00 to 1 April 12:00 UTC is 36 hours, at 1 an hour. Where April begins
// divides them.
func TestAMonthEndsWhenTheTenantsDoes(t *testing.T) {
	t.Parallel()
	hourly := rating.Prices{"s": prices(t, `{"dimension":"instance","unit":"hour","amount":1}`)}
	usage := use(t, "s 2026-03-31..2026-04-01T12:00")
	for _, c := range []struct{ zone, march, april string }{
		{"Pacific/Auckland", "11", "25"}, // UTC+13: April begins at 11:00
		{"Asia/Kolkata", "18.5", "17.5"}, // UTC+5:30: at 18:30
		{"Europe/Berlin", "22", "14"},    // UTC+2: at 22:00
		{"UTC", "24", "12"},              //
		{"America/New_York", "28", "8"},  // UTC−4: at 4:00 on the 1st
	} {
		month := rating.Month(at("2026-03-20"), zone(t, c.zone))
		for _, want := range []string{c.march, c.april} {
			lines := rate(t, usage, hourly, month)
			require.Len(t, lines, 1, c.zone)
			require.Equal(t, want, lines[0].Amount.String(), c.zone)
			month = month.Next(zone(t, c.zone))
		}
	}
}
