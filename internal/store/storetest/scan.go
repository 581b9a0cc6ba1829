package storetest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/store"
)

func scanCases() []testCase {
	return []testCase{
		{"nothing is no error", func(t *testing.T, d store.Driver) {
			require.Empty(t, ids(t, d, store.Query{}))
			require.Empty(t, ids(t, d, store.Query{Key: "color", Value: "red"}))
		}},
		{"documents come in the byte order of their ids", func(t *testing.T, d store.Driver) {
			for _, id := range oddTexts() {
				put(t, d, doc(id, 0))
			}
			require.Equal(t, slices.Sorted(slices.Values(oddTexts())), ids(t, d, store.Query{}))
		}},
		{"a document is found by its keys as they are now", func(t *testing.T, d store.Driver) {
			put(t, d, store.Doc{ID: "a", Keys: map[string]string{"color": "red", "size": "big"}, Body: []byte(`1`)})
			put(t, d, store.Doc{ID: "a", Revision: 1, Keys: map[string]string{"color": "blue", "shape": "round"}, Body: []byte(`1`)})
			for q, want := range map[store.Query][]string{
				{Key: "color", Value: "red"}:   {},
				{Key: "color", Value: "blue"}:  {"a"},
				{Key: "size", Value: "big"}:    {},
				{Key: "shape", Value: "round"}: {"a"},
				{Key: "shape", Value: "blue"}:  {},
			} {
				require.Equal(t, want, ids(t, d, q), "%+v", q)
			}
			put(t, d, store.Doc{ID: "a", Revision: 2, Body: []byte(`1`)})
			require.Empty(t, ids(t, d, store.Query{Key: "shape", Value: "round"}))
			require.Equal(t, []string{"a"}, ids(t, d, store.Query{}))
		}},
		{"pages follow each other without gap or repeat", func(t *testing.T, d store.Driver) {
			many(t.Context(), t, d, 100)
			for _, q := range []store.Query{{}, {Key: "color", Value: "red"}} {
				all := ids(t, d, q)
				for _, q.Limit = range []int{1, 7, 34, 100, 1000} {
					require.Equal(t, all, pages(t, d, q))
				}
			}
			require.Len(t, ids(t, d, store.Query{Key: "color", Value: "red"}), 34)
		}},
		{"a page is bounded when no limit is given", func(t *testing.T, d store.Driver) {
			many(t.Context(), t, d, store.DefaultLimit+1)
			require.Len(t, ids(t, d, store.Query{}), store.DefaultLimit)
		}},
		{"a driver does what a map would do", func(t *testing.T, d store.Driver) {
			model := map[string]store.Doc{}
			rapid.Check(t, func(r *rapid.T) { step(r, t, d, model) })
		}},
	}
}

func pages(t *testing.T, d store.Driver, q store.Query) []string {
	var all []string
	for {
		page := ids(t, d, q)
		all = append(all, page...)
		if len(page) < q.Limit {
			return all
		}
		q.After = page[len(page)-1]
	}
}

// step does one random write to driver and model, and compares what they hold.
func step(r *rapid.T, t *testing.T, d store.Driver, model map[string]store.Doc) {
	id := rapid.SampledFrom([]string{"a", "b", "c/d", "é"}).Draw(r, "id")
	old, exists := model[id]
	revision := rapid.SampledFrom([]int64{0, old.Revision, old.Revision + 1}).Draw(r, "revision")
	if rapid.Bool().Draw(r, "delete") {
		err := d.Delete(t.Context(), things, id, revision)
		require.Equal(r, exists && revision == old.Revision, err == nil, "delete %q %d: %v", id, revision, err)
		if err == nil {
			delete(model, id)
		}
	} else {
		next := store.Doc{ID: id, Revision: revision, Body: []byte(`{}`)}
		if color := rapid.SampledFrom([]string{"", "red", "blue"}).Draw(r, "color"); color != "" {
			next.Keys = map[string]string{"color": color}
		}
		err := d.Put(t.Context(), things, next)
		require.Equal(r, revision == old.Revision, err == nil, "put %q %d: %v", id, revision, err)
		if err == nil {
			next.Revision++
			model[id] = next
		}
	}
	compare(r, t, d, model)
}

func compare(r *rapid.T, t *testing.T, d store.Driver, model map[string]store.Doc) {
	for _, color := range []string{"", "red", "blue"} {
		var want []store.Doc
		for _, doc := range model {
			if color == "" || doc.Keys["color"] == color {
				want = append(want, doc)
			}
		}
		q := store.Query{Value: color}
		if color != "" {
			q.Key = "color"
		}
		got, err := d.Scan(t.Context(), things, q)
		require.NoError(r, err)
		require.ElementsMatch(r, want, got, "%+v", q)
	}
}
