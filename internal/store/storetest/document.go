package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

func documentCases() []testCase {
	return []testCase{
		{"what was put is got", func(t *testing.T, d store.Driver) {
			put(t, d, store.Doc{ID: "a", Keys: map[string]string{"color": "red"}, Body: []byte(`{"n":1}`)})
			require.Equal(t, store.Doc{ID: "a", Revision: 1, Keys: map[string]string{"color": "red"}, Body: []byte(`{"n":1}`)}, get(t, d, "a"))
		}},
		{"absent is not found", func(t *testing.T, d store.Driver) {
			_, err := d.Get(t.Context(), things, "a")
			require.ErrorIs(t, err, fault.NotFound)
			require.ErrorIs(t, d.Delete(t.Context(), things, "a", 1), fault.NotFound)
		}},
		{"collections are apart", func(t *testing.T, d store.Driver) {
			put(t, d, doc("a", 0))
			_, err := d.Get(t.Context(), "others", "a")
			require.ErrorIs(t, err, fault.NotFound)
			require.NoError(t, d.Put(t.Context(), "others", doc("a", 0)))
		}},
		{"a create of what exists is a conflict and changes nothing", func(t *testing.T, d store.Driver) {
			put(t, d, doc("a", 0))
			require.ErrorIs(t, d.Put(t.Context(), things, store.Doc{ID: "a", Body: []byte(`2`)}), fault.Conflict)
			require.Equal(t, doc("a", 1), get(t, d, "a"))
		}},
		{"a write needs the stored revision", func(t *testing.T, d store.Driver) {
			put(t, d, doc("a", 0))
			put(t, d, doc("a", 1))
			for _, stale := range []int64{1, 3} {
				require.ErrorIs(t, d.Put(t.Context(), things, doc("a", stale)), fault.Conflict)
				require.ErrorIs(t, d.Delete(t.Context(), things, "a", stale), fault.Conflict)
			}
			require.EqualValues(t, 2, get(t, d, "a").Revision)
		}},
		{"a change of what is absent is a conflict", func(t *testing.T, d store.Driver) {
			require.ErrorIs(t, d.Put(t.Context(), things, doc("a", 1)), fault.Conflict)
		}},
		{"deleted is absent, in every index, and can be made anew", func(t *testing.T, d store.Driver) {
			put(t, d, store.Doc{ID: "a", Keys: map[string]string{"color": "red"}, Body: []byte(`1`)})
			require.NoError(t, d.Delete(t.Context(), things, "a", 1))
			_, err := d.Get(t.Context(), things, "a")
			require.ErrorIs(t, err, fault.NotFound)
			require.Empty(t, ids(t, d, store.Query{}))
			require.Empty(t, ids(t, d, store.Query{Key: "color", Value: "red"}))
			put(t, d, doc("a", 0))
			require.EqualValues(t, 1, get(t, d, "a").Revision)
		}},
		{"ids and keys are any text", func(t *testing.T, d store.Driver) {
			for _, id := range oddTexts() {
				put(t, d, store.Doc{ID: id, Keys: map[string]string{"name": id}, Body: []byte(`1`)})
			}
			for _, id := range oddTexts() {
				require.Equal(t, id, get(t, d, id).ID)
				require.Equal(t, []string{id}, ids(t, d, store.Query{Key: "name", Value: id}))
			}
			require.Len(t, ids(t, d, store.Query{}), len(oddTexts()))
		}},
		{"the largest body comes back whole", func(t *testing.T, d store.Driver) {
			big := store.Doc{ID: "big", Body: []byte(`"` + strings.Repeat("x", store.MaxBody-2) + `"`)}
			put(t, d, big)
			require.Equal(t, string(big.Body), string(get(t, d, "big").Body))
		}},
		{"a driver keeps no hold of the body it was given", func(t *testing.T, d store.Driver) {
			body := []byte(`1`)
			put(t, d, store.Doc{ID: "a", Body: body})
			body[0] = '2'
			require.Equal(t, `1`, string(get(t, d, "a").Body))
		}},
	}
}

// oddTexts hurt wherever a text becomes a path, a pattern, a query or a document
// member.
func oddTexts() []string {
	return []string{
		"a/b", "/", "..", "a b", " ", "%", "_", "*", "'", `"`, `\`, "$set", "a.b", "?x=1#y", "line\nbreak", "\t",
		"Ünïcödé", "\u00e9", "e\u0301", "日本", "😀", "A", "a", strings.Repeat("long", store.MaxID/4),
	}
}

const things = "things"

func doc(id string, revision int64) store.Doc {
	return store.Doc{ID: id, Revision: revision, Body: []byte(`{}`)}
}

func put(t *testing.T, d store.Driver, doc store.Doc) {
	t.Helper()
	require.NoError(t, d.Put(t.Context(), things, doc))
}

func get(t *testing.T, d store.Driver, id string) store.Doc {
	t.Helper()
	doc, err := d.Get(t.Context(), things, id)
	require.NoError(t, err)
	return doc
}

func ids(t *testing.T, d store.Driver, q store.Query) []string {
	t.Helper()
	docs, err := d.Scan(t.Context(), things, q)
	require.NoError(t, err)
	found := []string{}
	for _, d := range docs {
		found = append(found, d.ID)
	}
	return found
}

// many puts n documents with ids in order, every third with the key color=red.
func many(ctx context.Context, t *testing.T, d store.Driver, n int) {
	t.Helper()
	for i := range n {
		made := store.Doc{ID: fmt.Sprintf("%05d", i), Body: []byte(`{}`)}
		if i%3 == 0 {
			made.Keys = map[string]string{"color": "red"}
		}
		require.NoError(t, d.Put(ctx, things, made))
	}
}
