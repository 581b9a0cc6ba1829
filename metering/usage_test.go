package metering_test

import (
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

func TestUsageIsTheTimeAnInstanceIsActive(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		window  string // start/end
		history []string
		want    string // plan=seconds of each span
	}{
		{"the whole window", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T09:00:00Z provisioning s", "2026-03-01T09:01:00Z active s"}, "s=3600"},
		{"from becoming active, not from the request", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T10:00:00Z provisioning s", "2026-03-01T10:00:42.5Z active s"}, "s=3557.5"},
		{"until removal is asked for, not until it is done", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T09:00:00Z active s", "2026-03-01T10:30:00Z deprovisioning s", "2026-03-01T10:45:00Z deleted s"}, "s=1800"},
		{"a failed provision is never billed", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T10:00:00Z provisioning s", "2026-03-01T10:20:00Z failed s"}, ""},
		{"zero length", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T10:10:00Z active s", "2026-03-01T10:10:00Z deprovisioning s"}, ""},
		{"a nanosecond", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T10:10:00Z active s", "2026-03-01T10:10:00.000000001Z deprovisioning s"}, "s=0.000000001"},
		{"the start belongs to the window", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T10:00:00Z active s", "2026-03-01T10:00:01Z deleted s"}, "s=1"},
		{"the end does not", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T11:00:00Z active s"}, ""},
		{"over before the window", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T08:00:00Z active s", "2026-03-01T10:00:00Z deprovisioning s"}, ""},
		{"a plan change in the middle splits", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T09:00:00Z active s", "2026-03-01T10:15:00Z active l"}, "s=900 l=2700"},
		{"there and back again", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T09:00:00Z active s", "2026-03-01T10:15:00Z active l", "2026-03-01T10:30:00Z active s"}, "s=900 l=900 s=1800"},
		{"bindings do not split", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T09:00:00Z active s", "2026-03-01T10:15:00Z active s", "2026-03-01T10:16:00Z active s"}, "s=3600"},
		{"a removal that failed and was given up is billed again", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z",
			[]string{"2026-03-01T09:00:00Z active s", "2026-03-01T10:10:00Z deprovisioning s", "2026-03-01T10:20:00Z active s"}, "s=600 s=2400"},
		{"no history", "2026-03-01T10:00:00Z/2026-03-01T11:00:00Z", nil, ""},
		{"the last hour of a month", "2026-02-28T23:00:00Z/2026-03-01T00:00:00Z",
			[]string{"2026-02-28T23:30:00Z active s", "2026-03-01T00:30:00Z deleted s"}, "s=1800"},
		{"the last hour of a leap day", "2028-02-29T23:00:00Z/2028-03-01T00:00:00Z",
			[]string{"2028-02-01T00:00:00Z active s"}, "s=3600"},
		{"the hour that Berlin skips", "2026-03-29T01:00:00Z/2026-03-29T02:00:00Z",
			[]string{"2026-03-28T00:00:00+01:00 active s", "2026-03-30T00:00:00+02:00 deleted s"}, "s=3600"},
		{"the hour that Berlin has twice", "2026-10-25T00:00:00Z/2026-10-25T01:00:00Z",
			[]string{"2026-10-25T02:15:00+02:00 active s", "2026-10-25T02:15:00+01:00 deleted s"}, "s=2700"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			start, end, _ := strings.Cut(c.window, "/")
			w := metering.Window{Start: at(start), End: at(end)}
			u, ok := metering.Usage(instance("i", c.history...), w)
			require.Equal(t, c.want != "", ok)
			var spans []string
			sum := decimal.Zero
			for _, s := range u.Spans {
				spans = append(spans, string(s.Plan)+"="+s.Seconds.String())
				sum = sum.Add(s.Seconds)
				require.Equal(t, time.UTC, s.Start.Location())
			}
			require.Equal(t, c.want, strings.Join(spans, " "))
			require.True(t, sum.Equal(u.Seconds), "the record says %s, its spans %s", u.Seconds, sum)
		})
	}
}

func TestARecordsIDTellsInstanceAndWindowApart(t *testing.T) {
	t.Parallel()
	w := metering.Window{Start: at("2026-03-01T10:00:00Z"), End: at("2026-03-01T11:00:00Z")}
	next := metering.Window{Start: w.End, End: w.End.Add(time.Hour)}
	id := func(instance provision.Instance, w metering.Window) string {
		u, ok := metering.Usage(instance, w)
		require.True(t, ok)
		return u.ID
	}
	a, b := instance("a", "2026-03-01T09:00:00Z active s"), instance("b", "2026-03-01T09:00:00Z active s")
	long := instance(strings.Repeat("x/", 500), "2026-03-01T09:00:00Z active s")
	require.Equal(t, id(a, w), id(a, w))
	require.NotEqual(t, id(a, w), id(b, w))
	require.NotEqual(t, id(a, w), id(a, next))
	require.Less(t, id(b, w), id(a, next), "ids order by time")
	require.Less(t, len(id(long, w)), 100)
}

// history draws events at any nanosecond of some hours, two at one instant too.
func history(t *rapid.T) provision.Instance {
	i := instance("i")
	when := at("2026-03-01T00:00:00Z")
	for n := range rapid.IntRange(0, 12).Draw(t, "events") {
		when = when.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(t, "pause")))
		i.History = append(i.History, provision.Event{
			Seq: n + 1, At: when,
			State: rapid.SampledFrom([]provision.State{
				provision.Provisioning, provision.Active, provision.Failed, provision.Deprovisioning, provision.Deleted,
			}).Draw(t, "state"),
			Plan: rapid.SampledFrom([]catalog.PlanID{"s", "l"}).Draw(t, "plan"),
		})
	}
	return i
}

func TestNoTimeIsLostOrDoubledBetweenWindows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		i := history(t)
		length := rapid.SampledFrom([]time.Duration{time.Second * 40, time.Minute * 7, time.Hour, 24 * time.Hour}).Draw(t, "length")
		start, end := at("2026-02-28T00:00:00Z"), at("2026-03-04T00:00:00Z")

		active := map[catalog.PlanID]int64{}
		for n, e := range i.History {
			until := end
			if n+1 < len(i.History) {
				until = i.History[n+1].At
			}
			if e.State == provision.Active {
				active[e.Plan] += until.Sub(e.At).Nanoseconds()
			}
		}
		metered := map[catalog.PlanID]int64{}
		for at := start; at.Before(end); at = at.Add(length) {
			u, _ := metering.Usage(i, metering.Window{Start: at, End: minTime(at.Add(length), end)})
			last := at
			for _, s := range u.Spans {
				if s.Start.Before(last) || !s.Start.Before(s.End) {
					t.Fatalf("span %v overlaps or is empty", s)
				}
				last = s.End
				metered[s.Plan] += s.Seconds.Shift(9).IntPart()
			}
		}
		for _, plan := range []catalog.PlanID{"s", "l"} {
			if metered[plan] != active[plan] {
				t.Fatalf("plan %s: %d ns metered, %d ns active", plan, metered[plan], active[plan])
			}
		}
	})
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
