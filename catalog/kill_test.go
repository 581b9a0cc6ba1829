package catalog_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
)

// pushInto names a folder into which this binary, started again by a test,
// pushes what comes in on its standard input.
const pushInto = "BUMPWIRE_TEST_PUSH_INTO"

func TestMain(m *testing.M) {
	if dir := os.Getenv(pushInto); dir != "" {
		if err := pushStdin(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func pushStdin(dir string) error {
	d, err := sqlitestore.Open(background, filepath.Join(dir, "store.db"))
	if err != nil {
		return err
	}
	defer d.Close()
	c, err := catalog.New(catalog.Config{Store: store.New(d), Dir: filepath.Join(dir, "packages"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, _, err = c.Push(background, "example", io.TeeReader(os.Stdin, os.Stdout))
	return err
}

// A broker is killed with SIGKILL in the middle of an upload, at many places. What
// it has staged is gone with the next start, and the same upload then succeeds.
func TestAKilledUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	good := ova(t)
	dir := t.TempDir()
	for at := 512; at < len(good)-2048; at += len(good) / 6 {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), pushInto+"="+dir)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = in.Write(good[:at])
		require.NoError(t, err)
		_, err = io.CopyN(io.Discard, out, int64(at)) // it has read them
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())

		d, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "store.db"))
		require.NoError(t, err)
		openShelf(t, filepath.Join(dir, "packages"), d).requireEmpty(t)
		require.NoError(t, d.Close())
	}
	d, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "store.db"))
	require.NoError(t, err)
	defer d.Close()
	s := openShelf(t, filepath.Join(dir, "packages"), d)
	s.push(t, "example", good)
	s.requireSound(t)
}
