package catalog_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// pushInto names a folder into which this binary, started again by a test,
// pushes what comes in on its standard input. At the write to the store that
// stopAt numbers, or after the push when it is "end", it says so on its third
// file and waits to be killed.
const (
	pushInto = "BUMPWIRE_TEST_PUSH_INTO"
	stopAt   = "BUMPWIRE_TEST_STOP_AT"
	tellPeak = "BUMPWIRE_TEST_TELL_PEAK" // how much memory it took is its output then
)

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
	stop := os.Getenv(stopAt)
	driver := storetest.NewFaulty(d, func(op storetest.Op) storetest.Outcome {
		if op.Write && fmt.Sprint(op.N) == stop {
			stopped()
		}
		return storetest.Works
	})
	c, err := catalog.New(catalog.Config{Store: store.New(driver), Dir: filepath.Join(dir, "packages"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if os.Getenv(tellPeak) != "" {
		return pushAndTell(c)
	}
	_, _, err = c.Push(background, "example", io.TeeReader(os.Stdin, os.Stdout))
	if err == nil && stop == "end" {
		stopped()
	}
	return err
}

func pushAndTell(c *catalog.Catalog) error {
	if _, _, err := c.Push(background, "example", os.Stdin); err != nil {
		return err
	}
	mib, err := peak()
	fmt.Println(mib)
	return err
}

// stopped never returns.
func stopped() {
	fmt.Fprint(os.NewFile(3, "parent"), "!")
	for {
		time.Sleep(time.Hour)
	}
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

// killedAt pushes in a process of its own and kills it with SIGKILL where stop
// says. It reports false when the push ended before.
func killedAt(t *testing.T, dir, stop string, ova []byte) bool {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	reached, child, err := os.Pipe()
	require.NoError(t, err)
	defer reached.Close()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), pushInto+"="+dir, stopAt+"="+stop)
	cmd.Stdin = bytes.NewReader(ova)
	cmd.ExtraFiles = []*os.File{child}
	require.NoError(t, cmd.Start())
	require.NoError(t, child.Close())
	_, err = reached.Read(make([]byte, 1)) // or its end
	if err != nil {
		require.NoError(t, cmd.Wait())
		return false
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	return true
}

// restarted is the broker that comes after one that was killed.
func restarted(t *testing.T, dir string, check func(shelf)) {
	t.Helper()
	d, err := sqlitestore.Open(t.Context(), filepath.Join(dir, "store.db"))
	require.NoError(t, err)
	defer d.Close()
	check(openShelf(t, filepath.Join(dir, "packages"), d))
}
