package storetest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

func archiveCases() []testCase {
	return []testCase{
		{"what is loaded has its revisions and its keys", func(t *testing.T, d store.Driver) {
			var docs []store.Doc
			for n := range 50 {
				docs = append(docs, store.Doc{ID: fmt.Sprint(n), Revision: int64(n + 1), Keys: map[string]string{"odd": fmt.Sprint(n % 2)}, Body: []byte(`{}`)})
			}
			a := d.(store.Archive)
			require.NoError(t, a.Load(t.Context(), things, docs))
			require.NoError(t, a.Load(t.Context(), things, nil))
			require.Equal(t, docs[7], get(t, d, "7"))
			require.Len(t, ids(t, d, store.Query{Key: "odd", Value: "1"}), 25)
			put(t, d, docs[7])
			require.EqualValues(t, 9, get(t, d, "7").Revision)
		}},
		{"what exists is not loaded over", func(t *testing.T, d store.Driver) {
			put(t, d, store.Doc{ID: "a", Body: []byte(`1`)})
			require.ErrorIs(t, d.(store.Archive).Load(t.Context(), things, []store.Doc{{ID: "a", Revision: 5, Body: []byte(`2`)}}), fault.Conflict)
			require.Equal(t, `1`, string(get(t, d, "a").Body))
		}},
		{"collections are those with documents", func(t *testing.T, d store.Driver) {
			names := func() []string {
				names, err := d.(store.Archive).Collections(t.Context())
				require.NoError(t, err)
				return names
			}
			require.Empty(t, names())
			put(t, d, doc("a", 0))
			require.NoError(t, d.Put(t.Context(), "others", doc("a", 0)))
			require.Equal(t, []string{"others", things}, names())
			require.NoError(t, d.Delete(t.Context(), things, "a", 1))
			require.Equal(t, []string{"others"}, names())
		}},
	}
}
