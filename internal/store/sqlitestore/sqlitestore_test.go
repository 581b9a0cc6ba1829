package sqlitestore_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func TestFile(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Driver {
		return opened(t, filepath.Join(t.TempDir(), "100% odd?", "store.db"))
	})
}

// The same over stores that fold all the time, and hardly ever.
func TestFileThatIsFolded(t *testing.T) {
	t.Parallel()
	for name, lull := range map[string]time.Duration{"at once": 0, "never": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) store.Driver {
				d, err := sqlitestore.OpenFolding(t.Context(), filepath.Join(t.TempDir(), "store.db"), lull, 4096)
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, d.Close()) })
				return d
			})
		})
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Driver { return storetest.Memory(t) })
}

func opened(t testing.TB, path string) *sqlitestore.Driver {
	t.Helper()
	d, err := sqlitestore.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}
