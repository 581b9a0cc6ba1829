package catalog_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// benchSize is how many bytes the disk of a pushed package has, from an
// environment variable that says how many units.
func benchSize(b *testing.B, variable string, standard, unit int64) int64 {
	text := os.Getenv(variable)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseInt(text, 10, 32)
	require.NoError(b, err)
	return n * unit
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

// withDisk is the example's descriptor with a disk of that capacity in that file.
func withDisk(b testing.TB, file string, capacity int64) string {
	b.Helper()
	return untar(b, ova(b,
		`ovf:href="payload.bin"`, `ovf:href="`+file+`"`,
		"<NetworkSection>", fmt.Sprintf(`<DiskSection><Info>Disks</Info><Disk ovf:diskId="d" ovf:fileRef="payload" ovf:capacity="%d"/></DiskSection><NetworkSection>`, capacity),
		"<Item><rasd:Connection>management", `<Item><rasd:ElementName>disk</rasd:ElementName><rasd:HostResource>ovf:/disk/d</rasd:HostResource><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>17</rasd:ResourceType></Item><Item><rasd:Connection>management`,
	))["example.ovf"]
}

// bigOVA writes the example with that file to a new OVA and returns its path. The
// manifest stands before the file, as OVF has it. hole leaves the file's bytes,
// which are zeros then, out of the OVA on disk.
func bigOVA(b testing.TB, descriptor, file string, size int64, content func() io.Reader, hole bool) string {
	b.Helper()
	sum := sha256.New()
	_, err := io.CopyN(sum, content(), size)
	require.NoError(b, err)
	manifest := fmt.Sprintf("SHA256(example.ovf)= %x\nSHA256(%s)= %s\n", sha256.Sum256([]byte(descriptor)), file, hexOf(sum))
	path := filepath.Join(b.TempDir(), "example.ova")
	f, err := os.Create(path)
	require.NoError(b, err)
	w := tar.NewWriter(f)
	for _, m := range []struct {
		name string
		size int64
		from io.Reader
	}{
		{"example.ovf", int64(len(descriptor)), strings.NewReader(descriptor)},
		{"example.mf", int64(len(manifest)), strings.NewReader(manifest)},
		{file, size, content()},
	} {
		require.NoError(b, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: m.name, Size: m.size, Mode: 0o644, Format: tar.FormatGNU}))
		if m.name == file && hole {
			at, err := f.Seek(0, io.SeekCurrent)
			require.NoError(b, err)
			require.Zero(b, size%512)
			require.NoError(b, f.Truncate(at+size+1024))
			break
		}
		_, err := io.CopyN(w, m.from, m.size)
		require.NoError(b, err)
	}
	if !hole {
		require.NoError(b, w.Close())
	}
	require.NoError(b, f.Sync())
	require.NoError(b, f.Close())
	return path
}

func hexOf(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)) }

// vmdkOVA is an OVA with a stream-optimized VMDK whose grains do not compress.
func vmdkOVA(b testing.TB, size int64) string {
	b.Helper()
	grains := size/grainBytes - 1
	size = (grains + 1) * grainBytes // the header takes as much as a grain
	content := func() io.Reader { return io.MultiReader(bytes.NewReader(vmdkHead(grains)), &vmdkGrains{}) }
	return bigOVA(b, withDisk(b, "disk.vmdk", grains*grainBytes), "disk.vmdk", size, content, false)
}

const (
	sector       = 512
	grainSectors = 128
	grainBytes   = grainSectors * sector
)

// vmdkHead is a header with its descriptor (Virtual Disk Format 5.0), 128 sectors
// long, of a disk with that many grains.
func vmdkHead(grains int64) []byte {
	head := make([]byte, grainBytes)
	copy(head, "KDMV")
	le := binary.LittleEndian
	le.PutUint32(head[4:], 3)                            // version
	le.PutUint32(head[8:], 3|1<<16|1<<17)                // newlines tested, redundant table, compressed, markers
	le.PutUint64(head[12:], uint64(grains*grainSectors)) // capacity
	le.PutUint64(head[20:], grainSectors)                // grain size
	le.PutUint64(head[28:], 1)                           // descriptor
	le.PutUint64(head[36:], 20)                          //   and its size
	le.PutUint32(head[44:], 512)                         // entries of a grain table
	le.PutUint64(head[56:], 21)                          // grain directory
	le.PutUint64(head[64:], grainSectors)                // overhead
	copy(head[73:], "\n \r\n\x01\x00")
	copy(head[sector:], fmt.Sprintf("# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"streamOptimized\"\n\nRW %d SPARSE \"disk.vmdk\"\n", grains*grainSectors))
	return head
}

// vmdkGrains are grains of noise, one after another: each a marker with the place
// and the length, then what looks like zlib by its first bytes.
type vmdkGrains struct {
	noise noise
	grain int64
	rest  []byte
}

func (v *vmdkGrains) Read(p []byte) (int, error) {
	if len(v.rest) == 0 {
		v.rest = make([]byte, grainBytes)
		_, _ = v.noise.Read(v.rest)
		binary.LittleEndian.PutUint64(v.rest, uint64(v.grain*grainSectors))
		binary.LittleEndian.PutUint32(v.rest[8:], grainBytes-12)
		copy(v.rest[12:], "\x78\x9c")
		v.grain++
	}
	n := copy(p, v.rest)
	v.rest = v.rest[n:]
	return n, nil
}

// BenchmarkPush pushes an OVA of BUMPWIRE_BENCH_OVA_MIB (256), and in turn unpacks
// the same file with tar and flushes what came out: the least that any tool must
// do to have it on disk. The ratio is of the medians.
func BenchmarkPush(b *testing.B) {
	unpack, err := exec.LookPath("tar")
	if err != nil {
		b.Skip("THERE IS NO tar HERE: nothing to compare with")
	}
	size := benchSize(b, "BUMPWIRE_BENCH_OVA_MIB", 256<<20, 1<<20)
	path := vmdkOVA(b, size)
	b.SetBytes(size)
	var ours, theirs []time.Duration
	for b.Loop() {
		ours = append(ours, pushOnce(b, path))
		b.StopTimer()
		theirs = append(theirs, untarOnce(b, unpack, path))
		b.StartTimer()
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	push, untar := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(push.Seconds(), "push-s")
	b.ReportMetric(untar.Seconds(), "tar+fsync-s")
	b.ReportMetric(push.Seconds()/untar.Seconds(), "ratio")
}

func pushOnce(b *testing.B, path string) time.Duration {
	b.Helper()
	b.StopTimer()
	s := newShelf(b)
	f, err := os.Open(path)
	require.NoError(b, err)
	defer f.Close()
	b.StartTimer()
	began := time.Now()
	p, _, err := s.Push(b.Context(), "example", f)
	took := time.Since(began)
	b.StopTimer()
	require.NoError(b, err)
	require.Equal(b, "vmdk", p.Files[2].Format)
	require.NoError(b, os.RemoveAll(s.dir))
	return took
}

func untarOnce(b *testing.B, unpack, path string) time.Duration {
	b.Helper()
	dir := b.TempDir()
	began := time.Now()
	out, err := exec.CommandContext(b.Context(), unpack, "xf", path, "-C", dir).CombinedOutput()
	require.NoError(b, err, "%s", out)
	flushAll(b, dir)
	took := time.Since(began)
	require.NoError(b, os.RemoveAll(dir))
	return took
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

// mostMemory is how many MiB a process that takes packages may have resident,
// whatever their size.
const mostMemory = 64

// BenchmarkPushMemory pushes in a process of its own that does nothing else, and
// reports the most memory that it has had resident. The sparse OVA of
// BUMPWIRE_BENCH_SPARSE_GIB (1) holds a raw disk of zeros, which take no room in
// the file nor where it is kept, but are read and hashed.
func BenchmarkPushMemory(b *testing.B) {
	size := benchSize(b, "BUMPWIRE_BENCH_OVA_MIB", 256<<20, 1<<20)
	sparse := benchSize(b, "BUMPWIRE_BENCH_SPARSE_GIB", 1<<30, 1<<30)
	for _, c := range []struct {
		name string
		size int64
		ova  func() string
	}{
		{"vmdk", size, func() string { return vmdkOVA(b, size) }},
		{"sparse", sparse, func() string {
			return bigOVA(b, withDisk(b, "disk.img", sparse), "disk.img", sparse, func() io.Reader { return zeroReader{} }, true)
		}},
	} {
		path := c.ova()
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(c.size)
			most := 0.0
			for b.Loop() {
				most = max(most, pushMemory(b, path))
			}
			b.ReportMetric(most, "VmHWM-MiB")
			require.Less(b, most, float64(mostMemory))
		})
		require.NoError(b, os.Remove(path))
	}
}

// pushMemory is the peak of a process that pushes that file, in MiB.
func pushMemory(t testing.TB, path string) float64 {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	dir := t.TempDir()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), self)
	cmd.Env, cmd.Stdin = append(os.Environ(), pushInto+"="+dir, tellPeak+"=1"), f
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(dir))
	mib, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	require.NoError(t, err)
	return mib
}

// peak is the most memory that this process has had resident, in MiB.
func peak() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")))
			return float64(n) / 1024, err
		}
	}
	return 0, fmt.Errorf("the system does not say how much memory a process has")
}
