package broker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func TestAccountsAreSetOnceAndKeptAsHashes(t *testing.T) {
	t.Parallel()
	driver := storetest.Driver(t)
	st := store.New(driver)
	a := broker.NewAccounts(st)
	a.Cost = bcrypt.MinCost
	ctx := t.Context()

	empty, err := a.Empty(ctx)
	require.NoError(t, err)
	require.True(t, empty)
	require.NoError(t, a.SetPlatform(ctx, "cf", "a long password"))
	require.NoError(t, a.SetPlatform(ctx, "cf", "a long password"), "the same again")
	require.NoError(t, a.SetOperator(ctx, "admin", "a long password"))
	empty, err = a.Empty(ctx)
	require.NoError(t, err)
	require.False(t, empty)
	for _, collection := range []string{"platforms", "users"} {
		docs, err := driver.Scan(ctx, collection, store.Query{})
		require.NoError(t, err)
		require.Len(t, docs, 1)
		require.NotContains(t, string(docs[0].Body), "a long password")
	}
	for _, bad := range []string{"short", string(make([]byte, 73))} {
		require.ErrorIs(t, a.SetPlatform(ctx, "x", bad), fault.Invalid)
	}
	for _, bad := range []string{"", "a:b", "-x", "ü", string(make([]byte, 70))} {
		require.ErrorIs(t, a.SetPlatform(ctx, bad, "a long password"), fault.Invalid)
	}
}

func TestAKnownPasswordCostsNoHashing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *broker.Config) { c.Accounts.Cost = 12 }) // a quarter of a second for a hash
	s, err := w.admin.AddPlatform(t.Context(), newPlatform("slow"))
	require.NoError(t, err)
	osb := *w.osb
	osb.User, osb.Password = "slow", s.Password
	require.NoError(t, second(osb.Catalog(t.Context())))
	began := time.Now()
	for range 100 {
		require.NoError(t, second(osb.Catalog(t.Context())))
	}
	require.Less(t, time.Since(began), 10*time.Second, "a hundred hashes would take longer")
}
