package sqlitestore

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
)

// A process that read a document sees what another one wrote since, at once.
func TestWhatIsRememberedIsNeverOutOfDate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	one, two := opened(t, path), opened(t, path)
	ctx := t.Context()
	require.NoError(t, one.Put(ctx, "things", store.Doc{ID: "a", Body: []byte(`0`)}))
	for n := range int64(200) {
		writer, reader := one, two
		if n%2 == 0 {
			writer, reader = two, one
		}
		for range 2 { // from the file, and from memory
			doc, err := reader.Get(ctx, "things", "a")
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(n), string(doc.Body))
		}
		require.NoError(t, writer.Put(ctx, "things", store.Doc{ID: "a", Revision: n + 1, Body: fmt.Append(nil, n+1)}))
	}
	require.NoError(t, one.Delete(ctx, "things", "a", 201))
	_, err := two.Get(ctx, "things", "a")
	require.ErrorContains(t, err, "there is no")
}

// A document is read from the file once while nobody writes it.
func TestADocumentIsRememberedUntilItIsWritten(t *testing.T) {
	t.Parallel()
	d := opened(t, filepath.Join(t.TempDir(), "store.db"))
	ctx := t.Context()
	require.NoError(t, d.Put(ctx, "things", store.Doc{ID: "a", Body: []byte(`1`)}))
	first, err := d.Get(ctx, "things", "a")
	require.NoError(t, err)
	again, err := d.Get(ctx, "things", "a")
	require.NoError(t, err)
	require.Same(t, &first.Body[0], &again.Body[0])
	require.NoError(t, d.Put(ctx, "things", store.Doc{ID: "a", Revision: 1, Body: []byte(`1`)}))
	again, err = d.Get(ctx, "things", "a")
	require.NoError(t, err)
	require.NotSame(t, &first.Body[0], &again.Body[0])
}

// A process that was killed between a write and its count leaves a counter that
// nobody trusts.
func TestAWriteWithoutItsEndIsNotRemembered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	one, two := opened(t, path), opened(t, path)
	ctx := t.Context()
	require.NoError(t, one.Put(ctx, "things", store.Doc{ID: "a", Body: []byte(`1`)}))
	require.NoError(t, two.Folded(t.Context()))
	_, err := two.Get(ctx, "things", "a")
	require.NoError(t, err)
	require.NoError(t, one.traffic.begin([]*write{{collection: "things", doc: store.Doc{ID: "a"}}}))
	first, err := two.Get(ctx, "things", "a")
	require.NoError(t, err)
	again, err := two.Get(ctx, "things", "a")
	require.NoError(t, err)
	require.NotSame(t, &first.Body[0], &again.Body[0], "read from the file each time")
}

// Any write to a collection, and none to another, changes its stamp everywhere.
func TestAStampChangesWithItsCollection(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	one, two := opened(t, path), opened(t, path)
	stamp := func() uint32 {
		s, known := two.Stamp("things")
		require.True(t, known)
		return s
	}
	first := stamp()
	require.NoError(t, one.Put(t.Context(), "others", store.Doc{ID: "a", Body: []byte(`1`)}))
	require.Equal(t, first, stamp())
	require.NoError(t, one.Put(t.Context(), "things", store.Doc{ID: "a", Body: []byte(`1`)}))
	require.NotEqual(t, first, stamp())
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m memory
	body := make([]byte, 1<<20)
	for n := range 500 {
		m.remember(name{"things", strconv.Itoa(n)}, remembered{doc: store.Doc{Body: body}})
		require.LessOrEqual(t, (len(m.young)+len(m.old))*len(body), maxRemembered+3*len(body))
	}
}

func opened(t *testing.T, path string) *Driver {
	t.Helper()
	d, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}
