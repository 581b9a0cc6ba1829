package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// tally is how many turns of a duty are done.
type tally struct {
	Turns int         `json:"turns"`
	Lease store.Lease `json:"lease,omitzero"`
}

// up does the turns up to one, each by calling work.
func up(ctx context.Context, d store.Driver, to int, work func(context.Context) error) (did bool, err error) {
	return store.Duty[tally]{
		Progress: store.In[tally](store.New(d), "duties", nil), ID: "tally", Lasts: 10 * time.Second,
		Lease: func(t *tally) *store.Lease { return &t.Lease },
	}.Do(ctx, func(t tally, _ bool) (tally, error) {
		if t.Turns >= to {
			return t, store.Unchanged
		}
		return t, nil
	}, func(ctx context.Context, _ tally) error {
		return work(ctx)
	}, func(t tally) tally {
		t.Turns++
		return t
	})
}

func turns(t *testing.T, d store.Driver) int {
	t.Helper()
	got, err := store.In[tally](store.New(d), "duties", nil).Get(t.Context(), "tally")
	require.NoError(t, err)
	return got.Turns
}

func TestADutyIsDoneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := storetest.Memory(t)
		var working, most, all, did atomic.Int32
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				mine, err := up(t.Context(), d, 1, func(context.Context) error {
					all.Add(1)
					most.Store(max(most.Load(), working.Add(1)))
					time.Sleep(time.Minute) // many leases
					working.Add(-1)
					return nil
				})
				require.NoError(t, err)
				if mine {
					did.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, all.Load())
		require.EqualValues(t, 1, most.Load())
		require.EqualValues(t, 1, did.Load())
		require.Equal(t, 1, turns(t, d))
	})
}

func TestADutyIsTakenOverFromWhoDied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.Memory(t)
		link := storetest.NewFaulty(disk, nil)
		_, err := up(t.Context(), link, 1, func(context.Context) error {
			link.Kill()
			return errors.New("died")
		})
		require.Error(t, err)
		died := time.Now()
		did, err := up(t.Context(), disk, 1, func(context.Context) error { return nil })
		require.NoError(t, err)
		require.True(t, did)
		require.LessOrEqual(t, time.Since(died), 11*time.Second)
	})
}

func TestADutyThatFailedIsSomebodyElsesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := storetest.Memory(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := up(ctx, d, 1, func(context.Context) error {
			cancel() // who is asked to stop hands over as well
			return fault.New(fault.Unavailable, "no")
		})
		require.ErrorIs(t, err, fault.Unavailable)
		failed := time.Now()
		did, err := up(t.Context(), d, 1, func(context.Context) error { return nil })
		require.NoError(t, err)
		require.True(t, did)
		require.Zero(t, time.Since(failed))
	})
}

// The store of one does not answer while it works: its context ends before another
// begins, and what it had done by then is not entered.
func TestADutyEndsBeforeItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		disk := storetest.Memory(t)
		var away atomic.Bool
		link := storetest.NewFaulty(disk, func(storetest.Op) storetest.Outcome {
			if away.Load() {
				return storetest.FailsBefore
			}
			return storetest.Works
		})
		var out, in time.Time
		var wg sync.WaitGroup
		wg.Go(func() {
			did, err := up(t.Context(), link, 1, func(ctx context.Context) error {
				away.Store(true)
				<-ctx.Done()
				require.ErrorIs(t, context.Cause(ctx), store.Lost)
				out = time.Now()
				away.Store(false)
				return nil
			})
			require.NoError(t, err)
			require.False(t, did, "the other did it")
		})
		synctest.Wait()
		did, err := up(t.Context(), disk, 1, func(context.Context) error {
			in = time.Now()
			time.Sleep(time.Minute)
			return nil
		})
		require.NoError(t, err)
		require.True(t, did)
		wg.Wait()
		require.True(t, out.Before(in), "%v, %v", out, in)
		require.Equal(t, 1, turns(t, disk))
	})
}
