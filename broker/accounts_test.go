package broker_test

import (
	"testing"

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
