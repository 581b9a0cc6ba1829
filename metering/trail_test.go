package metering_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// trail is what an explanation ends at, in words.
func trail(e metering.Explanation) (list []string) {
	for _, h := range e.History {
		list = append(list, fmt.Sprintf("%d %s %s", h.Seq, h.State, h.Plan))
	}
	for _, c := range e.Counts {
		var ids []string
		for _, event := range c.Events {
			ids = append(ids, event.ID)
		}
		slices.Sort(ids)
		list = append(list, fmt.Sprintf("%s %s: %s", c.Window.Start.Format("2006-01-02"), c.Quantity, strings.Join(ids, " ")))
	}
	return list
}

// requireTrail says that what an explanation ends at comes to its usage: the windows, and the events in them, to the quantities,
// and the time of the events to that of the spans.
func requireTrail(t *testing.T, e metering.Explanation) {
	t.Helper()
	used, counted, reported := decimal.Zero, decimal.Zero, decimal.Zero
	lasted, active := time.Duration(0), time.Duration(0)
	for _, u := range e.Usage {
		if used = used.Add(u.Quantity); u.Level.IsZero() {
			continue
		}
		lasted += u.End.Sub(u.Start)
		for n, h := range e.History {
			end := u.End
			if n+1 < len(e.History) && e.History[n+1].At.Before(end) {
				end = e.History[n+1].At
			}
			start := h.At
			if start.Before(u.Start) {
				start = u.Start
			}
			if h.State == provision.Active && h.Plan == u.Plan && start.Before(end) {
				active += end.Sub(start)
			}
		}
	}
	for _, c := range e.Counts {
		counted = counted.Add(c.Quantity)
		for _, event := range c.Events {
			reported = reported.Add(event.Quantity)
		}
	}
	require.Equal(t, used.String(), counted.String())
	require.Equal(t, used.String(), reported.String())
	require.Equal(t, lasted, active)
}

func TestALineLeadsToTheEventsThatMadeIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := instance("i", "1999-12-30T00:00:00Z provisioning s", "1999-12-31T00:00:00Z active s", "2000-01-03T00:00:00Z active s", "2000-01-05T12:00:00Z active l",
			"2000-01-07T00:00:00Z active s", "2000-01-09T00:00:00Z deleted s", "2000-01-12T00:00:00Z active l", "2000-02-03T00:00:00Z deleted l")
		for n := range i.History {
			i.History[n].Tenant, i.History[n].By, i.History[n].For = "tenant-a", "tenant/alice", "cloudfoundry/alice"
		}
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, i), listPrices, daily)
		time.Sleep(february + 31*24*time.Hour)
		require.NotZero(t, issueAll(t, m))
		all, err := m.Statements(t.Context(), metering.Filter{})
		require.NoError(t, err)
		found := map[string]bool{}
		for _, head := range all {
			issued, err := m.Statement(t.Context(), head.Number)
			require.NoError(t, err)
			for _, l := range issued.Lines {
				e, err := m.Explain(t.Context(), head.Number, l.ID)
				require.NoError(t, err)
				require.True(t, e.Matches)
				requireTrail(t, e)
				for _, h := range e.History {
					require.Empty(t, h.By+h.For, "who asked is not told in bills")
				}
				found[fmt.Sprintf("%s %d %s: %s", l.Period.Start.Format("01"), l.Life, l.Plan, strings.Join(trail(e), ", "))] = true
			}
		}
		for _, want := range []string{
			"01 0 s: 2 active s, 3 active s, 4 active l, 5 active s, 6 deleted s",
			"01 0 l: 4 active l, 5 active s",
			"01 7 l: 7 active l",
			"02 7 l: 7 active l, 8 deleted l",
		} {
			require.Contains(t, found, want)
		}
	})
}
