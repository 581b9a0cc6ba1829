package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// A store that vanishes: requests are answered 503 with a sentence and when to come
// again, and once it is back the same process goes on with what it had
// accepted.
func TestAStoreThatVanishes(t *testing.T) {
	t.Parallel()
	t.Run("mongodb", func(t *testing.T) {
		t.Parallel()
		if os.Getenv("BUMPWIRE_TEST_MONGODB") != "" {
			t.Skip("a server that is not this test's own is not stopped")
		}
		server := storetest.NewServer(t)
		b := newBrokers(t, 1, server.URI, "BUMPWIRE_CLOUD_BOOT_TIME=1s")
		b.requireRecovery("the MongoDB server of the store does not answer", server.Stop, func() { server.Start(t) })
	})
	t.Run("sqlite file", func(t *testing.T) {
		t.Parallel()
		b := newBrokers(t, 1, "", "BUMPWIRE_CLOUD_BOOT_TIME=1s")
		path := filepath.Join(b.dir, "data", "bumpwire.db")
		b.requireRecovery("the store's file is not where it was",
			func() { require.NoError(t, os.Rename(path, path+".away")) },
			func() { require.NoError(t, os.Rename(path+".away", path)) })
	})
	t.Run("full disk", func(t *testing.T) {
		t.Parallel()
		disk := smallDisk(t)
		b := newBrokers(t, 1, "sqlite:"+filepath.Join(disk, "store.db"), "BUMPWIRE_CLOUD_BOOT_TIME=1s")
		ballast := filepath.Join(disk, "ballast")
		b.requireRecovery("there is no space left on the disk of the store",
			func() { fill(t, ballast) },
			func() { require.NoError(t, os.Remove(ballast)) })
	})
	t.Run("read-only folder", func(t *testing.T) {
		t.Parallel()
		b := newBrokers(t, 1, "", "BUMPWIRE_CLOUD_BOOT_TIME=1s")
		data := filepath.Join(b.dir, "data")
		t.Cleanup(func() { writable(t, data, true) })
		b.requireRecovery("the store cannot be written: its file or folder is read-only",
			func() { writable(t, data, false) },
			func() { writable(t, data, true) })
	})
}

// A data folder that cannot be written is told before anything is served.
func TestAReadOnlyDataFolderAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBrokers(t, 1, "")
	b.stop()
	data := filepath.Join(b.dir, "data")
	t.Cleanup(func() { writable(t, data, true) })
	writable(t, data, false)
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), filepath.Join(b.dir, "bumpwire"), "serve", "--data", data, "--listen", "127.0.0.1:0", "--cloud", "sim")
	cmd.Stderr = &said
	out, err := cmd.Output()
	require.Error(t, err)
	require.Equal(t, fault.Exit(fault.Unavailable), cmd.ProcessState.ExitCode(), said.String())
	require.Contains(t, said.String(), data)
	require.NotContains(t, string(out), "serves on")
}

const immutable = 0x10 // FS_IMMUTABLE_FL of linux/fs.h

// writable makes a folder and the files in it immutable or not. Permissions would not bind root.
func writable(t *testing.T, dir string, yes bool) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range append([]string{""}, names(files)...) {
		in, err := os.Open(filepath.Join(dir, f))
		require.NoError(t, err)
		defer in.Close()
		flags, err := unix.IoctlGetInt(int(in.Fd()), unix.FS_IOC_GETFLAGS)
		if err == nil {
			flags = flags &^ immutable
			if !yes {
				flags |= immutable
			}
			err = unix.IoctlSetPointerInt(int(in.Fd()), unix.FS_IOC_SETFLAGS, flags)
		}
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
			t.Skipf("NOT TESTED: a read-only data folder; only root can make one, on a file system that has immutable files: %v", err)
		}
		require.NoError(t, err)
	}
}

// names are those of files alone.
func names(entries []os.DirEntry) []string {
	var all []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			all = append(all, e.Name())
		}
	}
	return all
}

// smallDisk is a file system of its own.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: a full disk; only root can mount a small one")
	}
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("bumpwire-test", dir, "tmpfs", 0, "size=24m"))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// fill leaves nothing free on the disk of a file.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}

// awayFor is how long the store is away, unless BUMPWIRE_AWAY says.
func awayFor(t testing.TB) time.Duration {
	text := os.Getenv("BUMPWIRE_AWAY")
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	require.NoError(t, err)
	return d
}

func (b *brokers) requireRecovery(sentence string, away, back func()) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Minute)
	defer cancel()
	b.furnish(2)
	made, err := b.osb().Provision(ctx, "under-way", b.order(0))
	require.NoError(b.t, err)
	away()
	for until := time.Now().Add(awayFor(b.t)); time.Now().Before(until); {
		b.requireRefused(ctx, http.MethodPut, "/v2/service_instances/refused?accepts_incomplete=true", sentence)
	}
	back()
	require.NoError(b.t, b.follow(ctx, "under-way", made.Operation))
	made, err = insist(ctx, func() (api.OSBAccepted, error) { return b.osb().Provision(ctx, "after", b.order(1)) })
	require.NoError(b.t, err)
	require.NoError(b.t, b.follow(ctx, "after", made.Operation))
	require.Empty(b.t, b.check(b.store))
}

// requireRefused: 503, when to come again, and why.
func (b *brokers) requireRefused(ctx context.Context, method, path, sentence string) {
	b.t.Helper()
	order := b.order(1)
	body := fmt.Sprintf(`{"service_id":%q,"plan_id":%q,"organization_guid":"org-1","space_guid":"s","parameters":{"networks":["lan"]}}`, order.ServiceID, order.PlanID)
	r, err := http.NewRequestWithContext(ctx, method, b.any()+path, strings.NewReader(body))
	require.NoError(b.t, err)
	r.SetBasicAuth("cf", "cf-password")
	r.Header.Set(api.HeaderVersion, api.Version)
	res, err := http.DefaultClient.Do(r)
	require.NoError(b.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(b.t, err)
	require.Equal(b.t, http.StatusServiceUnavailable, res.StatusCode, "%s", text)
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	require.NoError(b.t, err)
	require.Positive(b.t, seconds)
	require.Contains(b.t, string(text), sentence)
}
