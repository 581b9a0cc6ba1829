package work_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/work"
)

func TestALaneRunsInOrderAndLanesInParallel(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("", "net")
		s.stay = time.Second // plan, do, settle: 3 s each change
		var mu sync.Mutex
		var order []string
		e := engine(t, d, s, work.Options{Workers: 10})
		e.Task("net", func(ctx context.Context, c work.Change, task work.Task) error {
			if c.Lane == "lane-0" {
				mu.Lock()
				order = append(order, string(c.ID))
				mu.Unlock()
			}
			return s.do(ctx, c, task)
		}, s.undo)
		start(t, e)
		begun := time.Now()
		for lane := range 10 {
			for n := range 3 {
				submit(t, e, build(fmt.Sprintf("%d-%d", lane, 9-n), fmt.Sprintf("lane-%d", lane)))
			}
		}
		for lane := range 10 {
			wait(t, e, fmt.Sprintf("%d-7", lane))
		}
		require.Equal(t, []string{"0-9", "0-8", "0-7"}, order)
		require.Less(t, time.Since(begun), 45*time.Second, "one after the other it would be 90 s")
		require.False(t, s.overlap)
	})
}

func TestNoMoreWorkersThanAllowed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("")
		s.stay = time.Second // plan and settle: 2 s each change
		e := engine(t, d, s, work.Options{Workers: 2})
		start(t, e)
		begun := time.Now()
		for i := range 6 {
			submit(t, e, build(fmt.Sprint(i), fmt.Sprint(i)))
		}
		for i := range 6 {
			wait(t, e, fmt.Sprint(i))
		}
		require.Equal(t, 6*time.Second, time.Since(begun))
	})
}

func TestAWaitingChangeHoldsNoWorker(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("net:do-wait*5", "net")
		e := engine(t, d, s, work.Options{Workers: 1})
		e.Task("net", func(ctx context.Context, c work.Change, task work.Task) error {
			if c.ID == "quick" {
				return nil
			}
			return s.do(ctx, c, task)
		}, s.undo)
		start(t, e)
		begun := time.Now()
		submit(t, e, build("waits", "a"))
		synctest.Wait()
		submit(t, e, build("quick", "b"))
		wait(t, e, "quick")
		require.Zero(t, time.Since(begun))
		wait(t, e, "waits")
		require.Equal(t, 5*time.Second, time.Since(begun))
	})
}

func TestAParkedChangeDoesNotHoldUpItsLane(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d store.Driver) {
		s := newSite("net:do-fail net:undo-fail*4", "net")
		e := engine(t, d, s, options)
		start(t, e)
		submit(t, e, build("first", "tenant"), build("second", "tenant"))
		require.Equal(t, work.Done, wait(t, e, "second").Status)
		require.Equal(t, work.Parked, wait(t, e, "first").Status)
	})
}

// TestBrokersNeverShareALane has three brokers work on one store, of which one or
// another dies and is replaced: no lane is ever worked on twice at a time, and all
// is done in the end.
func TestBrokersNeverShareALane(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T, d store.Driver) {
				random := rand.New(rand.NewPCG(seed, 0))
				s := newSite("boot:do-unavailable*5 port:do-wait*5 net:do-fail*2", "net", "port", "boot")
				s.stay = time.Second
				o := work.Options{Lease: 3 * time.Second, Workers: 4}
				brokers := make([]func(), 3)
				for i := range brokers {
					brokers[i] = mortal(t, d, s, o)
				}
				client := engine(t, d, s, o)
				for i := range 30 {
					submit(t, client, build(fmt.Sprint(i), fmt.Sprint("lane ", i%7)))
				}
				for range 8 {
					time.Sleep(time.Duration(random.Int64N(int64(5 * time.Second))))
					i := random.IntN(len(brokers))
					brokers[i]()
					brokers[i] = mortal(t, d, s, o)
				}
				for i := range 30 {
					c := wait(t, client, fmt.Sprint(i))
					require.Equal(t, c.Status, s.outcome(c.ID))
				}
				require.False(t, s.overlap)
				for _, kill := range brokers {
					kill()
				}
			})
		})
	}
}

// mortal starts a broker and returns what kills it: from then on it reaches
// nothing, and what it was doing has no effect any more.
func mortal(t *testing.T, d store.Driver, s *site, o work.Options) (kill func()) {
	f := storetest.NewFaulty(d, nil)
	stop := start(t, engine(t, f, s, o))
	return func() {
		f.Kill()
		go stop()
	}
}

// TestWorkIsSpreadOverBrokers: three brokers need at most half the time of one.
func TestWorkIsSpreadOverBrokers(t *testing.T) {
	t.Parallel()
	elapsed := map[int]time.Duration{}
	for _, brokers := range []int{1, 3} {
		bubble(t, func(t *testing.T, d store.Driver) {
			s := newSite("", "net", "port", "boot")
			s.stay = 50 * time.Millisecond
			client := engine(t, d, s, work.Options{})
			const changes = 300
			for i := range changes {
				submit(t, client, build(fmt.Sprint(i), fmt.Sprint("lane ", i%100)))
			}
			begun := time.Now()
			for range brokers {
				start(t, engine(t, d, s, work.Options{Workers: 8}))
			}
			for i := range changes {
				require.Equal(t, work.Done, wait(t, client, fmt.Sprint(i)).Status)
			}
			elapsed[brokers] = time.Since(begun)
			require.False(t, s.overlap)
		})
	}
	t.Log(elapsed)
	require.LessOrEqual(t, elapsed[3], elapsed[1]/2)
}
