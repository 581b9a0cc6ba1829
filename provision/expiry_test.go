package provision_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

// A login with an end stops to work then, not before; who renews in time has
// another by then, with a whole lifetime before it.
func TestLoginsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRotatable(t, sim.Options{})
		w.lifetime = 10 * time.Minute
		b := w.broker(t, w.driver)
		b.provisioned(t, w.order("fw", "lan"))
		began := time.Now()
		old := b.bind(t, w.binding("fw", "old", ""))
		_, given, err := b.Binding(t.Context(), "cf", "fw", "old")
		require.NoError(t, err)
		require.WithinDuration(t, began.Add(10*time.Minute), given.Expires, 10*time.Second)
		require.Equal(t, 2*time.Minute, given.Expires.Sub(given.RenewBefore))

		time.Sleep(9 * time.Minute)
		require.True(t, b.works(t, old))
		next := b.bind(t, w.rotation("fw", "new", "old"))
		time.Sleep(2 * time.Minute)
		require.False(t, b.works(t, old), "its time is over")
		require.True(t, b.works(t, next))

		_, again, err := b.Binding(t.Context(), "cf", "fw", "old")
		require.NoError(t, err, "an expired binding is there until it is unbound")
		require.Equal(t, given.Expires, again.Expires)
		_, err = b.Bind(t.Context(), w.rotation("fw", "late", "old"))
		require.ErrorIs(t, err, fault.Invalid)
		gone, err := b.Unbind(t.Context(), provision.RemoveRequest{Instance: "fw", Binding: "old", Platform: "cf", Service: w.service.ID, Plan: w.plan("small")})
		require.NoError(t, err)
		require.False(t, gone.Progress, "there is nothing left to revoke")
		b.stop()
	})
}
