package metering_test

import (
	"context"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// running starts a meter's loop in the bubble and ends it with the test.
func running(t *testing.T, m *metering.Meter) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
}

func TestWindowsAreClosedOnSchedule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config metering.Config
		first  time.Duration // after midnight, when the first window (00:00 to 01:00) is closed
	}{
		{"as soon as the grace is over", metering.Config{}, 61 * time.Minute},
		{"five fields", metering.Config{Schedule: "2 * * * *"}, 62 * time.Minute},
		{"six fields", metering.Config{Schedule: "30 4 * * * *"}, 64*time.Minute + 30*time.Second},
		{"a descriptor", metering.Config{Schedule: "@hourly", Grace: time.Nanosecond}, 2 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, c.config)
				running(t, m)
				until := func() time.Time {
					synctest.Wait()
					until, err := m.ClosedUntil(t.Context())
					require.NoError(t, err)
					return until
				}
				time.Sleep(c.first - time.Millisecond)
				require.Zero(t, until())
				time.Sleep(time.Millisecond)
				require.GreaterOrEqual(t, until(), at("2000-01-01T01:00:00Z"))
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				require.Subset(t, lines(t, m), threeHours)
			})
		})
	}
}

func TestWhatWasMissedIsMadeUpForAtStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(3*time.Hour + 30*time.Minute)
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, metering.Config{})
		running(t, m)
		synctest.Wait()
		require.ElementsMatch(t, threeHours, lines(t, m))
	})
}

// slow instances take their time; runs must not pile up behind one another.
type slow struct {
	*fleet
	running, most int
}

func (s *slow) All(ctx context.Context) iter.Seq2[provision.Instance, error] {
	return func(yield func(provision.Instance, error) bool) {
		s.running++
		s.most = max(s.most, s.running)
		time.Sleep(150 * time.Minute)
		s.fleet.All(ctx)(yield)
		s.running--
	}
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{fleet: &fleet{}}
		m := newMeter(t, storetest.New(t), s, listPrices, metering.Config{})
		running(t, m)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.Equal(t, 1, s.most)
	})
}

func TestABrokenRunIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{list: sample(), fail: context.DeadlineExceeded}
		m := newMeter(t, storetest.New(t), f, listPrices, metering.Config{})
		running(t, m)
		time.Sleep(90 * time.Minute)
		f.mu.Lock()
		f.fail = nil
		f.mu.Unlock()
		time.Sleep(91 * time.Minute)
		synctest.Wait()
		require.ElementsMatch(t, threeHours, lines(t, m))
	})
}

// counting is instances that somebody goes through.
type counting struct {
	fleet
	times int
}

func (c *counting) All(ctx context.Context) iter.Seq2[provision.Instance, error] {
	c.times++
	return c.fleet.All(ctx)
}

// TestWhereHistoryBeginsIsLookedForOnce, not at each start until a window is over:
// there may be a million instances.
func TestWhereHistoryBeginsIsLookedForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, instances := storetest.New(t), &counting{fleet: fleet{list: sample()}}
		for range 3 {
			m := newMeter(t, s, instances, listPrices, metering.Config{})
			_, err := m.CatchUp(t.Context())
			require.NoError(t, err)
			until, err := m.ClosedUntil(t.Context())
			require.NoError(t, err)
			require.Zero(t, until, "no window is over")
		}
		require.Equal(t, 1, instances.times)
		time.Sleep(62 * time.Minute)
		closed, err := newMeter(t, s, instances, listPrices, metering.Config{}).CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, closed.Windows)
		require.Equal(t, 2, instances.times)
	})
}
