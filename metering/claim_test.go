package metering_test

import (
	"context"
	"iter"
	"sync/atomic"
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

// crew is brokers on one store, each with its own connection to it, that count the
// windows' worth of instances they go through.
type crew struct {
	disk  store.Driver
	fleet *fleet
	turns [3]turns
	links [3]*storetest.Faulty
	ends  [3]context.CancelFunc
}

// turns are the instances as one broker reads them; it may stop in the middle.
type turns struct {
	*fleet
	begun int64
	pause func(context.Context) // in the middle of reading; nil: none
}

func (r *turns) All(ctx context.Context) iter.Seq2[provision.Instance, error] {
	return func(yield func(provision.Instance, error) bool) {
		atomic.AddInt64(&r.begun, 1)
		for i, err := range r.fleet.All(ctx) {
			if !yield(i, err) {
				return
			}
			if r.pause != nil {
				r.pause(ctx)
			}
		}
	}
}

// newCrew is three brokers, not yet at work, whose windows have been begun: history
// is known and the first window is closed.
func newCrew(t *testing.T) *crew {
	t.Helper()
	c := &crew{disk: storetest.Memory(t), fleet: &fleet{list: sample()}}
	time.Sleep(time.Hour + time.Minute)
	_, err := newMeter(t, store.New(c.disk), c.fleet, listPrices, metering.Config{}).CatchUp(t.Context())
	require.NoError(t, err)
	for n := range c.turns {
		c.turns[n].fleet = c.fleet
		c.links[n] = storetest.NewFaulty(c.disk, nil)
	}
	return c
}

// work sets the brokers to work, until the test ends or their store is taken away.
func (c *crew) work(t *testing.T) {
	t.Helper()
	for n := range c.turns {
		m := newMeter(t, store.New(c.links[n]), &c.turns[n], listPrices, metering.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		c.ends[n] = cancel
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			require.NoError(t, <-done)
		})
	}
	synctest.Wait()
}

// begun is how often the instances were gone through, by each broker.
func (c *crew) begun() (list []int64) {
	for n := range c.turns {
		list = append(list, atomic.LoadInt64(&c.turns[n].begun))
	}
	return list
}

// holder is the broker that has begun a run; there is exactly one.
func (c *crew) holder(t *testing.T) int {
	t.Helper()
	at := -1
	for n, begun := range c.begun() {
		if begun > 0 {
			require.Equal(t, -1, at, "two brokers do the same run: %v", c.begun())
			at = n
		}
	}
	require.NotEqual(t, -1, at, "nobody does it")
	return at
}

// reader is a meter that only reads.
func (c *crew) reader(t *testing.T) *metering.Meter {
	t.Helper()
	return newMeter(t, store.New(c.disk), c.fleet, listPrices, metering.Config{})
}

func (c *crew) requireClosed(t *testing.T, until string) {
	t.Helper()
	got, err := c.reader(t).ClosedUntil(t.Context())
	require.NoError(t, err)
	require.Equal(t, at(until), got)
}

func TestADueRunIsDoneByOneBroker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		// The run takes so long that the others would find it, and longer than a lease.
		for n := range c.turns {
			c.turns[n].pause = func(context.Context) { time.Sleep(20 * time.Second) }
		}
		c.work(t)
		require.Equal(t, []int64{0, 0, 0}, c.begun(), "nothing is due")
		time.Sleep(2*time.Hour + 2*time.Minute)
		synctest.Wait()
		var all int64
		for _, begun := range c.begun() {
			all += begun
		}
		require.EqualValues(t, 2, all, "two windows were due, %v", c.begun())
		c.requireClosed(t, "2000-01-01T03:00:00Z")
		require.ElementsMatch(t, threeHours, lines(t, c.reader(t)))
	})
}

func TestTheRunOfABrokerThatDiedIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		for n := range c.turns {
			c.turns[n].pause = func(context.Context) { time.Sleep(15 * time.Second) }
		}
		c.work(t)
		time.Sleep(time.Hour + 20*time.Second)
		dead := c.holder(t)
		c.links[dead].Kill()
		c.ends[dead]()
		died := time.Now()

		for c.begun()[(dead+1)%3]+c.begun()[(dead+2)%3] == 0 {
			require.Less(t, time.Since(died), time.Minute, "nobody takes it over")
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
		}
		require.LessOrEqual(t, time.Since(died), 11*time.Second, "a lease, and how often others look")
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		c.requireClosed(t, "2000-01-01T02:00:00Z")
		require.EqualValues(t, 1, c.begun()[(dead+1)%3]+c.begun()[(dead+2)%3], "one of the two others")
		requireEverySecondOnce(t, c.reader(t), map[string]int64{"one": 45*60 + 3600, "upgraded": 30*60 + 3600})
	})
}

// sleeper is the store as a broker sees it that is paused, as by a machine that is
// moved, with what it closed on its way: that is written when it wakes. Neither does
// it renew its lease meanwhile.
type sleeper struct {
	store.Driver
	first  *atomic.Bool // whether nobody has been paused yet
	asleep atomic.Bool
}

func (d *sleeper) Put(ctx context.Context, collection string, doc store.Doc) error {
	if collection == "windows" && d.first.CompareAndSwap(true, false) {
		d.asleep.Store(true)
		time.Sleep(30 * time.Minute)
		d.asleep.Store(false)
		return d.Driver.Put(context.WithoutCancel(ctx), collection, doc)
	}
	if d.asleep.Load() {
		return fault.New(fault.Unavailable, "asleep")
	}
	return d.Driver.Put(ctx, collection, doc)
}

// When a broker that was paused in the middle of a run wakes, another has closed the
// windows and a tenant's month may be made of them: it alters nothing, and goes on as
// one of many.
func TestABrokerThatWasPausedPastItsLeaseDoesNoHarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		var first atomic.Bool
		first.Store(true)
		for n := range c.links {
			c.links[n] = storetest.NewFaulty(&sleeper{Driver: c.disk, first: &first}, nil)
		}
		c.work(t)
		time.Sleep(time.Hour + 12*time.Second)
		synctest.Wait()
		require.False(t, first.Load(), "one is paused")
		c.requireClosed(t, "2000-01-01T02:00:00Z")
		m := c.reader(t)
		before, windows := lines(t, m), closedWindows(t, m)
		requireEverySecondOnce(t, m, map[string]int64{"one": 45*60 + 3600, "upgraded": 30*60 + 3600})

		time.Sleep(45 * time.Minute)
		synctest.Wait()
		require.Equal(t, before, lines(t, m))
		require.Equal(t, windows, closedWindows(t, m))
		time.Sleep(time.Hour)
		synctest.Wait()
		c.requireClosed(t, "2000-01-01T03:00:00Z")
		require.ElementsMatch(t, threeHours, lines(t, m))
	})
}

func closedWindows(t *testing.T, m *metering.Meter) []metering.Closed {
	t.Helper()
	list, err := m.Windows(t.Context(), metering.Filter{})
	require.NoError(t, err)
	return list
}

func TestWhatWasMissedWhileAllWereDownIsMadeUpForOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(t)
		time.Sleep(5 * time.Hour)
		for n := range c.turns {
			c.turns[n].pause = func(context.Context) { time.Sleep(time.Second) }
		}
		c.work(t)
		c.holder(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		c.holder(t)
		c.requireClosed(t, "2000-01-01T06:00:00Z")
		require.Subset(t, lines(t, c.reader(t)), threeHours)
		windows := closedWindows(t, c.reader(t))
		require.Len(t, windows, 2)
		require.Equal(t, 5, windows[1].Windows)
	})
}
