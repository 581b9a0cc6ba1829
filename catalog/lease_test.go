package catalog

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func TestOneHoldsTheLease(t *testing.T) {
	t.Parallel()
	driver := storetest.Driver(t)
	var holders, most, turns atomic.Int32
	var all sync.WaitGroup
	for range 4 {
		l := newLease(store.New(driver))
		all.Go(func() {
			for range 3 {
				err := l.hold(t.Context(), func(context.Context) error {
					most.Store(max(most.Load(), holders.Add(1)))
					time.Sleep(time.Millisecond)
					holders.Add(-1)
					turns.Add(1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, most.Load())
	require.EqualValues(t, 12, turns.Load())
}

func TestTheLeaseOfADeadBrokerEnds(t *testing.T) {
	t.Parallel()
	l := newLease(store.New(storetest.Driver(t)))
	require.NoError(t, l.docs.Create(t.Context(), leaseID, holding{Holder: "dead", Until: now().Add(-time.Second)}))
	held := false
	require.NoError(t, l.hold(t.Context(), func(context.Context) error { held = true; return nil }))
	require.True(t, held)
}

func TestWhoWaitsForTheLeaseCanGiveUp(t *testing.T) {
	t.Parallel()
	l := newLease(store.New(storetest.Driver(t)))
	require.NoError(t, l.docs.Create(t.Context(), leaseID, holding{Holder: "other", Until: now().Add(time.Hour)}))
	ctx, cancel := context.WithTimeout(t.Context(), 2*leaseLook)
	defer cancel()
	err := l.hold(ctx, func(context.Context) error { return errors.New("it was not to run") })
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestWhatFailsUnderTheLeaseFreesIt(t *testing.T) {
	t.Parallel()
	l := newLease(store.New(storetest.Driver(t)))
	require.ErrorIs(t, l.hold(t.Context(), func(context.Context) error { return fault.Full }), fault.Full)
	h, err := l.docs.Get(t.Context(), leaseID)
	require.NoError(t, err)
	require.Empty(t, h.Holder)
}

// A broker that was paused for longer than its lease lasts stops, and leaves the next
// one's lease alone.
func TestALeaseThatWasTakenOverEndsTheWork(t *testing.T) {
	t.Parallel()
	l := newLease(store.New(storetest.Driver(t)))
	err := l.hold(t.Context(), func(ctx context.Context) error {
		_, err := l.docs.Upsert(ctx, leaseID, func(holding, bool) (holding, error) {
			return holding{Holder: "next", Until: now().Add(time.Hour)}, nil
		})
		require.NoError(t, err)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(12 * leaseEvery):
			return errors.New("nothing ended it")
		}
	})
	require.ErrorIs(t, err, fault.Unavailable)
	h, err := l.docs.Get(t.Context(), leaseID)
	require.NoError(t, err)
	require.Equal(t, "next", h.Holder)
}
