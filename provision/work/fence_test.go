package work

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// TestAPausedBrokerDoesNoHarm: what a broker writes when it wakes after its lease
// has expired and another has taken over is refused, each kind of write.
func TestAPausedBrokerDoesNoHarm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := storetest.New(t)
		paused, other := New(s, slog.New(slog.DiscardHandler), Options{}), New(s, slog.New(slog.DiscardHandler), Options{})
		paused.Change("build", Planner{})
		require.NoError(t, paused.Submit(ctx, Change{ID: "c", Lane: "l", Kind: "build"}))

		old, held, _, err := paused.claim(ctx, "l")
		require.NoError(t, err)
		require.True(t, held)
		before, err := paused.save(ctx, old, nil, func(*Change) {})
		require.NoError(t, err)
		require.Equal(t, Planning, before.Status)

		_, held, free, err := other.claim(ctx, "l")
		require.NoError(t, err)
		require.False(t, held, "the lease is valid")
		require.WithinDuration(t, time.Now().Add(10*time.Second), free, 0)
		time.Sleep(10 * time.Second)
		current, held, _, err := other.claim(ctx, "l")
		require.NoError(t, err)
		require.True(t, held)
		require.Greater(t, current.Fence, old.Fence)
		_, err = other.save(ctx, current, nil, func(*Change) {})
		require.NoError(t, err)

		_, err = paused.save(ctx, old, &before, func(c *Change) { c.pass(nil, now()) })
		require.ErrorIs(t, err, store.Lost)
		require.ErrorIs(t, paused.renew(ctx, old), store.Lost)
		_, err = paused.release(ctx, old, true, time.Time{})
		require.ErrorIs(t, err, store.Lost)

		c, err := other.Get(ctx, "c")
		require.NoError(t, err)
		require.Equal(t, Planning, c.Status)
		require.Equal(t, current.Fence, c.Fence)
		require.NoError(t, other.renew(ctx, current))
	})
}

// TestALeaseThatIsLostEndsItsHandlers before another broker can come in.
func TestALeaseThatIsLostEndsItsHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := storetest.NewFaulty(storetest.Memory(t), nil)
		e := New(store.New(d), slog.New(slog.DiscardHandler), Options{})
		e.Change("build", Planner{})
		require.NoError(t, e.Submit(t.Context(), Change{ID: "c", Lane: "l", Kind: "build"}))
		h, _, _, err := e.claim(t.Context(), "l")
		require.NoError(t, err)
		ctx, let := store.Keep(t.Context(), h.since, e.opts.Lease, func(ctx context.Context) error { return e.renew(ctx, h) })
		defer let()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.NoError(t, ctx.Err(), "it is renewed")
		d.Kill()
		begun := time.Now()
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), store.Lost)
		require.Less(t, time.Since(begun), 10*time.Second)
	})
}

// TestNoWakeUpIsLost: who asks for a lane while a broker is about to put it off is
// heard.
func TestNoWakeUpIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		e := New(storetest.New(t), slog.New(slog.DiscardHandler), Options{})
		e.Change("build", Planner{})
		c := Change{ID: "c", Lane: "l", Kind: "build"}
		require.NoError(t, e.Submit(ctx, c))
		later := time.Now().Add(time.Hour)

		h, _, _, err := e.claim(ctx, "l")
		require.NoError(t, err)
		again, err := e.release(ctx, h, false, later)
		require.NoError(t, err)
		require.True(t, again.Equal(later))
		_, held, _, err := e.claim(ctx, "l")
		require.NoError(t, err)
		require.False(t, held)

		require.NoError(t, e.enqueue(ctx, c.Lane, c.ID))
		h, held, _, err = e.claim(ctx, "l")
		require.NoError(t, err)
		require.True(t, held)
		require.NoError(t, e.enqueue(ctx, c.Lane, c.ID))
		again, err = e.release(ctx, h, false, later)
		require.NoError(t, err)
		require.True(t, again.Equal(time.Now()))
		l, err := e.lanes.Get(ctx, "l")
		require.NoError(t, err)
		require.Equal(t, []ChangeID{"c"}, l.Queue, "it stands there once")
	})
}
