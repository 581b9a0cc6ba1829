package ovf_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/ovf"
)

func sha256Line(f raw) string {
	return fmt.Sprintf("SHA256(%s)= %x\n", f.name, sha256.Sum256([]byte(f.data)))
}

func manifestOf(lines ...string) raw { return raw{name: "p.mf", data: strings.Join(lines, "")} }

func TestTheManifestIsVerifiedWhereverItStands(t *testing.T) {
	t.Parallel()
	manifest := manifestOf(sha256Line(descriptor), sha256Line(diskFile))
	for name, data := range map[string][]byte{
		"before the disk": archive(descriptor, manifest, diskFile),
		"at the end":      archive(descriptor, diskFile, manifest),
		"first of all":    archive(manifest, descriptor, diskFile),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg, _, err := ingest(t, data, ovf.Options{})
			require.NoError(t, err)
			require.Equal(t, ovf.ManifestVerified, pkg.Verification.Manifest)
			require.Equal(t, ovf.Unsigned, pkg.Verification.Signature)
			m, _ := pkg.Member("disk.img")
			require.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(diskFile.data))), m.SHA256)
		})
	}
}

func TestManifestDialects(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(diskFile.data))
	sum1 := sha1.Sum([]byte(diskFile.data))
	sum512 := sha512.Sum512([]byte(diskFile.data))
	own := sha256Line(descriptor)
	for _, c := range []struct {
		name, manifest string
		state          ovf.ManifestState
		code           ovf.Code // of a finding that must be there; "" for none
		refused        bool
	}{
		{"BSD style", own + fmt.Sprintf("SHA256 (disk.img) = %x\n", sum), ovf.ManifestVerified, "", false},
		{"capitals", own + fmt.Sprintf("SHA256(disk.img)= %X\n", sum), ovf.ManifestVerified, "", false},
		{"small algorithm", own + fmt.Sprintf("sha256(disk.img)= %x\n", sum), ovf.ManifestVerified, "", false},
		{"SHA2-256", own + fmt.Sprintf("SHA2-256(disk.img)= %x\n", sum), ovf.ManifestVerified, "", false},
		{"SHA-512", own + fmt.Sprintf("SHA512(disk.img)= %x\n", sum512), ovf.ManifestVerified, "", false},
		{"SHA-1", own + fmt.Sprintf("SHA1(disk.img)= %x\n", sum1), ovf.ManifestVerified, ovf.CodeWeakDigest, false},
		{"CRLF and blank lines", "\r\n" + own + fmt.Sprintf("SHA256(disk.img)= %x\r\n\r\n", sum), ovf.ManifestVerified, "", false},
		{"byte order mark", "\xef\xbb\xbf" + own + sha256Line(diskFile), ovf.ManifestVerified, "", false},
		{"leading ./", own + fmt.Sprintf("SHA256(./disk.img)= %x\n", sum), ovf.ManifestVerified, "", false},
		{"a line twice", own + sha256Line(diskFile) + sha256Line(diskFile), ovf.ManifestVerified, ovf.CodeManifestDuplicate, false},
		{"itself", own + sha256Line(diskFile) + fmt.Sprintf("SHA256(p.mf)= %x\n", sum), ovf.ManifestVerified, ovf.CodeManifestSelf, false},
		{"a file without a line", own, ovf.ManifestPartial, ovf.CodeManifestUnlisted, false},
		{"the descriptor without a line", sha256Line(diskFile), ovf.ManifestPartial, ovf.CodeManifestUnlisted, true},
		{"empty", "", ovf.ManifestPartial, ovf.CodeManifestUnlisted, true},
		{"wrong digest", own + fmt.Sprintf("SHA256(disk.img)= %064x\n", 1), ovf.ManifestFailed, ovf.CodeManifestMismatch, true},
		{"wrong SHA-1 beside a right SHA-256", own + sha256Line(diskFile) + fmt.Sprintf("SHA1(disk.img)= %040x\n", 1), ovf.ManifestFailed, ovf.CodeManifestMismatch, true},
		{"two digests of one file", own + sha256Line(diskFile) + fmt.Sprintf("SHA256(disk.img)= %064x\n", 1), ovf.ManifestFailed, ovf.CodeManifestDuplicate, true},
		{"a file that is not there", own + sha256Line(diskFile) + fmt.Sprintf("SHA256(gone.img)= %x\n", sum), ovf.ManifestFailed, ovf.CodeManifestMissing, true},
		{"MD5", own + "MD5(disk.img)= 00112233445566778899aabbccddeeff\n", ovf.ManifestFailed, ovf.CodeManifestSyntax, true},
		{"no digest", own + "SHA256(disk.img)= \n", ovf.ManifestFailed, ovf.CodeManifestSyntax, true},
		{"short digest", own + "SHA256(disk.img)= 0011\n", ovf.ManifestFailed, ovf.CodeManifestSyntax, true},
		{"odd digits", own + "SHA256(disk.img)= 001\n", ovf.ManifestFailed, ovf.CodeManifestSyntax, true},
		{"no line at all", own + "hello\n" + sha256Line(diskFile), ovf.ManifestFailed, ovf.CodeManifestSyntax, true},
		{"climbing name", own + fmt.Sprintf("SHA256(../disk.img)= %x\n", sum), ovf.ManifestFailed, ovf.CodeManifestSyntax, true},
		{"an address", own + fmt.Sprintf("SHA256(http://x/disk.img)= %x\n", sum), ovf.ManifestFailed, ovf.CodeManifestSyntax, true},
	} {
		for place, data := range map[string][]byte{
			"before": archive(descriptor, manifestOf(c.manifest), diskFile),
			"after":  archive(descriptor, diskFile, manifestOf(c.manifest)),
		} {
			t.Run(c.name+" "+place, func(t *testing.T) {
				t.Parallel()
				pkg, _, err := ingest(t, data, ovf.Options{})
				require.Equal(t, c.refused, err != nil, pkg.Findings.String())
				require.Equal(t, c.state, pkg.Verification.Manifest)
				if c.code == "" {
					require.Empty(t, pkg.Findings)
					return
				}
				require.Contains(t, codes(pkg.Findings), c.code, pkg.Findings.String())
			})
		}
	}
}

func codes(findings ovf.Findings) []ovf.Code {
	var list []ovf.Code
	for _, f := range findings {
		list = append(list, f.Code)
	}
	return list
}

func TestNamesInManifestsMayHoldBracketsAndSpaces(t *testing.T) {
	t.Parallel()
	odd := raw{name: "disk (1) of 2.img", data: diskFile.data}
	plain := raw{name: "p.ovf", data: strings.Replace(oneDisk, "disk.img", "disk%20(1)%20of%202.img", 1)}
	pkg, _, err := ingest(t, archive(plain, manifestOf(sha256Line(plain), sha256Line(odd)), odd), ovf.Options{})
	require.NoError(t, err)
	require.Equal(t, ovf.ManifestVerified, pkg.Verification.Manifest)
	require.Equal(t, odd.name, pkg.Plans()[0].Systems[0].Disks[0].Member)
}

func TestAnHrefMeansTheNameAsWrittenFirst(t *testing.T) {
	t.Parallel()
	plain := raw{name: "p.ovf", data: strings.Replace(oneDisk, "disk.img", "disk%20.img", 1)}
	pkg, _, err := ingest(t, archive(plain, raw{name: "disk%20.img", data: diskFile.data}), ovf.Options{})
	require.NoError(t, err)
	require.Equal(t, "disk%20.img", pkg.Plans()[0].Systems[0].Disks[0].Member)
	// A glob is a name like any other.
	plain.data = strings.Replace(oneDisk, "disk.img", "*.img", 1)
	_, _, err = ingest(t, archive(plain, diskFile), ovf.Options{})
	require.ErrorContains(t, err, "not in the package")
}

func TestSizesMustBeWhatReferencesSays(t *testing.T) {
	t.Parallel()
	for size, valid := range map[int]bool{len(diskFile.data): true, 0: true, 1: false, len(diskFile.data) + 1: false} {
		plain := raw{name: "p.ovf", data: strings.Replace(oneDisk, `"disk.img"`, fmt.Sprintf(`"disk.img" ovf:size="%d"`, size), 1)}
		pkg, _, err := ingest(t, archive(plain, diskFile), ovf.Options{})
		require.Equal(t, valid, err == nil, pkg.Findings.String())
	}
}

func TestFilesInPiecesAreWhole(t *testing.T) {
	t.Parallel()
	plain := raw{name: "p.ovf", data: strings.Replace(oneDisk, `"disk.img"`, `"disk.img" ovf:size="25" ovf:chunkSize="10"`, 1)}
	piece := func(n, size int) raw {
		return raw{name: fmt.Sprintf("disk.img.%09d", n), data: strings.Repeat("x", size)}
	}
	for name, c := range map[string]struct {
		pieces []raw
		valid  bool
	}{
		"all there":    {[]raw{piece(0, 10), piece(1, 10), piece(2, 5)}, true},
		"none there":   {nil, false},
		"first gone":   {[]raw{piece(1, 10), piece(2, 5)}, false},
		"gap":          {[]raw{piece(0, 10), piece(2, 5)}, false},
		"last gone":    {[]raw{piece(0, 10), piece(1, 10)}, false},
		"one too many": {[]raw{piece(0, 10), piece(1, 10), piece(2, 5), piece(3, 1)}, false},
		"too long":     {[]raw{piece(0, 10), piece(1, 15)}, false},
		"too short":    {[]raw{piece(0, 5), piece(1, 10), piece(2, 10)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg, _, err := ingest(t, archive(append([]raw{plain}, c.pieces...)...), ovf.Options{})
			require.Equal(t, c.valid, err == nil, pkg.Findings.String())
		})
	}
}

// A stream that is cut at any byte leaves nothing, unless only the end marker
// is gone.
func TestACutStreamLeavesNothing(t *testing.T) {
	t.Parallel()
	data := archive(descriptor, diskFile, manifestOf(sha256Line(descriptor), sha256Line(diskFile)))
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, len(data)-1025).Draw(rt, "bytes")
		pkg, sink, err := ingest(t, data[:n], ovf.Options{})
		if err == nil {
			// Cut between two members the archive is whole for all one can see.
			require.Contains(rt, codes(pkg.Findings), ovf.CodeNoEndMarker)
			require.Equal(rt, diskFile.data, sink.files["disk.img"].String())
		}
	})
}

// Any single byte that is changed in a file which the manifest covers is noticed.
func TestAChangedByteIsNoticed(t *testing.T) {
	t.Parallel()
	data := archive(descriptor, manifestOf(sha256Line(descriptor), sha256Line(diskFile)), diskFile)
	start := bytes.Index(data, []byte(diskFile.data))
	rapid.Check(t, func(rt *rapid.T) {
		changed := bytes.Clone(data)
		changed[start+rapid.IntRange(0, len(diskFile.data)-1).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
		_, _, err := ingest(t, changed, ovf.Options{})
		require.ErrorContains(rt, err, `"disk.img"`)
		require.ErrorContains(rt, err, "p.mf:2:1")
	})
}

func TestAFailingSinkLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"create", "write", "close", "commit"} {
		sink := newSink()
		sink.failAt = at
		pkg, err := ovf.Ingest(t.Context(), bytes.NewReader(archive(descriptor, diskFile)), sink, ovf.Options{})
		require.ErrorIs(t, err, errSink, at)
		require.Nil(t, pkg)
		require.Equal(t, 1, sink.aborted)
	}
}

func TestAFailingStreamIsNotAFinding(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	data := archive(descriptor, diskFile)
	for _, n := range []int{0, 100, 600, 3000} {
		sink := newSink()
		_, err := ovf.Ingest(t.Context(), io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken)), sink, ovf.Options{})
		require.ErrorIs(t, err, broken)
		require.Equal(t, 1, sink.aborted)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sink := newSink()
	_, err := ovf.Ingest(ctx, bytes.NewReader(data), sink, ovf.Options{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, sink.aborted)
}

// A folder, its OVA and its descriptor alone are one package with one digest.
func TestFolderArchiveAndDescriptorAgree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, f := range []raw{descriptor, diskFile, manifestOf(sha256Line(descriptor), sha256Line(diskFile)), {name: "notes.txt", data: "x"}} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.name), []byte(f.data), 0o600))
	}
	ova := filepath.Join(t.TempDir(), "p.ova")
	require.NoError(t, os.WriteFile(ova, archive(descriptor, diskFile), 0o600))
	var digests []string
	for _, path := range []string{dir, filepath.Join(dir, "p.ovf"), ova} {
		pkg, err := ovf.Open(t.Context(), path, ovf.Options{})
		require.NoError(t, err)
		require.True(t, pkg.Valid(), pkg.Findings.String())
		digests = append(digests, pkg.Digest)
	}
	require.Equal(t, []string{digests[0], digests[0], digests[0]}, digests)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "disk.img"), []byte("changed"), 0o600))
	for _, path := range []string{dir, filepath.Join(dir, "p.ovf")} {
		pkg, err := ovf.Open(t.Context(), path, ovf.Options{})
		require.NoError(t, err)
		require.Contains(t, codes(pkg.Findings.Errors()), ovf.CodeManifestMismatch)
	}
}

// Each finding says which file it is about: the member, or the container.
func TestFindingsNameTheirFile(t *testing.T) {
	t.Parallel()
	cut := archive(descriptor, diskFile)[:len(descriptor.bytes())+1000]
	for want, data := range map[string][]byte{
		"disk.img: error truncated: the archive is cut off":                                              cut,
		"x.ova: error truncated: the archive is cut off":                                                 cut[:len(descriptor.bytes())+100],
		"x.ova: error container: this is a zip archive, not a tar archive":                               []byte("PK\x03\x04" + strings.Repeat("x", 600)),
		"x.ova: error descriptor-count: the package has no descriptor (.ovf)":                            archive(diskFile),
		`x.ova: error member-type: member "link" is a symbolic link; a package holds only regular files`: archive(raw{name: "link", kind: '2'}),
	} {
		path := filepath.Join(t.TempDir(), "x.ova")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		pkg, err := ovf.Open(t.Context(), path, ovf.Options{})
		require.NoError(t, err)
		require.Equal(t, want, pkg.Findings.Errors().String())
		_, _, err = ingest(t, data, ovf.Options{Name: "x.ova"})
		require.ErrorContains(t, err, want)
	}
}

func TestAFolderCannotReachOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.ovf"), []byte(oneDisk), 0o600))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(dir, "disk.img")))
	pkg, err := ovf.Open(t.Context(), dir, ovf.Options{})
	require.NoError(t, err)
	require.Contains(t, codes(pkg.Findings.Errors()), ovf.CodeMemberType)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "q.ovf"), []byte(oneDisk), 0o600))
	pkg, err = ovf.Open(t.Context(), dir, ovf.Options{})
	require.NoError(t, err)
	require.Equal(t, []ovf.Code{ovf.CodeDescriptorCount}, codes(pkg.Findings))

	_, err = ovf.Open(t.Context(), filepath.Join(dir, "nothing"), ovf.Options{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// Memory does not grow with the size of a disk. Not parallel: it measures.
func TestIngestUsesConstantMemory(t *testing.T) {
	const size = 256 << 20
	header := diskFile.as(func(h []byte) { copy(h[124:], fmt.Sprintf("%011o\x00", size)) })
	start := append(descriptor.bytes(), header.bytes()[:512]...)
	stream := io.MultiReader(bytes.NewReader(start), io.LimitReader(zeros{}, size+1024))
	sink := &discardSink{}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := ovf.Ingest(t.Context(), stream, sink, ovf.Options{})
	runtime.ReadMemStats(&after)
	require.ErrorContains(t, err, "capacity", "the disk is larger than it claims")
	require.EqualValues(t, size, sink.written-int64(len(oneDisk)))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type discardSink struct{ written int64 }

func (s *discardSink) Create(string, int64) (io.WriteCloser, error) { return s, nil }
func (s *discardSink) Write(p []byte) (int, error)                  { s.written += int64(len(p)); return len(p), nil }
func (s *discardSink) Close() error                                 { return nil }
func (s *discardSink) Commit(*ovf.Package) error                    { return nil }
func (s *discardSink) Abort() error                                 { return nil }
