package sqlitestore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

// TestAFullDisk: a write without space is refused with a sentence, what was there
// stays, and once there is space all goes on without a restart.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	defer d.Close()
	_, err = d.writer.Exec("PRAGMA max_page_count=20") // for this connection only
	require.NoError(t, err)
	body := []byte(`"` + string(make([]byte, 4096)) + `"`)
	stored := 0
	for err == nil {
		require.Less(t, stored, 100)
		if err = d.Put(t.Context(), "things", store.Doc{ID: fmt.Sprint(stored), Body: body}); err == nil {
			stored++
		}
	}
	require.ErrorIs(t, err, fault.Full)
	require.Equal(t, "there is no space left on the disk of the store", fault.Message(err))
	docs, err := d.Scan(t.Context(), "things", store.Query{})
	require.NoError(t, err)
	require.Len(t, docs, stored)
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "after", Body: body}))
}

// TestAStoreThatCannotBeWrittenForAWhile: the same for a file that is read-only.
func TestAStoreThatCannotBeWrittenForAWhile(t *testing.T) {
	t.Parallel()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	require.NoError(t, err)
	defer d.Close()
	_, err = d.writer.Exec("PRAGMA query_only=1") // for this connection only
	require.NoError(t, err)
	err = d.Put(t.Context(), "things", store.Doc{ID: "a", Body: []byte(`1`)})
	require.ErrorIs(t, err, fault.Unavailable)
	require.Contains(t, fault.Message(err), "read-only")
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "a", Body: []byte(`1`)}))
}

// TestAFileThatIsReplaced: after the store's file was moved away and another put in
// its place, nothing is acknowledged that the file at the path does not hold.
func TestAFileThatIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	d, err := Open(t.Context(), path)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "a", Body: []byte(`1`)}))
	require.NoError(t, os.Rename(path, path+".away"))
	err = d.Put(t.Context(), "things", store.Doc{ID: "b", Body: []byte(`1`)})
	require.ErrorIs(t, err, fault.Unavailable)
	_, err = d.Get(t.Context(), "things", "a")
	require.ErrorIs(t, err, fault.Unavailable)
	require.NoError(t, os.Rename(path+".away", path))
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "b", Body: []byte(`1`)}))
	_, err = d.Get(t.Context(), "things", "a")
	require.NoError(t, err)
}
