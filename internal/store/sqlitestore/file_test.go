package sqlitestore_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

func TestAStoreIsReadableForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	d := opened(t, filepath.Join(dir, "store.db"))
	require.NoError(t, d.Put(t.Context(), "things", store.Doc{ID: "a", Body: []byte(`1`)}))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 4, "the file, its log, the log's index and the count of writes")
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, f.Name())
	}
}

func TestAStoreIsThereAfterReopening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	d, err := sqlitestore.Open(t.Context(), path)
	require.NoError(t, err)
	want := store.Doc{ID: "a", Keys: map[string]string{"color": "red"}, Body: []byte(`1`)}
	require.NoError(t, d.Put(t.Context(), "things", want))
	require.NoError(t, d.Close())
	d = opened(t, path)
	got, err := d.Scan(t.Context(), "things", store.Query{Key: "color", Value: "red"})
	require.NoError(t, err)
	want.Revision = 1
	require.Equal(t, []store.Doc{want}, got)
}

func TestAFileThatIsNotAStoreIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make string // SQL, or the file's contents
		sql  bool
		kind fault.Kind
		says string
	}{
		{"another program's database", `CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)`, true, fault.Invalid, "another program"},
		{"a marked database", `PRAGMA application_id=7`, true, fault.Invalid, "another program"},
		{"a text", "this is not a database, but long enough to look like one to whoever reads its first hundred bytes only; really", false,
			fault.Invalid, "is not a Bumpwire store"},
		{"a newer store", `PRAGMA application_id=0x42575354; PRAGMA user_version=3`, true, fault.Conflict, "start a newer version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "store.db")
			if c.sql {
				db, err := sql.Open("sqlite", path)
				require.NoError(t, err)
				_, err = db.Exec(c.make)
				require.NoError(t, err)
				require.NoError(t, db.Close())
			} else {
				require.NoError(t, os.WriteFile(path, []byte(c.make), 0o600))
			}
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			_, err = sqlitestore.Open(t.Context(), path)
			require.ErrorIs(t, err, c.kind)
			require.Contains(t, fault.Message(err), c.says)
			require.Contains(t, fault.Message(err), path)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}

func TestAPlaceThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	for _, path := range []string{filepath.Join(dir, "file", "store.db"), dir} {
		_, err := sqlitestore.Open(t.Context(), path)
		require.ErrorIs(t, err, fault.Unavailable, path)
	}
}

func TestTwoProcessesWorthOfDriversOnOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	one, two := store.New(opened(t, path)), store.New(opened(t, path))
	type counter struct{ N int }
	const each = 100
	done := make(chan error)
	for _, s := range []*store.Store{one, two, one, two} {
		go func() {
			for range each {
				_, err := store.In[counter](s, "counters", nil).Upsert(context.Background(), "n",
					func(c counter, _ bool) (counter, error) { return counter{c.N + 1}, nil })
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		require.NoError(t, <-done)
	}
	got, err := store.In[counter](one, "counters", nil).Get(t.Context(), "n")
	require.NoError(t, err)
	require.Equal(t, 4*each, got.N)
}
