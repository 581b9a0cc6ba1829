package rating_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/metering/rating"
)

const (
	march2026 = "s 2026-03-01..2026-04-01" // active all March
	tiered    = `{"dimension":"traffic","unit":"gigabyte","model":"graduated","minimum":50,"tiers":[{"up_to":100,"amount":0.10},{"up_to":1000,"amount":0.08},{"amount":0.05}]`
)

// All amounts were computed by hand; the arithmetic stands beside them.
func TestModels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		prices []string
		usage  []string
		want   []string
		total  string
	}{
		{
			"graduated below its minimum", []string{tiered + "}"},
			[]string{march2026, "s traffic 2026-03-05..2026-03-06 = 250000000000 byte"},
			[]string{
				"s traffic usage 1 03-01T00:00..04-01T00:00: 100000000000 byte at 0.1 = 10 EUR",  // 100 × 0.10
				"s traffic usage 2 03-01T00:00..04-01T00:00: 150000000000 byte at 0.08 = 12 EUR", // 150 × 0.08
				"s traffic minimum 03-01T00:00..04-01T00:00: 2678400 second at 50 = 28 EUR",      // 50 − 10 − 12
			}, "50",
		},
		{
			"graduated above its minimum", []string{tiered + "}"},
			[]string{march2026, "s traffic 2026-03-05..2026-03-06 = 700000000000 byte", "s traffic 2026-03-07..2026-03-08 = 800000000000 byte"},
			[]string{
				"s traffic usage 1 03-01T00:00..04-01T00:00: 100000000000 byte at 0.1 = 10 EUR",  // 100 × 0.10
				"s traffic usage 2 03-01T00:00..04-01T00:00: 900000000000 byte at 0.08 = 72 EUR", // 900 × 0.08
				"s traffic usage 3 03-01T00:00..04-01T00:00: 500000000000 byte at 0.05 = 25 EUR", // 500 × 0.05
			}, "107",
		},
		{
			"a minimum is due without traffic, while the instance is there", []string{tiered + "}"}, []string{march2026},
			[]string{"s traffic minimum 03-01T00:00..04-01T00:00: 2678400 second at 50 = 50 EUR"}, "50",
		},
		{
			"a prorated minimum: 3.1 of 31 days, a tenth", []string{tiered + `,"prorate":true}`}, []string{"s 2026-03-01..2026-03-04T02:24"},
			[]string{"s traffic minimum 03-01T00:00..04-01T00:00: 267840 second at 50 = 5 EUR"}, "5",
		},
		{
			"volume: all of it at the amount of the last unit's tier; the end belongs to the tier",
			[]string{`{"dimension":"calls","unit":"call","model":"volume","tiers":[{"up_to":100,"amount":1},{"amount":0.5}]}`},
			[]string{"s calls 2026-03-01..2026-03-02 = 100 call"},
			[]string{"s calls usage 1 03-01T00:00..04-01T00:00: 100 call at 1 = 100 EUR"}, "100",
		},
		{
			"volume, one more: 101 × 0.5",
			[]string{`{"dimension":"calls","unit":"call","model":"volume","tiers":[{"up_to":100,"amount":1},{"amount":0.5}]}`},
			[]string{"s calls 2026-03-01..2026-03-02 = 101 call"},
			[]string{"s calls usage 2 03-01T00:00..04-01T00:00: 101 call at 0.5 = 50.5 EUR"}, "50.5",
		},
		{
			"package: 2,001 begin the third thousand, 3 × 2.50",
			[]string{`{"dimension":"calls","unit":"call","amount":2.50,"model":"package","size":1000}`},
			[]string{"s calls 2026-03-01..2026-03-02 = 1500 call", "s calls 2026-03-02..2026-03-03 = 501 call"},
			[]string{"s calls usage 03-01T00:00..04-01T00:00: 2001 call = 3 packages at 2.5 = 7.5 EUR"}, "7.5",
		},
		{
			"package of hours: 2.5 hours begin the third, 3 × 0.20",
			[]string{`{"dimension":"instance","unit":"hour","amount":0.20,"model":"package","size":1}`}, []string{"s 2026-03-01T10:00..2026-03-01T12:30"},
			[]string{"s instance usage 03-01T00:00..04-01T00:00: 9000 second = 3 packages at 0.2 = 0.6 EUR"}, "0.6",
		},
		{
			"percentage: 1,234.56 × 2.5 / 100 = 30.864",
			[]string{`{"dimension":"payments","unit":"EUR","amount":2.5,"model":"percentage"}`}, []string{"s payments 2026-03-01..2026-03-02 = 1234.56 EUR"},
			[]string{"s payments usage 03-01T00:00..04-01T00:00: 1234.56 EUR at 2.5 = 30.86 EUR"}, "30.86",
		},
		{
			"included: 10 of 12.5 GB, 2.5 × 0.08",
			[]string{`{"dimension":"traffic","unit":"gigabyte","amount":0.08,"included":10}`}, []string{"s traffic 2026-03-01..2026-03-02 = 12500000000 byte"},
			[]string{
				"s traffic included 03-01T00:00..04-01T00:00: 10000000000 byte at 0 = 0 EUR",
				"s traffic usage 03-01T00:00..04-01T00:00: 2500000000 byte at 0.08 = 0.2 EUR",
			}, "0.2",
		},
		{
			"a trial of 14 days from the 10th at noon: 7.5 days are left, 180 h × 0.10",
			[]string{`{"dimension":"instance","unit":"hour","amount":0.10,"trial":14}`}, []string{"s 2026-03-10T12:00..2026-04-05"},
			[]string{"s instance usage 03-24T12:00..04-01T00:00: 648000 second at 0.1 = 18 EUR"}, "18",
		},
		{
			"a month is begun with the first use: of a changed fee and minimum both parts are due, 15/31 and 16/31 of 31, and of 62",
			[]string{
				`{"dimension":"support","amount":31,"model":"recurring"}`, `{"dimension":"support","amount":62,"model":"recurring","from":"2026-03-16T00:00:00Z"}`,
				`{"dimension":"traffic","unit":"gigabyte","minimum":31}`, `{"dimension":"traffic","unit":"gigabyte","minimum":62,"from":"2026-03-16T00:00:00Z"}`,
			},
			[]string{"s 2026-03-02..2026-03-03"},
			[]string{
				"s support fee 03-01T00:00..03-16T00:00: 1296000 second at 31 = 15 EUR",
				"s support fee 03-16T00:00..04-01T00:00: 1382400 second at 62 = 32 EUR",
				"s traffic minimum 03-01T00:00..03-16T00:00: 1296000 second at 31 = 15 EUR",
				"s traffic minimum 03-16T00:00..04-01T00:00: 1382400 second at 62 = 32 EUR",
			}, "94",
		},
		{
			"proration counts a second once, also where records overlap: 6.2 of 31 days",
			[]string{`{"dimension":"licence","amount":31,"model":"recurring","prorate":true}`},
			[]string{"s 2026-03-01..2026-03-05", "s 2026-03-03..2026-03-07T04:48", "s 2026-03-04..2026-03-04T01:00"},
			[]string{"s licence fee 03-01T00:00..04-01T00:00: 535680 second at 31 = 6.2 EUR"}, "6.2",
		},
		{
			"active for no time: neither fees nor a minimum", []string{tiered + "}", `{"dimension":"setup","amount":99,"model":"once"}`, `{"dimension":"support","amount":31,"model":"recurring"}`},
			[]string{"s 2026-03-10T12:00..2026-03-10T12:00"}, []string{}, "",
		},
		{
			"gone within the trial", []string{`{"dimension":"support","amount":31,"model":"recurring","trial":14}`}, []string{"s 2026-03-10T12:00..2026-03-20"}, []string{}, "",
		},
		{
			"fees: 99 once, 31 a month, of which 7.75 prorated are for a quarter of it",
			[]string{
				`{"dimension":"setup","amount":99,"model":"once"}`, `{"dimension":"support","amount":31,"model":"recurring"}`,
				`{"dimension":"licence","amount":31,"model":"recurring","prorate":true}`,
			},
			[]string{"s 2026-03-01..2026-03-08T18:00"}, // 7.75 of 31 days
			[]string{
				"s licence fee 03-01T00:00..04-01T00:00: 669600 second at 31 = 7.75 EUR",
				"s setup fee 03-01T00:00..04-01T00:00: 1 at 99 = 99 EUR",
				"s support fee 03-01T00:00..04-01T00:00: 2678400 second at 31 = 31 EUR",
			}, "137.75",
		},
		{
			"a change on the 16th under tiers: they go on; the fee is 15/31 of 31 and 16/31 of 62",
			[]string{
				`{"dimension":"calls","unit":"call","model":"graduated","tiers":[{"up_to":100,"amount":1},{"amount":0.5}]}`,
				`{"dimension":"calls","unit":"call","model":"graduated","tiers":[{"up_to":100,"amount":2},{"amount":1}],"from":"2026-03-16T00:00:00Z"}`,
				`{"dimension":"support","amount":31,"model":"recurring"}`, `{"dimension":"support","amount":62,"model":"recurring","from":"2026-03-16T00:00:00Z"}`,
			},
			[]string{march2026, "s calls 2026-03-05..2026-03-06 = 80 call", "s calls 2026-03-20..2026-03-21 = 50 call"},
			[]string{
				"s calls usage 1 03-01T00:00..03-16T00:00: 80 call at 1 = 80 EUR",
				"s calls usage 1 03-16T00:00..04-01T00:00: 20 call at 2 = 40 EUR", // calls 81 to 100
				"s calls usage 2 03-16T00:00..04-01T00:00: 30 call at 1 = 30 EUR", // calls 101 to 130
				"s support fee 03-01T00:00..03-16T00:00: 1296000 second at 31 = 15 EUR",
				"s support fee 03-16T00:00..04-01T00:00: 1382400 second at 62 = 32 EUR",
			}, "197",
		},
		{
			"a change under volume, packages and an included quantity: each counts over the whole month",
			[]string{
				`{"dimension":"a","unit":"call","model":"volume","tiers":[{"up_to":100,"amount":1},{"amount":0.5}]}`,
				`{"dimension":"a","unit":"call","model":"volume","tiers":[{"up_to":100,"amount":2},{"amount":1}],"from":"2026-03-16T00:00:00Z"}`,
				`{"dimension":"b","unit":"call","model":"package","size":100,"amount":3}`,
				`{"dimension":"b","unit":"call","model":"package","size":100,"amount":4,"from":"2026-03-16T00:00:00Z"}`,
				`{"dimension":"c","unit":"call","amount":1,"included":60}`, `{"dimension":"c","unit":"call","amount":1,"included":90,"from":"2026-03-16T00:00:00Z"}`,
			},
			[]string{
				"s a 2026-03-05..2026-03-06 = 80 call", "s a 2026-03-20..2026-03-21 = 50 call",
				"s b 2026-03-05..2026-03-06 = 80 call", "s b 2026-03-20..2026-03-21 = 50 call",
				"s c 2026-03-05..2026-03-06 = 80 call", "s c 2026-03-20..2026-03-21 = 50 call",
			},
			[]string{
				"s a usage 2 03-01T00:00..03-16T00:00: 80 call at 0.5 = 40 EUR", // 130 calls: the second tier
				"s a usage 2 03-16T00:00..04-01T00:00: 50 call at 1 = 50 EUR",
				"s b usage 03-01T00:00..03-16T00:00: 80 call = 1 packages at 3 = 3 EUR", // 1 to 80
				"s b usage 03-16T00:00..04-01T00:00: 50 call = 1 packages at 4 = 4 EUR", // 81 to 130 begin the second
				"s c included 03-01T00:00..03-16T00:00: 60 call at 0 = 0 EUR",
				"s c usage 03-01T00:00..03-16T00:00: 20 call at 1 = 20 EUR",
				"s c included 03-16T00:00..04-01T00:00: 10 call at 0 = 0 EUR", // 81 to 90
				"s c usage 03-16T00:00..04-01T00:00: 40 call at 1 = 40 EUR",
			}, "157",
		},
		{
			"a contract from the 11th to the 21st: 240 h × 0.12, 240 h × 0.06, 264 h × 0.12",
			[]string{
				`{"dimension":"instance","unit":"hour","amount":0.12}`,
				`{"dimension":"instance","unit":"hour","amount":0.06,"tenant":"acme","from":"2026-03-11T00:00:00Z","until":"2026-03-21T00:00:00Z"}`,
				`{"dimension":"instance","unit":"hour","amount":9,"tenant":"umbrella","from":"2026-03-01T00:00:00Z"}`,
			},
			[]string{march2026},
			[]string{
				"s instance usage 03-01T00:00..03-11T00:00: 864000 second at 0.12 = 28.8 EUR",
				"s instance usage 03-11T00:00..03-21T00:00: 864000 second at 0.06 = 14.4 EUR",
				"s instance usage 03-21T00:00..04-01T00:00: 950400 second at 0.12 = 31.68 EUR",
			}, "74.88",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lines := rate(t, use(t, c.usage...), rating.Prices{"s": prices(t, c.prices...)}, march())
			require.Equal(t, c.want, said(lines))
			if c.total != "" {
				require.Equal(t, c.total, rating.Total(lines)["EUR"].String())
			}
		})
	}
}

func TestAPlanChangeInMidHourIsToTheSecond(t *testing.T) {
	t.Parallel()
	setup := `{"dimension":"setup","amount":10,"model":"once"}`
	p := rating.Prices{
		"s": prices(t, `{"dimension":"instance","unit":"hour","amount":0.12}`, setup),
		"l": prices(t, `{"dimension":"instance","unit":"hour","amount":0.90}`, setup),
	}
	lines := rate(t, use(t, "s 2026-03-01T10:00..2026-03-01T10:20", "l 2026-03-01T10:20..2026-03-01T11:00"), p, march())
	require.Equal(t, []string{
		"l instance usage 03-01T00:00..04-01T00:00: 2400 second at 0.9 = 0.6 EUR",   // 2400 × 0.90 / 3600
		"s instance usage 03-01T00:00..04-01T00:00: 1200 second at 0.12 = 0.04 EUR", // 1200 × 0.12 / 3600
		"s setup fee 03-01T00:00..04-01T00:00: 1 at 10 = 10 EUR",                    // once, not for the second plan
	}, said(lines))
}

func TestEachCurrencyHasItsPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ price, want string }{
		{`{"dimension":"instance","unit":"hour","amount":12.35,"currency":"JPY"}`, "124"},     // 10 × 12.35 = 123.5: half, 124 is even
		{`{"dimension":"instance","unit":"hour","amount":0.00125,"currency":"KWD"}`, "0.012"}, // 0.0125: half, 12 is even
		{`{"dimension":"instance","unit":"hour","amount":0.0135,"currency":"EUR"}`, "0.14"},   // 0.135: half, 14 is even
	} {
		lines := rate(t, use(t, "s 2026-03-01T10:00..2026-03-01T20:00"), rating.Prices{"s": prices(t, c.price)}, march())
		require.Len(t, lines, 1)
		require.Equal(t, c.want, lines[0].Amount.String())
	}
}
