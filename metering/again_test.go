package metering_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision"
)

// An instance whose price is unsound waits until it is mended; nobody waits for it.
func TestWhatCannotBeRatedIsSetAsideUntilItCan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := price("0.20", "")
		broken.Model = catalog.ModelGraduated // without tiers
		prices := tariff{"s": {price("0.12", "")}, "l": {broken}}
		f := &fleet{list: []provision.Instance{
			instance("sound", "2000-01-01T00:00:00Z active s", "2000-01-01T10:00:00Z deleted s"),
			instance("unsound", "2000-01-01T00:00:00Z active l", "2000-01-01T10:00:00Z deleted l"),
			instance("unknown", "2000-01-01T00:00:00Z active x", "2000-01-01T10:00:00Z deleted x"),
		}}
		f.list[0].Tenant = "tenant-b"
		s := storetest.New(t)
		m := newMeter(t, s, f, prices, daily)
		time.Sleep(february)
		closeOnly(t, m)
		n, err := m.Issue(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		first := []string{"1 tenant-b 01-01T00..02-01T00", "  sound s instance usage: 36000 = 1.2", "  total 1.2 EUR"}
		require.Equal(t, first, statements(t, m))

		prices["l"] = []catalog.Price{price("0.20", "")}
		prices["x"] = []catalog.Price{price("0.10", "")}
		time.Sleep(29 * 24 * time.Hour)
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, append(first, "2 tenant-a 02-01T00..03-01T00",
			"  unknown x instance correction of usage: 36000 = 1",
			"  unsound l instance correction of usage: 36000 = 2", "  total 3 EUR"), statements(t, m))
		requireSound(t, m, 2)
	})
}

// What was billed of an instance stands while it cannot be rated.
func TestWhatWasBilledIsNotGivenBackBecauseAPriceIsUnsound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, prices := storetest.New(t), graduatedRequests()
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")), prices, daily)
		time.Sleep(february)
		require.Equal(t, 1, issueAll(t, m))
		_, err := m.Report(t.Context(), "i", events("late requests 200 2000-01-20T00:00:00Z"))
		require.NoError(t, err)
		sound := prices["s"]
		prices["s"] = []catalog.Price{sound[0], sound[1]}
		prices["s"][1].Tiers = nil
		time.Sleep(29 * 24 * time.Hour)
		require.Zero(t, issueAll(t, m), "nothing is given back")
		prices["s"] = sound
		time.Sleep(31 * 24 * time.Hour)
		require.Equal(t, 1, issueAll(t, m))
		list := statements(t, m)
		require.Equal(t, "  total 30 EUR", list[len(list)-1], "150 for 200 in place of the minimum of 120")
	})
}

func TestLateUsageSurvivesDeathAtAnyWrite(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]storetest.Outcome{"dies before": storetest.DiesBefore, "dies after": storetest.DiesAfter} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writes := 0
			synctest.Test(t, func(t *testing.T) { writes = lateWithDeath(t, 0, outcome) })
			require.Greater(t, writes, 4, "the tally twice, its usage, the note, and the progress")
			for write := 1; write <= writes; write++ {
				synctest.Test(t, func(t *testing.T) { lateWithDeath(t, write, outcome) })
			}
		})
	}
}

// lateWithDeath reports late, and the broker that counts that dies at a write; it says how many
// writes there were.
func lateWithDeath(t *testing.T, write int, outcome storetest.Outcome) int {
	disk := storetest.Memory(t)
	s := store.New(disk)
	f := stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-01-03T00:00:00Z deleted s"))
	m := newMeter(t, s, f, graduatedRequests(), daily)
	time.Sleep(february)
	require.Equal(t, 1, issueAll(t, m))
	_, err := m.Report(t.Context(), "i", events("late requests 200 2000-01-02T00:00:00Z"))
	require.NoError(t, err)
	time.Sleep(24 * time.Hour)
	faulty := storetest.NewFaulty(disk, func(op storetest.Op) storetest.Outcome {
		if op.Write && op.N == write {
			return outcome
		}
		return storetest.Works
	})
	_, err = newMeter(t, store.New(faulty), f, graduatedRequests(), daily).CatchUp(t.Context())
	if write > 0 {
		require.ErrorIs(t, err, fault.Unavailable)
	} else {
		require.NoError(t, err)
	}
	time.Sleep(28 * 24 * time.Hour)
	m = newMeter(t, s, f, graduatedRequests(), daily)
	require.Equal(t, 1, issueAll(t, m))
	list := statements(t, m)
	require.Equal(t, "  total 30 EUR", list[len(list)-1], "write %d", write)
	requireSound(t, m, 2)
	return faulty.Writes()
}
