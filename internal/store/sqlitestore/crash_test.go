package sqlitestore_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

// writeUntilKilled names, in the environment of a child, the store that it writes
// into until it is killed.
const writeUntilKilled = "BUMPWIRE_TEST_WRITE_UNTIL_KILLED"

func TestMain(m *testing.M) {
	if path := os.Getenv(writeUntilKilled); path != "" {
		fmt.Fprintln(os.Stderr, writeFor(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// writeFor writes with several writers and prints each id once its write is
// acknowledged. It returns only on an error.
func writeFor(path string) error {
	d, err := sqlitestore.OpenFolding(context.Background(), path, 0, 10_000)
	if err != nil {
		return err
	}
	errs := make(chan error)
	for w := range 8 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, n)
				if err := d.Put(context.Background(), "things", store.Doc{ID: id, Keys: map[string]string{"w": fmt.Sprint(w)}, Body: []byte(`{}`)}); err != nil {
					errs <- err
					return
				}
				fmt.Println(id)
			}
		}()
	}
	return <-errs
}

// TestAcknowledgedWritesSurviveAKill kills two processes that write into one file
// at the same time, again and again.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := map[string]bool{}
	for round := range 3 {
		lines := make(chan string)
		children, open := []*exec.Cmd{child(t, path, lines), child(t, path, lines)}, 2
		for n := 1; open > 0; n++ {
			if id := <-lines; id != "" {
				acknowledged[id] = true
			} else {
				open--
			}
			if n == 100*(round+1) {
				require.NoError(t, children[0].Process.Kill())
			}
			if n == 100*(round+1)+150 {
				require.NoError(t, children[1].Process.Kill())
			}
		}
	}
	d := opened(t, path)
	for id := range acknowledged {
		doc, err := d.Get(t.Context(), "things", id)
		require.NoError(t, err, "an acknowledged write is lost")
		require.EqualValues(t, 1, doc.Revision)
	}
	s, indexed := store.New(d), 0
	for w := range 8 {
		for _, err := range store.In[struct{}](s, "things", nil).All(t.Context(), "w", fmt.Sprint(w)) {
			require.NoError(t, err)
			indexed++
		}
	}
	require.GreaterOrEqual(t, indexed, len(acknowledged), "each is found by its key")
	t.Logf("%d acknowledged writes, %d stored", len(acknowledged), indexed)
}

// child starts a writer; its lines, and at its end an empty one, go to lines.
func child(t *testing.T, path string, lines chan<- string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writeUntilKilled+"="+path)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		_ = cmd.Wait() // it was killed
		lines <- ""
	}()
	return cmd
}
