//go:build linux

package linux

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

func diskOf(content []byte, opened *atomic.Int32) cloud.Disk {
	sum := sha256.Sum256(content)
	return cloud.Disk{ID: "disk1", Format: "raw", Digest: "sha256:" + hex.EncodeToString(sum[:]),
		Open: func(context.Context) (io.ReadCloser, error) {
			opened.Add(1)
			return io.NopCloser(bytes.NewReader(content)), nil
		}}
}

func TestManyAppliancesOfAnImageFetchItOnce(t *testing.T) {
	t.Parallel()
	c := newImageCache(t.TempDir())
	var opened atomic.Int32
	content := bytes.Repeat([]byte("image"), 100_000)
	d := diskOf(content, &opened)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			path, err := c.fetch(t.Context(), d)
			if err != nil {
				t.Error(err)
				return
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(content, got) {
				t.Errorf("the image is not whole: %v", err)
			}
		})
	}
	all.Wait()
	require.Equal(t, int32(1), opened.Load())
}

func TestADamagedImageIsNotKept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*cloud.Disk)
		want   error
	}{
		"other bytes":             {func(d *cloud.Disk) { d.Digest = "sha256:" + strings.Repeat("a", 64) }, fault.Invalid},
		"no digest":               {func(d *cloud.Disk) { d.Digest = "" }, fault.Invalid},
		"a digest that is a path": {func(d *cloud.Disk) { d.Digest = "sha256:../../../../etc/passwd" }, fault.Invalid},
		"an unknown format":       {func(d *cloud.Disk) { d.Format = "qed" }, fault.Invalid},
		"a broken stream": {func(d *cloud.Disk) {
			d.Open = func(context.Context) (io.ReadCloser, error) {
				return io.NopCloser(io.MultiReader(strings.NewReader("imag"), brokenReader{})), nil
			}
		}, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var opened atomic.Int32
			d := diskOf([]byte("image"), &opened)
			test.change(&d)
			_, err := newImageCache(dir).fetch(t.Context(), d)
			require.ErrorIs(t, err, test.want)
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, files)
		})
	}
}

var errBroken = errors.New("the line broke")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestAWaitForAnImageEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := newImageCache(t.TempDir())
	var opened atomic.Int32
	d := diskOf([]byte("image"), &opened)
	release, err := c.claim(t.Context(), d.Digest)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.fetch(ctx, d)
	require.ErrorIs(t, err, context.Canceled)
	release()
	_, err = c.fetch(t.Context(), d)
	require.NoError(t, err)
}

func TestAFetchThatDiedIsClearedAwayByTheNext(t *testing.T) {
	t.Parallel()
	c := newImageCache(t.TempDir())
	left := filepath.Join(c.dir, ".new-1")
	require.NoError(t, os.WriteFile(left, []byte("ima"), 0o600))
	var opened atomic.Int32
	d := diskOf([]byte("image"), &opened)
	open := d.Open
	var other string
	d.Open = func(ctx context.Context) (io.ReadCloser, error) { // another fetch is under way
		in, err := open(ctx)
		return struct {
			io.Reader
			io.Closer
		}{io.MultiReader(in, readerFunc(func() {
			files, err := filepath.Glob(filepath.Join(c.dir, unfinished))
			require.NoError(t, err)
			require.Len(t, files, 1)
			other = files[0]
			c.removeStale()
		})), in}, err
	}
	path, err := c.fetch(t.Context(), d)
	require.NoError(t, err)
	require.NotEmpty(t, other)
	require.NotEqual(t, left, other)
	require.NoFileExists(t, left)
	require.FileExists(t, path)
}

// readerFunc is an empty reader that does something first.
type readerFunc func()

func (f readerFunc) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// An image that names another file would be opened with the broker's rights.
func TestImagesThatNameOtherFilesAreRefused(t *testing.T) {
	t.Parallel()
	vmdk := func(capacity uint64) []byte {
		return append([]byte("KDMV\x01\x00\x00\x00\x00\x00\x00\x00"), binary.LittleEndian.AppendUint64(nil, capacity)...)
	}
	qcow2 := func(version uint32, backing, incompatible uint64) []byte {
		head := make([]byte, 104)
		copy(head, "QFI\xfb")
		binary.BigEndian.PutUint32(head[4:], version)
		binary.BigEndian.PutUint64(head[8:], backing)
		binary.BigEndian.PutUint64(head[72:], incompatible)
		return head
	}
	for name, test := range map[string]struct {
		format string
		head   []byte
		fine   bool
	}{
		"a sparse VMDK":                      {"vmdk", vmdk(65536), true},
		"a VMDK descriptor":                  {"vmdk", []byte("# Disk DescriptorFile\nRW 1 FLAT \"/etc/shadow\" 0\n"), false},
		"a sparse VMDK that is a descriptor": {"vmdk", vmdk(0), false},
		"a qcow2":                            {"qcow2", qcow2(3, 0, 0), true},
		"an old qcow2":                       {"qcow2", qcow2(2, 0, 0xff), true},
		"a qcow2 with a backing file":        {"qcow2", qcow2(3, 0x1000, 0), false},
		"a qcow2 with a data file":           {"qcow2", qcow2(3, 0, 4), false},
		"a raw image said to be qcow2":       {"qcow2", []byte("raw"), false},
		"a raw image":                        {"raw", qcow2(3, 0x1000, 0), true},
		"an empty VMDK":                      {"vmdk", nil, false},
		"an unknown format":                  {"qed", []byte("QED\x00"), false},
	} {
		err := selfContained(bytes.NewReader(test.head), cloud.Disk{ID: "disk1", Format: test.format})
		if test.fine {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, fault.Invalid, name)
		}
	}
}

func FuzzSelfContained(f *testing.F) {
	f.Add("vmdk", []byte("KDMV"))
	f.Add("qcow2", []byte("QFI\xfb\x00\x00\x00\x03"))
	f.Fuzz(func(t *testing.T, format string, head []byte) {
		err := selfContained(bytes.NewReader(head), cloud.Disk{ID: "d", Format: format})
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
		}
	})
}
