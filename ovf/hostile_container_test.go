package ovf_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// everyReader lets each reader of ours look at an archive: in one piece, byte by
// byte, and as a file. They must agree. The verdict of the first is returned.
func everyReader(t *testing.T, data []byte, opts ovf.Options) (*ovf.Package, *memorySink, error) {
	t.Helper()
	opts.Name = "p.ova"
	pkg, sink, err := ingest(t, data, opts)
	bytewise := newSink()
	again, againErr := ovf.Ingest(t.Context(), iotest.OneByteReader(bytes.NewReader(data)), bytewise, opts)
	require.Equal(t, err, againErr)
	require.Equal(t, pkg.Findings, again.Findings)
	require.Equal(t, sink.files, bytewise.files)

	path := filepath.Join(t.TempDir(), "p.ova")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	opened, openErr := ovf.Open(t.Context(), path, opts)
	require.NoError(t, openErr)
	require.Equal(t, pkg.Valid(), opened.Valid())
	if err == nil {
		require.Equal(t, pkg.Findings, opened.Findings)
		require.Equal(t, pkg.Members, opened.Members)
		require.Equal(t, pkg.Digest, opened.Digest)
	} else { // an inspection goes on after the first error
		require.Subset(t, codes(opened.Findings.Errors()), codes(pkg.Findings.Errors())[:1])
	}
	return pkg, sink, err
}

// refuses wants the first error to be of that kind.
func refuses(t *testing.T, code ovf.Code, data []byte) *ovf.Refused {
	t.Helper()
	pkg, _, err := everyReader(t, data, ovf.Options{})
	var refused *ovf.Refused
	require.ErrorAs(t, err, &refused)
	require.NotNil(t, pkg)
	require.Equal(t, string(code), string(refused.Findings.Errors()[0].Code), refused.Findings.String())
	return refused
}

// takes wants the package with these warnings besides that of a missing manifest.
func takes(t *testing.T, data []byte, warnings ...ovf.Code) (*ovf.Package, *memorySink) {
	t.Helper()
	pkg, sink, err := everyReader(t, data, ovf.Options{})
	require.NoError(t, err)
	var got []ovf.Code
	for _, c := range codes(pkg.Findings) {
		if c != ovf.CodeManifestAbsent {
			got = append(got, c)
		}
	}
	require.ElementsMatch(t, warnings, got, pkg.Findings.String())
	return pkg, sink
}

func withMember(name string) []byte { return archive(descriptor, raw{name: name, data: "x"}, diskFile) }
func withType(kind byte) []byte     { return archive(descriptor, raw{name: "x", kind: kind}, diskFile) }

// withPax is an archive with a pax header before its last member, the disk.
func withPax(records ...string) []byte {
	return archive(descriptor, raw{name: "x", kind: 'x', data: paxData(records...)}, diskFile)
}

func paxData(records ...string) string {
	var b strings.Builder
	for _, r := range records {
		n := len(r) + 3
		for len(fmt.Sprintf("%d %s\n", n, r)) != n {
			n++
		}
		fmt.Fprintf(&b, "%d %s\n", n, r)
	}
	return b.String()
}

// withSize is the disk with that in its size field.
func withSize(field string) []byte {
	return archive(descriptor, diskFile.as(func(h []byte) { copy(h[124:136], field+strings.Repeat("\x00", 12-len(field))) }))
}

func TestHostileContainers(t *testing.T) {
	t.Parallel()
	good := archive(descriptor, diskFile)
	end := len(good) - 1024
	adversarial(t, "A", 25,
		hostile{"A01 climbing name", func(t *testing.T) {
			for _, name := range []string{"../../etc/cron.d/x", "..", "../x", "a/../../x", "./../x"} {
				refuses(t, ovf.CodeMemberName, withMember(name))
			}
			_, err := os.Stat("../../etc/cron.d/x")
			require.ErrorIs(t, err, os.ErrNotExist)
		}},
		hostile{"A02 absolute names of any system", func(t *testing.T) {
			for _, name := range []string{"/etc/passwd", `C:\x`, "C:/x", "c:x", `\\host\share`, "//x", `\x`} {
				refuses(t, ovf.CodeMemberName, withMember(name))
			}
		}},
		hostile{"A03 names that lead around, leading ./, trailing slash", func(t *testing.T) {
			for _, name := range []string{"a/../a.vmdk", "a//b", "a/", "a/./b", "././a", "."} {
				refuses(t, ovf.CodeMemberName, withMember(name))
			}
			_, sink := takes(t, archive(raw{name: "./p.ovf", data: oneDisk}, raw{name: "./disk.img", data: diskFile.data}))
			require.Equal(t, []string{"p.ovf", "disk.img"}, sink.order)
		}},
		hostile{"A04 NUL, control bytes, invalid UTF-8, bidi override, more than 255 bytes", func(t *testing.T) {
			for _, name := range []string{"a\x00b", "a\nb", "a\tb", "a\x7fb", "a\u0085b", "a\xff", "\xc0\xaf", "a\u202eb", "a\u200bb", "\ufeffa", ""} {
				refuses(t, ovf.CodeMemberName, withMember(name))
			}
			refuses(t, ovf.CodeMemberName, withPax("path=a\x00b"))
			refuses(t, ovf.CodeMemberName, archive(descriptor, raw{name: "x", kind: 'L', data: "a\x00b\x00"}, diskFile))
			refuses(t, ovf.CodeMemberName, withPax("path="+strings.Repeat("x", 256)))
			takes(t, archive(descriptor, diskFile, raw{name: "x", kind: 'x', data: paxData("path=" + strings.Repeat("x", 255))}, raw{name: "y"}), ovf.CodeFileExtra)
		}},
		hostile{"A05 names equal but for composition or case", func(t *testing.T) {
			for _, pair := range [][2]string{{"é", "e\u0301"}, {"É", "e\u0301"}, {"disk.IMG", "disk.img"}, {"ſ", "S"}, {"\u212a", "k"}, {"ς", "Σ"}} {
				refuses(t, ovf.CodeDuplicateMember, archive(descriptor, raw{name: pair[0]}, raw{name: pair[1]}, diskFile))
			}
			require.Contains(t, refuses(t, ovf.CodeDuplicateMember, withMember("P.Ovf")).Error(), `"p.ovf"`)
		}},
		hostile{"A06 links, devices, FIFOs, contiguous, multi-volume, sparse of either kind", func(t *testing.T) {
			for kind, name := range map[byte]string{
				'1': "hard link", '2': "symbolic link", '3': "character device", '4': "block device", '6': "FIFO", '7': "contiguous",
				'S': "sparse", 'M': "multi-volume", 'K': "link", 's': "unknown type", 'Q': "unknown type", 'V': "unknown type",
			} {
				require.Contains(t, refuses(t, ovf.CodeMemberType, withType(kind)).Error(), name)
			}
			for _, record := range []string{"GNU.sparse.major=1", "GNU.sparse.map=0,1", "GNU.sparse.realsize=9999"} {
				refuses(t, ovf.CodeMemberType, withPax(record))
			}
		}},
		hostile{"A07 symbolic link, then a file through it", func(t *testing.T) {
			link := raw{name: "d", kind: '2'}.as(func(h []byte) { copy(h[157:], "/etc") })
			r := refuses(t, ovf.CodeMemberType, archive(descriptor, link, raw{name: "d/passwd", data: "x"}, diskFile))
			require.Contains(t, r.Error(), `member "d" is a symbolic link`)
		}},
		hostile{"A08 directories, and one with content", func(t *testing.T) {
			takes(t, archive(raw{name: "d/", kind: '5'}, descriptor, diskFile, raw{name: "../x/", kind: '5'}), ovf.CodeMemberDirectory, ovf.CodeMemberDirectory)
			refuses(t, ovf.CodeMemberType, archive(descriptor, raw{name: "d", kind: '5', data: "x"}))
		}},
		hostile{"A09 one name twice", func(t *testing.T) {
			refuses(t, ovf.CodeDuplicateMember, archive(descriptor, diskFile, raw{name: "disk.img", data: "other"}))
			refuses(t, ovf.CodeDuplicateMember, archive(descriptor, diskFile, raw{name: "./disk.img", data: "other"}))
			refuses(t, ovf.CodeDuplicateMember, archive(descriptor, diskFile, raw{name: "x", kind: 'x', data: paxData("path=disk.img")}, raw{name: "y"}))
		}},
		hostile{"A10 two descriptors, or none", func(t *testing.T) {
			refuses(t, ovf.CodeDescriptorCount, archive(descriptor, raw{name: "q.ovf", data: oneDisk}, diskFile))
			refuses(t, ovf.CodeDescriptorCount, archive(descriptor, raw{name: "q.OVF", data: oneDisk}, diskFile))
			refuses(t, ovf.CodeDescriptorCount, archive(diskFile))
			refuses(t, ovf.CodeDescriptorCount, archive(diskFile, raw{name: "sub/p.ovf", data: oneDisk}))
		}},
		hostile{"A11 members in any order are all verified", func(t *testing.T) {
			signer := issue(t, "vendor", ecKey(t), nil)
			manifest := manifestOf(sha256Line(descriptor), sha256Line(diskFile))
			file, err := signer.Sign("p.mf", []byte(manifest.data))
			require.NoError(t, err)
			members := []raw{descriptor, manifest, {name: "p.cert", data: string(file)}, diskFile}
			bad := diskFile
			bad.data = strings.Replace(bad.data, "plain", "Plain", 1)
			opts := ovf.Options{Now: noon, Trust: pool(signer.Certificate)}
			for _, order := range orders(len(members)) {
				var all, spoilt []raw
				for _, i := range order {
					all = append(all, members[i])
					spoilt = append(spoilt, []raw{descriptor, manifest, members[2], bad}[i])
				}
				pkg, _, err := ingest(t, archive(all...), opts)
				require.NoError(t, err)
				require.Equal(t, ovf.ManifestVerified, pkg.Verification.Manifest)
				require.Equal(t, ovf.SignatureTrusted, pkg.Verification.Signature)
				require.Equal(t, order[0] != 0, len(pkg.Findings) == 1 && pkg.Findings[0].Code == ovf.CodeMemberOrder, pkg.Findings.String())
				_, _, err = ingest(t, archive(spoilt...), opts)
				refusedWith(t, err, ovf.CodeManifestMismatch)
			}
		}},
		hostile{"A12 descriptor after 200 GB of disk", func(t *testing.T) {
			header := diskFile.as(func(h []byte) { copy(h[124:], "\x80\x00\x00\x00\x00\x00\x00\x2e\x90\xed\xd0\x00") }).bytes()[:512]
			stream := &counting{from: io.MultiReader(bytes.NewReader(header), zeros{})}
			_, err := ovf.Ingest(t.Context(), stream, &discardSink{}, ovf.Options{Limits: ovf.Limits{Package: 100 << 30}})
			refusedWith(t, err, ovf.CodeSizeLimit)
			require.Less(t, stream.n, int64(1<<20), "told by the header, before its bytes are read")
		}},
		hostile{"A13 wrong checksum; V7 without magic", func(t *testing.T) {
			for _, sum := range []string{"000001\x00 ", "-00001\x00 ", "        ", "999999\x00 "} {
				refuses(t, ovf.CodeTarHeader, archive(descriptor, diskFile.as(func(h []byte) { copy(h[148:], sum) })))
			}
			refuses(t, ovf.CodeTarHeader, archive(descriptor, diskFile.as(func(h []byte) { copy(h[257:], make([]byte, 8)) })))
			refuses(t, ovf.CodeContainer, archive(descriptor.as(func(h []byte) { copy(h[257:], make([]byte, 8)) }), diskFile))
		}},
		hostile{"A14 sizes that are no numbers, negative, or 2^63-1", func(t *testing.T) {
			for _, field := range noSizes {
				refuses(t, ovf.CodeTarHeader, withSize(field))
			}
			refuses(t, ovf.CodeSizeLimit, withSize("\x80\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff"))
			takes(t, archive(descriptor, diskFile.as(func(h []byte) { copy(h[124:], fmt.Sprintf("%11o ", len(diskFile.data))) })))
		}},
		hostile{"A15 extended headers that contradict, lie, climb or have no end", func(t *testing.T) {
			disagree := fmt.Sprint("size=", len(diskFile.data)+1)
			for _, c := range []struct {
				code ovf.Code
				data []byte
			}{
				{ovf.CodeTarHeader, withPax(disagree)}, {ovf.CodeTarHeader, withPax("size=big")}, {ovf.CodeTarHeader, withPax("size=-1")}, {ovf.CodeTarHeader, withPax("size=")},
				{ovf.CodeTarHeader, withPax("size=2200", "size=2200")}, {ovf.CodeTarHeader, withPax("path=a", "path=b")}, {ovf.CodeTarHeader, withPax("path=")},
				{ovf.CodeMemberName, withPax("path=../../x")}, {ovf.CodeMemberName, withPax("path=/etc/passwd")},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'x', data: "99 path=x\n"}, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'x', data: "0 path=x\n"}, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'x', data: "-5 path=x\n"}, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'x', data: "99999999999999999999 path=x\n"}, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'x', data: "7 path\n"}, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'x', data: "10 path=xx"}, diskFile)},
				{ovf.CodeTarHeader, archive(raw{name: "x", kind: 'g', data: paxData("path=x")}, descriptor, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, diskFile, raw{name: "x", kind: 'x', data: paxData("path=x")})},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'x', data: paxData("uid=1")}, raw{name: "x", kind: 'x', data: paxData("uid=1")}, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'L', data: "a\x00"}, raw{name: "x", kind: 'x', data: paxData("path=b")}, diskFile)},
				{ovf.CodeTarHeader, archive(descriptor, raw{name: "x", kind: 'L', data: "\x00"}, diskFile)},
			} {
				refuses(t, c.code, c.data)
			}
			for _, kind := range []byte{'x', 'g', 'L'} {
				long := raw{name: "x", kind: kind}.as(func(h []byte) { copy(h[124:], "10000000000\x00") })
				refuses(t, ovf.CodeSizeLimit, archive(descriptor, long, diskFile))
			}
			many := []raw{descriptor}
			for i := range 10 {
				many = append(many, raw{name: "x", kind: 'x', data: paxData("comment=" + strings.Repeat("x", 1<<20-100))}, raw{name: fmt.Sprint("f", i)})
			}
			refuses(t, ovf.CodeSizeLimit, archive(many...))
		}},
		hostile{"A16 absurd times, owners and attributes", func(t *testing.T) {
			takes(t, archive(raw{name: "x", kind: 'g', data: paxData("mtime=99999999999999", "uid=-7")}, descriptor,
				raw{name: "x", kind: 'x', data: paxData("uid=-77", "gid=99999999999999999999", "mtime=-1e99", "SCHILY.xattr.security.capability=\x00\x01", "uname=../../x")}, diskFile))
			takes(t, archive(descriptor, diskFile.as(func(h []byte) { copy(h[100:], "7777777\x00zzzzzzz\x00zzzzzzz\x00"); copy(h[136:], "zzzzzzzzzzz\x00") })))
		}},
		hostile{"A17 ten million empty members", func(t *testing.T) {
			start := time.Now()
			stream := &counting{from: &emptyMembers{left: 10_000_000}}
			_, err := ovf.Ingest(t.Context(), stream, &discardSink{}, ovf.Options{})
			refusedWith(t, err, ovf.CodeCountLimit)
			require.ErrorContains(t, err, "more than 1000 members")
			require.Less(t, stream.n, int64(1<<20))
			require.Less(t, time.Since(start), 5*time.Second)
			// An inspection looks at no more either, whatever their names are.
			var bad bytes.Buffer
			for range 3000 {
				bad.Write(raw{name: "../x"}.bytes())
			}
			path := filepath.Join(t.TempDir(), "p.ova")
			require.NoError(t, os.WriteFile(path, bad.Bytes(), 0o600))
			pkg, err := ovf.Open(t.Context(), path, ovf.Options{})
			require.NoError(t, err)
			require.Contains(t, codes(pkg.Findings), ovf.CodeCountLimit)
		}},
		hostile{"A18 cut in a header, in data, before the end marker", func(t *testing.T) {
			for _, n := range []int{len(descriptor.bytes()) + 100, len(descriptor.bytes()) + 512, len(descriptor.bytes()) + 1000} {
				refuses(t, ovf.CodeTruncated, good[:n])
			}
			takes(t, good[:end], ovf.CodeNoEndMarker)
			takes(t, good[:end+512])
		}},
		hostile{"A19 data behind the end", func(t *testing.T) {
			second := archive(raw{name: "p.ovf", data: "other"}, raw{name: "evil", data: "x"})
			_, sink := takes(t, append(bytes.Clone(good), second...), ovf.CodeTrailingData)
			require.Equal(t, []string{"p.ovf", "disk.img"}, sink.order, "never parsed")
			takes(t, append(bytes.Clone(good), make([]byte, 64<<10)...))
			takes(t, append(bytes.Clone(good), make([]byte, 2<<20)...), ovf.CodeTrailingData)
			manifest := manifestOf(sha256Line(descriptor), sha256Line(diskFile))
			file, err := issue(t, "vendor", ecKey(t), nil).Sign("p.mf", []byte(manifest.data))
			require.NoError(t, err)
			refuses(t, ovf.CodeTrailingData, append(archive(descriptor, manifest, raw{name: "p.cert", data: string(file)}, diskFile), second...))
		}},
		hostile{"A20 one zero block, then more members", func(t *testing.T) {
			data := append(bytes.Clone(good[:end+512]), archive(raw{name: "evil", data: "x"})...)
			_, sink := takes(t, data, ovf.CodeTrailingData)
			require.Equal(t, []string{"p.ovf", "disk.img"}, sink.order)
		}},
		hostile{"A21 connection ends before or after what it announced", func(t *testing.T) {
			for _, n := range []int{0, 1, 600, end * 99 / 100} {
				for _, failure := range []error{io.ErrUnexpectedEOF, errors.New("connection reset")} {
					sink := newSink()
					_, err := ovf.Ingest(t.Context(), io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(failure)), sink, ovf.Options{})
					require.Error(t, err)
					require.Nil(t, sink.committed)
					require.Equal(t, 1, sink.aborted)
				}
			}
		}},
		hostile{"A22 another kind of file", func(t *testing.T) {
			pad := strings.Repeat("x", 1000)
			for what, data := range map[string][]byte{
				"a gzip file": []byte("\x1f\x8b\x08" + pad), "an xz file": []byte("\xfd7zXZ\x00" + pad), "a zip archive": []byte("PK\x03\x04" + pad),
				"a 7z archive": []byte("7z\xbc\xaf\x27\x1c" + pad), "an ISO image": append(make([]byte, 32769), "CD001......"...), "a program": []byte("\x7fELF" + pad),
				"a web page": []byte("\n<!DOCTYPE html><html>404</html>"), "an XML file": []byte(`<?xml version="1.0"?><Envelope/>`), "an empty file": nil,
				"a VMDK disk image": []byte("KDMV" + pad), "a QCOW2 disk image": []byte("QFI\xfb" + pad), "too short a file": []byte("hello"), "of an unknown format": []byte(pad),
				"a bzip2 file": []byte("BZh9" + pad), "a zstd file": []byte("\x28\xb5\x2f\xfd" + pad),
			} {
				require.Contains(t, refuses(t, ovf.CodeContainer, data).Error(), "this is "+what)
			}
		}},
		hostile{"A23 tar inside gzip", func(t *testing.T) {
			bomb := bytes.Repeat([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), 1000)
			require.Contains(t, refuses(t, ovf.CodeContainer, bomb).Error(), "a gzip file", "nothing is unpacked, so no ratio matters")
		}},
		hostile{"A24 members named like bookkeeping", func(t *testing.T) {
			names := []string{".complete", "entry.json", "lock", "blobs", "staging", "store.db", ".lock", "0"}
			members := []raw{descriptor, diskFile}
			var warnings []ovf.Code
			for _, name := range names {
				members, warnings = append(members, raw{name: name, data: "x"}), append(warnings, ovf.CodeFileExtra)
			}
			takes(t, archive(members...), warnings...)
		}},
		hostile{"A25 larger than the quota, or than the disk", func(t *testing.T) {
			_, _, err := ingest(t, good, ovf.Options{Limits: ovf.Limits{Package: 1000}})
			refusedWith(t, err, ovf.CodeSizeLimit)
			require.ErrorContains(t, err, "longer than 1000 bytes")
			_, _, err = ingest(t, good, ovf.Options{Limits: ovf.Limits{Descriptor: 100}})
			require.ErrorContains(t, err, "longer than 100 bytes")
			for _, at := range []string{"create", "write", "close", "commit"} {
				sink := newSink()
				sink.failAt = at
				_, err := ovf.Ingest(t.Context(), bytes.NewReader(good), sink, ovf.Options{})
				require.ErrorIs(t, err, errSink)
				require.Equal(t, 1, sink.aborted)
				require.Empty(t, sink.files)
			}
		}},
	)
}

// orders are all orders of n things.
func orders(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, rest := range orders(n - 1) {
		for at := range n {
			order := append(append(append([]int{}, rest[:at]...), n-1), rest[at:]...)
			all = append(all, order)
		}
	}
	return all
}

// counting counts what was read of a stream.
type counting struct {
	from io.Reader
	n    int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// emptyMembers is an archive of that many empty files.
type emptyMembers struct {
	left int
	rest []byte
}

func (e *emptyMembers) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left == 0 {
			return 0, io.EOF
		}
		e.left--
		e.rest = raw{name: fmt.Sprint("f", e.left)}.bytes()
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}
