//go:build linux

package linux

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
		"a raw image":                        {"raw", []byte("\xeb\x63\x90"), true},
		"a raw image that begins as qcow2":   {"raw", qcow2(3, 0, 0), false},
		"a VHD":                              {"vhd", []byte("conectix"), true},
		"a VHD that is all disk":             {"vhd", []byte("\xeb\x63\x90"), true},
		"a VHDX":                             {"vhdx", []byte("vhdxfile"), true},
		"a raw image said to be VDI":         {"vdi", []byte("raw"), false},
		"a VMDK with a parent in a comment":  {"vmdk", append(append(vmdk(65536), make([]byte, 600)...), "#parentFileNameHint=\"/etc/shadow\""...), false},
		"an empty VMDK":                      {"vmdk", nil, false},
		"an unknown format":                  {"qed", []byte("QED\x00"), false},
	} {
		err := cloud.SelfContained(bytes.NewReader(test.head), cloud.Disk{ID: "disk1", Format: test.format})
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
		err := cloud.SelfContained(bytes.NewReader(head), cloud.Disk{ID: "d", Format: format})
		if err != nil {
			require.ErrorIs(t, err, fault.Invalid)
		}
	})
}

// An image of zeros, which a package may hold in next to nothing, takes nothing.
func TestImagesAreKeptSparse(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	content := make([]byte, 32<<20)
	copy(content[20<<20+5:], "in the middle")
	path, err := newImageCache(t.TempDir()).fetch(t.Context(), diskOf(content, &opened))
	require.NoError(t, err)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Sys().(*syscall.Stat_t).Blocks*512, int64(1<<20))
}

// Whatever the package calls the format, QEMU is told its own name for it, and a
// disk is as large as the package says, if its image is not larger.
func TestAnOverlayIsMadeOverEveryFormat(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath(imageBinary); err != nil {
		if os.Getenv("BUMPWIRE_REQUIRE_LINUX") == "1" {
			t.Fatal(err)
		}
		t.Skip("NOT TESTED: ", err)
	}
	q := &qemu{images: newImageCache(t.TempDir())}
	for format, options := range map[string]string{
		"raw": "", "qcow2": "", "vmdk": "subformat=streamOptimized", "vdi": "", "vhd": "force_size=on", "vhdx": "",
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			plain, image := filepath.Join(dir, "plain"), filepath.Join(dir, "image")
			content := make([]byte, 4<<20)
			copy(content[1<<20:], "something")
			require.NoError(t, os.WriteFile(plain, content, 0o600))
			args := []string{"convert", "-f", "raw", "-O", qemuFormat(format), plain, image}
			if options != "" {
				args = append([]string{"convert", "-o", options}, args[1:]...)
			}
			out, err := exec.CommandContext(t.Context(), imageBinary, args...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			data, err := os.ReadFile(image)
			require.NoError(t, err)
			for capacity, want := range map[int64]int64{1 << 20: 4 << 20, 4 << 20: 4 << 20, 64 << 20: 64 << 20} {
				var opened atomic.Int32
				d := diskOf(data, &opened)
				d.Format, d.CapacityBytes = format, capacity
				drives, err := q.prepareDisks(t.Context(), t.TempDir(), []cloud.Disk{d})
				require.NoError(t, err)
				out, err := exec.CommandContext(t.Context(), imageBinary, "info", "--output=json", "-f", "qcow2", drives[0].overlay).Output()
				require.NoError(t, err)
				var info struct {
					Size   int64  `json:"virtual-size"`
					Format string `json:"backing-filename-format"`
				}
				require.NoError(t, json.Unmarshal(out, &info))
				require.Equal(t, want, info.Size)
				require.Equal(t, qemuFormat(format), info.Format)
			}
		})
	}
}
