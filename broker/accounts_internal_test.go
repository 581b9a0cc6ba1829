package broker

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// While nobody can hash, a password that was right before is recognised at once; any
// other waits for its turn.
func TestAKnownPasswordCostsNoHashing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := NewAccounts(store.New(storetest.Driver(t)))
		a.Cost = bcrypt.MinCost
		require.NoError(t, a.SetPlatform(t.Context(), "cf", "a long password"))
		logIn := func(password string) error {
			_, err := a.check(t.Context(), platformKind, "cf", password)
			return err
		}
		require.NoError(t, logIn("a long password"))
		for range cap(a.hashing) {
			a.hashing <- struct{}{}
		}
		require.NoError(t, logIn("a long password"))

		answer := make(chan error, 1)
		go func() { answer <- logIn("another password") }()
		synctest.Wait()
		require.Empty(t, answer, "it is not compared yet")
		<-a.hashing
		require.ErrorIs(t, <-answer, fault.Unauthorized)
	})
}
