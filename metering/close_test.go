package metering_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// Bubbles begin at midnight of 2000-01-01 UTC.
var (
	oneHour  = instance("one", "2000-01-01T00:10:00Z provisioning s", "2000-01-01T00:15:00Z active s")
	upgraded = instance("upgraded", "2000-01-01T00:30:00Z active s", "2000-01-01T01:20:00Z active l", "2000-01-01T02:30:00Z deprovisioning l", "2000-01-01T02:31:00Z deleted l")
	failed   = instance("failed", "2000-01-01T00:05:00Z provisioning s", "2000-01-01T00:25:00Z failed s")

	listPrices = tariff{"s": {price("0.12", ""), price("0.24", "2000-01-01T01:45:00Z")}, "l": {price("0.20", "")}}
)

// lines are all billing records, a line each; they tell any difference.
func lines(t *testing.T, m *metering.Meter) (list []string) {
	t.Helper()
	bills, err := m.Bills(t.Context(), metering.Filter{})
	require.NoError(t, err)
	for _, b := range bills {
		list = append(list, fmt.Sprintf("%s %s %s-%s %s", b.Instance, b.Plan, b.Start.Format("15:04"), b.End.Format("15:04"), b.Amount))
	}
	return list
}

var threeHours = []string{
	"one s 00:15-01:00 0.09", "upgraded s 00:30-01:00 0.06",
	"one s 01:00-01:45 0.09", "upgraded s 01:00-01:20 0.04", "upgraded l 01:20-02:00 0.133333", "one s 01:45-02:00 0.06",
	"one s 02:00-03:00 0.24", "upgraded l 02:00-02:30 0.1",
}

func TestCatchUpClosesEveryWindowThatIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, metering.Config{})
		time.Sleep(3*time.Hour + 59*time.Second) // grace is a minute
		closed, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, closed.Windows, "the third is in its grace")

		time.Sleep(time.Second)
		closed, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, metering.Closed{
			Window:  metering.Window{Start: at("2000-01-01T02:00:00Z"), End: at("2000-01-01T03:00:00Z")},
			Windows: 1, Usage: 2, Bills: 2, At: at("2000-01-01T03:01:00Z"),
		}, closed)
		require.ElementsMatch(t, threeHours, lines(t, m))

		closed, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Zero(t, closed, "nothing is left to close")
		until, err := m.ClosedUntil(t.Context())
		require.NoError(t, err)
		require.Equal(t, at("2000-01-01T03:00:00Z"), until)
	})
}

func TestNothingIsClosedBeforeThereIsHistory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		m := newMeter(t, storetest.New(t), f, listPrices, metering.Config{})
		time.Sleep(48 * time.Hour)
		closed, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Zero(t, closed)

		f.add(instance("late", "2000-01-02T23:30:00Z active s"))
		time.Sleep(5 * time.Minute)
		closed, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, closed.Windows, "windows begin with the one of the first event")
	})
}

func TestAWindowIsNotClosedBeforeItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, metering.Config{})
		time.Sleep(90 * time.Minute)
		_, err := m.Close(t.Context(), at("2000-01-01T02:00:00Z"))
		require.ErrorIs(t, err, fault.Conflict)
		require.ErrorContains(t, err, "is not over; it can be closed from 2000-01-01T02:01:00Z on")
		_, err = m.Close(t.Context(), at("2000-01-01T00:30:00Z"))
		require.ErrorIs(t, err, fault.Invalid)
		require.Empty(t, lines(t, m))

		closed, err := m.Close(t.Context(), at("2000-01-01T01:00:00Z"))
		require.NoError(t, err)
		require.Equal(t, 2, closed.Bills)
		closed, err = m.Close(t.Context(), at("2000-01-01T01:00:00Z"))
		require.NoError(t, err)
		require.Zero(t, closed, "closing again changes nothing")
	})
}

func TestAWindowStaysOpenForLateHistoryAndPrices(t *testing.T) {
	t.Parallel()
	for length, grace := range map[time.Duration]time.Duration{
		5 * time.Second: 2 * time.Second, time.Minute: 6 * time.Second, time.Hour: time.Minute,
	} {
		t.Run(length.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{instance("one", "2000-01-01T00:00:00Z active s")}},
					listPrices, metering.Config{Window: length})
				time.Sleep(length + grace - time.Nanosecond)
				closed, err := m.CatchUp(t.Context())
				require.NoError(t, err)
				require.Zero(t, closed)
				time.Sleep(time.Nanosecond)
				closed, err = m.CatchUp(t.Context())
				require.NoError(t, err)
				require.Equal(t, 1, closed.Windows)
			})
		})
	}
}

func TestAPlanThatTheCatalogForgotDoesNotHoldUpTheRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := instance("lost", "2000-01-01T00:20:00Z active gone")
		m := newMeter(t, storetest.New(t), &fleet{list: append(sample(), lost)}, listPrices, metering.Config{})
		time.Sleep(2 * time.Hour)
		closed, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, closed.Unrated)
		require.Equal(t, 3, closed.Usage)
		require.Equal(t, 2, closed.Bills)
	})
}

func TestAnEarlierErrorIsMadeUpFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{list: sample(), fail: fault.New(fault.Unavailable, "the store does not answer")}
		m := newMeter(t, storetest.New(t), f, listPrices, metering.Config{})
		time.Sleep(3*time.Hour + time.Minute)
		_, err := m.CatchUp(t.Context())
		require.ErrorIs(t, err, fault.Unavailable)
		f.fail = nil
		_, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, threeHours, lines(t, m))
	})
}

// Every write of a closing fails once in each way: before its effect, after it,
// and with the death of the broker. Another broker then closes the same windows.
func TestARestartAtAnyWriteLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	outcomes := map[string]storetest.Outcome{
		"fails before": storetest.FailsBefore, "fails after": storetest.FailsAfter,
		"dies before": storetest.DiesBefore, "dies after": storetest.DiesAfter,
	}
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(3*time.Hour + time.Minute)
				for write := 1; ; write++ {
					disk := storetest.Memory(t)
					faulty := storetest.NewFaulty(disk, func(op storetest.Op) storetest.Outcome {
						if op.Write && op.N == write {
							return outcome
						}
						return storetest.Works
					})
					_, err := newMeter(t, store.New(faulty), &fleet{list: sample()}, listPrices, metering.Config{}).CatchUp(t.Context())
					if faulty.Writes() < write {
						require.NoError(t, err)
						require.Greater(t, write, 3, "there were writes to fail")
						return
					}
					require.ErrorIs(t, err, fault.Unavailable)
					m := newMeter(t, store.New(disk), &fleet{list: sample()}, listPrices, metering.Config{})
					_, err = m.CatchUp(t.Context())
					require.NoError(t, err)
					require.ElementsMatch(t, threeHours, lines(t, m), "write %d", write)
					until, err := m.ClosedUntil(t.Context())
					require.NoError(t, err)
					require.Equal(t, at("2000-01-01T03:00:00Z"), until)
				}
			})
		})
	}
}

func TestSeveralBrokersCloseTheSameWindowsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		f := &fleet{list: sample()}
		// One of them was configured otherwise, and its windows are as good.
		lengths := []time.Duration{time.Hour, time.Hour, 20 * time.Minute, time.Hour, 10 * time.Minute}
		time.Sleep(3*time.Hour + time.Minute)
		var wg sync.WaitGroup
		for _, length := range lengths {
			m := newMeter(t, s, f, listPrices, metering.Config{Window: length})
			wg.Go(func() {
				_, err := m.Close(t.Context(), at("2000-01-01T03:00:00Z"))
				require.NoError(t, err)
			})
		}
		wg.Wait()
		m := newMeter(t, s, f, listPrices, metering.Config{})
		requireEverySecondOnce(t, m, map[string]int64{"one": 9900, "upgraded": 7200})
	})
}

// requireEverySecondOnce checks that the lines of each instance neither overlap
// nor leave anything out, and that usage says the same.
func requireEverySecondOnce(t *testing.T, m *metering.Meter, active map[string]int64) {
	t.Helper()
	bills, err := m.Bills(t.Context(), metering.Filter{})
	require.NoError(t, err)
	billed, used := map[string]int64{}, map[string]int64{}
	last := map[string]time.Time{}
	for _, b := range bills {
		id := string(b.Instance)
		require.False(t, b.Start.Before(last[id]), "line %s of %s overlaps the one before", b.ID, id)
		last[id] = b.End
		billed[id] += b.Seconds.IntPart()
	}
	usage, err := m.Usage(t.Context(), metering.Filter{})
	require.NoError(t, err)
	for _, u := range usage {
		used[string(u.Instance)] += u.Seconds.IntPart()
	}
	require.Equal(t, active, billed)
	require.Equal(t, active, used)
}

func TestTheLengthOfWindowsMayChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		f := &fleet{list: sample()}
		for _, length := range []time.Duration{time.Hour, 15 * time.Minute, 5 * time.Second, time.Hour} {
			time.Sleep(40 * time.Minute)
			_, err := newMeter(t, s, f, listPrices, metering.Config{Window: length}).CatchUp(t.Context())
			require.NoError(t, err)
		}
		time.Sleep(21 * time.Minute) // 03:01
		m := newMeter(t, s, f, listPrices, metering.Config{})
		_, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		requireEverySecondOnce(t, m, map[string]int64{"one": 9900, "upgraded": 7200})
	})
}

func TestALongAbsenceIsMadeUpForInBoundedSteps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, metering.Config{Window: 10 * time.Second})
		time.Sleep(3*time.Hour + time.Minute)
		closed, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, at("2000-01-01T00:05:00Z"), closed.Start, "history begins there")
		require.Equal(t, at("2000-01-01T03:00:50Z"), closed.End, "the next is in its grace")
		require.Equal(t, int(closed.End.Sub(closed.Start)/(10*time.Second)), closed.Windows)
		runs, err := m.Windows(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Greater(t, len(runs), 1)
		for n := range runs[1:] {
			require.Equal(t, runs[n].End, runs[n+1].Start, "no gap between runs")
		}
	})
}

func TestAMeterRefusesWhatItCannotKeep(t *testing.T) {
	t.Parallel()
	good := metering.Config{Store: storetest.New(t), Instances: &fleet{}, Catalog: tariff{}, Log: newLog(t)}
	for name, change := range map[string]func(*metering.Config){
		"no store":                         func(c *metering.Config) { c.Store = nil },
		"windows that do not fit in a day": func(c *metering.Config) { c.Window = 7 * time.Hour },
		"windows too short":                func(c *metering.Config) { c.Window = time.Millisecond },
		"windows too long":                 func(c *metering.Config) { c.Window = 48 * time.Hour },
		"negative grace":                   func(c *metering.Config) { c.Grace = -1 },
		"a schedule nobody can read":       func(c *metering.Config) { c.Schedule = "now and then" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := good
			change(&c)
			_, err := metering.New(c)
			require.Error(t, err)
		})
	}
	_, err := metering.New(good)
	require.NoError(t, err)
}
