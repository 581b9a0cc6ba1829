package rating_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/metering/rating"
)

// March 2026 has 31 days of 86,400 s in UTC: 2,678,400 s.
func TestAmountsOfOnePrice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, price string
		usage       []string
		want        []string
	}{
		{
			"per hour, to the second: 4,530 s × 0.12 / 3600 = 0.151",
			`{"dimension":"instance","unit":"hour","amount":0.12}`,
			[]string{"s 2026-03-01T10:00..2026-03-01T11:15:30Z", "s 2026-03-02T10:00..2026-03-02T10:00"},
			[]string{"s instance usage 03-01T00:00..04-01T00:00: 4530 second at 0.12 = 0.15 EUR"},
		},
		{
			"windows are added up before rounding: 6 s × 3 / 3600 = 0.005, half, and 0 is even",
			`{"dimension":"instance","unit":"hour","amount":3.0}`,
			[]string{"s 2026-03-01T10:00:00Z..2026-03-01T10:00:02Z", "s 2026-03-01T10:00:02Z..2026-03-01T10:00:04Z", "s 2026-03-01T10:00:04Z..2026-03-01T10:00:06Z"},
			[]string{"s instance usage 03-01T00:00..04-01T00:00: 6 second at 3 = 0 EUR"}, // 6 × 3 / 3600 = 0.005: half, 0 is even
		},
		{
			"bytes: 2,500,000,000 × 0.08 / 10^9 = 0.2",
			`{"dimension":"traffic","unit":"gigabyte","amount":0.08}`,
			[]string{"s traffic 2026-03-01..2026-03-02 = 1500000000 byte", "s traffic 2026-03-31T23:00..2026-04-01 = 1000000000 byte", "s traffic 2026-04-01..2026-04-02 = 7 byte"},
			[]string{"s traffic usage 03-01T00:00..04-01T00:00: 2500000000 byte at 0.08 = 0.2 EUR"},
		},
		{
			"flat: once a month, however often",
			`{"dimension":"reports","amount":5,"model":"flat"}`,
			[]string{"s reports 2026-03-01..2026-03-02 = 1 report", "s reports 2026-03-03..2026-03-04 = 8 report"},
			[]string{"s reports fee 03-01T00:00..04-01T00:00: 2678400 second at 5 = 5 EUR"},
		},
		{
			"flat, not used",
			`{"dimension":"reports","amount":5,"model":"flat"}`, []string{"s 2026-03-01..2026-03-02"}, []string{},
		},
		{
			"zero-length use costs nothing",
			`{"dimension":"instance","unit":"hour","amount":0.12}`, []string{"s 2026-03-01..2026-03-01"}, []string{},
		},
		{
			"before the first price it is free: 16 days from the 16th of 24 h × 0.5 = 192",
			`{"dimension":"instance","unit":"hour","amount":0.5,"from":"2026-03-16T00:00:00Z"}`, []string{"s 2026-02-01..2026-05-01"},
			[]string{"s instance usage 03-16T00:00..04-01T00:00: 1382400 second at 0.5 = 192 EUR"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lines := rate(t, use(t, c.usage...), rating.Prices{"s": prices(t, c.price)}, march())
			require.Equal(t, c.want, said(lines))
		})
	}
}
