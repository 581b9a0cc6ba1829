package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func silent(string, string, int) {}

// filled puts documents of all sizes into some collections, each written several times.
func filled(t *testing.T, d store.Driver) store.Archive {
	t.Helper()
	_, err := store.Open(t.Context(), d)
	require.NoError(t, err)
	for n := range 450 {
		collection := []string{"instances", "changes", "bills"}[n%3]
		if n%3 == 2 && n > 200 {
			continue
		}
		doc := store.Doc{ID: fmt.Sprintf("id/%d", n), Keys: map[string]string{"tenant": fmt.Sprint(n % 5)}, Body: []byte(fmt.Sprintf(`{"n":%d,"t":"%s"}`, n, strings.Repeat("é", n)))}
		for range 1 + n%2 {
			require.NoError(t, d.Put(t.Context(), collection, doc))
			doc.Revision++
		}
	}
	return d.(store.Archive)
}

func sqliteFile(t *testing.T) store.Archive {
	t.Helper()
	d, err := sqlitestore.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestAStoreMovesThereAndBackWithoutLoss(t *testing.T) {
	t.Parallel()
	from := filled(t, sqliteFile(t))
	there := storetest.Mongo(t).(store.Archive)
	moved, err := store.Migrate(t.Context(), from, there, "from", silent)
	require.NoError(t, err)
	back := sqliteFile(t)
	again, err := store.Migrate(t.Context(), there, back, "there", silent)
	require.NoError(t, err)
	require.Equal(t, moved, again)
	same, err := store.Compare(t.Context(), from, back, silent)
	require.NoError(t, err)
	require.Equal(t, moved, same)
	require.Equal(t, []string{"bills", "changes", "instances", "meta"}, []string{moved[0].Collection, moved[1].Collection, moved[2].Collection, moved[3].Collection})
	require.Equal(t, 150, moved[1].Documents)
	_, err = store.Open(t.Context(), back)
	require.NoError(t, err)
}

// However often it is ended, and whatever has changed in between, a migration that is
// run again ends with the same documents; until then the target is not opened.
func TestAMigrationThatIsEndedOnItsWayGoesOn(t *testing.T) {
	t.Parallel()
	from := filled(t, storetest.Memory(t))
	to := storetest.Memory(t).(store.Archive)
	for tries := 0; ; tries++ {
		writes := 1 + rand.N(2)
		_, err := store.Migrate(t.Context(), from, broken{to, &writes}, "from", silent)
		if err == nil {
			break
		}
		require.ErrorIs(t, err, fault.Unavailable)
		_, err = store.Open(t.Context(), to)
		require.ErrorIs(t, err, fault.Conflict)
		require.ErrorContains(t, err, "run it again")
		_, err = store.Migrate(t.Context(), from, to, "another", silent)
		require.ErrorContains(t, err, "a migration from from into this store was begun")
		if tries == 1 {
			d, err := from.Get(t.Context(), "changes", "id/1")
			require.NoError(t, err)
			require.NoError(t, from.Put(t.Context(), "changes", d))
			require.NoError(t, from.Delete(t.Context(), "changes", "id/4", 1))
		}
	}
	_, err := store.Compare(t.Context(), from, to, silent)
	require.NoError(t, err)
	_, err = store.Open(t.Context(), to)
	require.NoError(t, err)
}

// broken fails after some writes.
type broken struct {
	store.Archive
	left *int
}

func (b broken) Put(ctx context.Context, collection string, d store.Doc) error {
	if *b.left--; *b.left < 0 {
		return fault.New(fault.Unavailable, "gone")
	}
	return b.Archive.Put(ctx, collection, d)
}

func (b broken) Load(ctx context.Context, collection string, docs []store.Doc) error {
	if *b.left--; *b.left < 0 {
		_ = b.Archive.Load(ctx, collection, docs[:len(docs)/2])
		return fault.New(fault.Unavailable, "gone")
	}
	return b.Archive.Load(ctx, collection, docs)
}

func TestATargetThatIsNotEmptyIsLeftAlone(t *testing.T) {
	t.Parallel()
	from := filled(t, storetest.Memory(t))
	to := storetest.Memory(t).(store.Archive)
	_, err := store.Open(t.Context(), to)
	require.NoError(t, err)
	_, err = store.Migrate(t.Context(), from, to, "from", silent)
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, `not empty: it has documents in "meta"`)
	used, err := to.Collections(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"meta"}, used)
}

func TestADifferenceIsNamed(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(d store.Archive) error{
		"id/100": func(d store.Archive) error { return d.Delete(t.Context(), "changes", "id/100", 1) },
		"id/10": func(d store.Archive) error {
			return d.Put(t.Context(), "changes", store.Doc{ID: "id/10", Revision: 1, Body: []byte(`{}`)})
		},
		"new": func(d store.Archive) error {
			return d.Put(t.Context(), "changes", store.Doc{ID: "new", Body: []byte(`{}`)})
		},
	} {
		a, b := filled(t, storetest.Memory(t)), filled(t, storetest.Memory(t))
		require.NoError(t, alter(b))
		_, err := store.Compare(t.Context(), a, b, silent)
		require.ErrorIs(t, err, fault.Conflict)
		require.ErrorContains(t, err, "changes differs: 150 documents here")
		require.ErrorContains(t, err, fmt.Sprintf("%q is the first that is not the same", name))
	}
}
