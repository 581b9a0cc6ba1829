package metering_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// What was billed of an instance is found missing when the instance is, or its history is another.
func TestTheCheckFindsThatABilledInstanceIsMissing(t *testing.T) {
	t.Parallel()
	always := instance("always", "2000-01-01T00:00:00Z active s")
	briefly := instance("briefly", "2000-01-03T00:00:00Z active s", "2000-01-05T12:00:00Z deleted s")
	failed := instance("failed", "2000-01-03T00:00:00Z provisioning s", "2000-01-05T12:00:00Z failed s")
	lately := instance("lately", "2000-02-01T00:00:00Z active s")
	all := []provision.Instance{always, briefly, failed, lately}
	fewer := func(from, to string, counted, now int) string {
		return fmt.Sprintf("windows %s: %d usage records were counted from then to %sT00:00:00Z, and the histories of all instances have %d: one is missing, or is not what it was", from, counted, to, now)
	}
	for name, c := range map[string]struct {
		seen []provision.Instance
		want []string
	}{
		"all are there":             {all, nil},
		"one more was written late": {append([]provision.Instance{instance("more", "2000-01-01T00:00:00Z active s")}, all...), nil},
		"one that was never active": {[]provision.Instance{always, briefly, lately}, nil},
		"one that is on no statement": {[]provision.Instance{always, briefly, failed}, []string{
			fewer("2000-01-01", "2000-02-02", 32+3+1, 32+3), fewer("2000-02-02", "2000-02-03", 2, 1),
		}},
		"one that is on a statement": {[]provision.Instance{always, failed, lately}, []string{
			`statements 000000000001: it is about instance "briefly", which does not exist`, fewer("2000-01-01", "2000-02-02", 32+3+1, 32+1),
		}},
		"one that has another history": {[]provision.Instance{
			always, failed, lately, instance("briefly", "2000-01-03T00:00:00Z active s", "2000-01-04T12:00:00Z deleted s"),
		}, []string{fewer("2000-01-01", "2000-02-02", 32+3+1, 32+2+1)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := storetest.New(t)
				m := newMeter(t, s, stored(t, s, all...), listPrices, daily)
				time.Sleep(february)
				require.Equal(t, 1, issueAll(t, m))
				time.Sleep(24 * time.Hour)
				_, err := m.CatchUp(t.Context())
				require.NoError(t, err)

				var found store.Findings
				histories, err := metering.Check(t.Context(), s, &found)
				require.NoError(t, err)
				for _, i := range c.seen {
					histories.See(i)
				}
				histories.Missing(&found)
				var told []string
				for _, f := range found {
					id := f.ID
					if f.Collection == "windows" {
						id = at(f.ID[:4] + "-" + f.ID[4:6] + "-" + f.ID[6:8] + "T00:00:00Z").Format(time.DateOnly)
					}
					told = append(told, f.Collection+" "+id+": "+f.Message)
				}
				require.ElementsMatch(t, c.want, told)
			})
		})
	}
}

// Windows follow each other without a gap.
func TestTheCheckFindsThatClosedWindowsAreMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		driver := storetest.Memory(t)
		s := store.New(driver)
		m := newMeter(t, s, stored(t, s, oneHour), listPrices, metering.Config{})
		for range 3 {
			time.Sleep(time.Hour + time.Minute)
			_, err := m.CatchUp(t.Context())
			require.NoError(t, err)
		}
		docs, err := driver.Scan(t.Context(), "windows", store.Query{})
		require.NoError(t, err)
		require.Len(t, docs, 3)
		require.NoError(t, driver.Delete(t.Context(), "windows", docs[1].ID, docs[1].Revision))
		var found store.Findings
		_, err = metering.Check(t.Context(), s, &found)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "the windows before it are closed, and until 2000-01-01T01:00:00Z only there are documents of that", found[0].Message)
	})
}
