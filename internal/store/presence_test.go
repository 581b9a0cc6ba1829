package store_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func TestWhoMustBeAloneIsAlone(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	one, err := store.Enter(t.Context(), s, "broker 1", false)
	require.NoError(t, err)
	_, err = store.Enter(t.Context(), s, "broker 2", false)
	require.NoError(t, err, "brokers bear each other")
	_, err = store.Enter(t.Context(), s, "store migrate", true)
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "works on the store since")
	require.NoError(t, one.Leave(t.Context()))

	other := storetest.New(t)
	alone, err := store.Enter(t.Context(), other, "store migrate", true)
	require.NoError(t, err)
	_, err = store.Enter(t.Context(), other, "broker", false)
	require.ErrorContains(t, err, "store migrate works on the store")
	require.NoError(t, alone.Leave(t.Context()))
	_, err = store.Enter(t.Context(), other, "broker", false)
	require.NoError(t, err)
}

func TestAPlaceIsKeptWhileItsProcessLives(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		broker, err := store.Enter(t.Context(), s, "broker", false)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- broker.Run(ctx) }()
		time.Sleep(time.Hour)
		_, err = store.Enter(t.Context(), s, "store migrate", true)
		require.ErrorIs(t, err, fault.Conflict)
		stop()
		require.NoError(t, <-ended)
		_, err = store.Enter(t.Context(), s, "store migrate", true)
		require.NoError(t, err)
	})
}

// A broker that was paused, or cut off, past its place ends when it sees that
// somebody has come who must be alone; one that has missed nothing goes on.
func TestAPlaceThatWasLost(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := storetest.New(t)
			paused, err := store.Enter(t.Context(), s, "paused", false)
			require.NoError(t, err)
			time.Sleep(16 * time.Second)
			other, err := store.Enter(t.Context(), s, "other", alone)
			require.NoError(t, err, "who is silent is forgotten")
			go func() {
				if err := other.Run(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			err = paused.Run(ctx)
			if alone {
				require.ErrorIs(t, err, fault.Conflict)
			} else {
				require.NoError(t, err)
			}
		})
	}
}
