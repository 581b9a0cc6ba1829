package catalog_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchSize is how many bytes the disk of the pushed package has:
// BUMPWIRE_BENCH_OVA_MIB, 256 unless told.
func benchSize(b *testing.B) int64 {
	text := os.Getenv("BUMPWIRE_BENCH_OVA_MIB")
	if text == "" {
		return 256 << 20
	}
	mib, err := strconv.ParseInt(text, 10, 32)
	require.NoError(b, err)
	return mib << 20
}

// peak is the most memory that this process has had resident, in MiB; 0 where the
// system does not say.
func peak() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")))
			return float64(n) / 1024
		}
	}
	return 0
}

// noise is bytes that neither a file system nor a hash can make short work of,
// made as fast as they are read.
type noise struct{ at int64 }

var pattern = func() []byte {
	random := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random) // never fails
	return random
}()

func (n *noise) Read(p []byte) (int, error) {
	read := copy(p, pattern[n.at%int64(len(pattern)):])
	n.at += int64(read)
	return read, nil
}

// bigOVA writes the example with a payload of that size to a file and returns its
// path. The manifest stands before the payload, as OVF has it.
func bigOVA(b testing.TB, size int64) string {
	b.Helper()
	sum := sha256.New()
	_, err := io.CopyN(sum, &noise{}, size)
	require.NoError(b, err)
	descriptor := untar(b, ova(b))["example.ovf"]
	manifest := fmt.Sprintf("SHA256(example.ovf)= %x\nSHA256(payload.bin)= %s\n", sha256.Sum256([]byte(descriptor)), hexOf(sum))
	path := filepath.Join(b.TempDir(), "example.ova")
	f, err := os.Create(path)
	require.NoError(b, err)
	w := tar.NewWriter(f)
	for _, m := range []struct {
		name string
		size int64
		from io.Reader
	}{
		{"example.ovf", int64(len(descriptor)), bytes.NewReader([]byte(descriptor))},
		{"example.mf", int64(len(manifest)), bytes.NewReader([]byte(manifest))},
		{"payload.bin", size, io.LimitReader(&noise{}, size)},
	} {
		require.NoError(b, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: m.name, Size: m.size, Mode: 0o644, Format: tar.FormatGNU}))
		_, err := io.Copy(w, m.from)
		require.NoError(b, err)
	}
	require.NoError(b, w.Close())
	require.NoError(b, f.Sync())
	require.NoError(b, f.Close())
	return path
}

func hexOf(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

// BenchmarkPush pushes one OVA, and beside it unpacks the same file with tar and
// flushes what came out: the least that any tool must do to have it on disk.
func BenchmarkPush(b *testing.B) {
	size := benchSize(b)
	path := bigOVA(b, size)
	b.Run("push", func(b *testing.B) {
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			s := newShelf(b)
			f, err := os.Open(path)
			require.NoError(b, err)
			b.StartTimer()
			_, _, err = s.Push(b.Context(), "example", f)
			b.StopTimer()
			require.NoError(b, err)
			f.Close()
			require.NoError(b, os.RemoveAll(s.dir))
			b.StartTimer()
		}
		b.ReportMetric(peak(), "peak-MiB")
	})
	b.Run("tar+fsync", func(b *testing.B) {
		unpack, err := exec.LookPath("tar")
		if err != nil {
			b.Skip("THERE IS NO tar HERE: nothing to compare with")
		}
		b.SetBytes(size)
		for b.Loop() {
			b.StopTimer()
			dir := b.TempDir()
			b.StartTimer()
			out, err := exec.CommandContext(b.Context(), unpack, "xf", path, "-C", dir).CombinedOutput()
			require.NoError(b, err, "%s", out)
			flushAll(b, dir)
			b.StopTimer()
			require.NoError(b, os.RemoveAll(dir))
			b.StartTimer()
		}
	})
}

func flushAll(b *testing.B, dir string) {
	b.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(b, err)
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		require.NoError(b, err)
		require.NoError(b, f.Sync())
		f.Close()
	}
}
