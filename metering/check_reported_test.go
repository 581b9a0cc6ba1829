package metering_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
)

func TestTheCheckFindsWhatWasReportedAndIsNotCounted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		collection string
		spoil      func(text string) string // of one document
		want       string
	}{
		"nothing":                  {"events", func(s string) string { return s }, ""},
		"an event with more":       {"events", func(s string) string { return strings.Replace(s, `"quantity":"2"`, `"quantity":"3"`, 1) }, `reported 3 of "requests" from 2000-01-01T00:00:00Z on and 2 are counted`},
		"an event of another id":   {"events", func(s string) string { return strings.Replace(s, `"id":"a"`, `"id":"b"`, 1) }, `it is stored as event "b"`},
		"a tally with more":        {"tallies", func(s string) string { return strings.Replace(s, `"quantity":"2"`, `"quantity":"4"`, 1) }, "2 of \"requests\" from 2000-01-01T00:00:00Z on and 4 are counted"},
		"a tally without its part": {"tallies", func(s string) string { return strings.Replace(s, `"window":0`, `"window":1`, 1) }, "reported 2 of \"requests\" from 2000-01-01T00:00:00Z on and 0 are counted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				driver := storetest.Memory(t)
				s := store.New(driver)
				m := newMeter(t, s, stored(t, s, upgraded), perRequest, metering.Config{})
				time.Sleep(3*time.Hour + time.Minute)
				_, err := m.Report(t.Context(), "upgraded", events("a requests 2 2000-01-01T00:45:00Z"))
				require.NoError(t, err)
				_, err = m.CatchUp(t.Context())
				require.NoError(t, err)

				spoiled := false
				docs, err := driver.Scan(t.Context(), c.collection, store.Query{})
				require.NoError(t, err)
				for _, d := range docs {
					text := c.spoil(string(d.Body))
					spoiled = spoiled || text != string(d.Body)
					d.Body = []byte(text)
					require.NoError(t, driver.Put(t.Context(), c.collection, d))
				}
				require.Equal(t, c.want != "", spoiled)
				var found store.Findings
				histories, err := metering.Check(t.Context(), s, &found)
				require.NoError(t, err)
				histories.See(upgraded)
				histories.Missing(&found)
				var told []string
				for _, f := range found {
					told = append(told, f.Message)
				}
				if c.want == "" {
					require.Empty(t, told)
					return
				}
				require.Contains(t, strings.Join(told, "\n"), c.want)
			})
		})
	}
}

func TestWhatTheBrokerMetersIsNoAppliances(t *testing.T) {
	t.Parallel()
	for _, own := range []string{
		catalog.DimensionInstance, catalog.DimensionActive, catalog.DimensionDegraded, catalog.DimensionFailing, catalog.DimensionBypassed, catalog.DimensionSuspended,
		catalog.DimensionMembers, catalog.DimensionStandby, catalog.DimensionBindings, catalog.DimensionVCPUs, catalog.DimensionMemory,
	} {
		require.True(t, catalog.OwnDimension(own), own)
	}
	require.False(t, catalog.OwnDimension("requests"))
}
