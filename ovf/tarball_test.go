package ovf_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// raw is one tar member as bytes, made by hand so that it can be wrong.
type raw struct {
	name string
	data string
	kind byte
	edit func(header []byte)
}

func (r raw) bytes() []byte {
	header := make([]byte, 512)
	copy(header, r.name)
	copy(header[100:], "0000644\x000000000\x000000000\x00")
	copy(header[124:], fmt.Sprintf("%011o\x00", len(r.data)))
	copy(header[136:], "00000000000\x00")
	header[156] = r.kind
	if r.kind == 0 {
		header[156] = '0'
	}
	copy(header[257:], "ustar\x0000")
	if r.edit != nil {
		r.edit(header)
	}
	if string(header[148:156]) == strings.Repeat("\x00", 8) {
		copy(header[148:], "        ")
		sum := 0
		for _, b := range header {
			sum += int(b)
		}
		copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	}
	padding := make([]byte, (512-len(r.data)%512)%512)
	return append(append(header, r.data...), padding...)
}

// archive is members and an end.
func archive(members ...raw) []byte {
	var b bytes.Buffer
	for _, m := range members {
		b.Write(m.bytes())
	}
	b.Write(make([]byte, 1024))
	return b.Bytes()
}

func (r raw) as(edit func([]byte)) raw { r.edit = edit; return r }

// memorySink keeps members in memory and can fail at any of its calls.
type memorySink struct {
	files     map[string]*bytes.Buffer
	order     []string
	committed *ovf.Package
	aborted   int
	failAt    string // "create", "write", "close" or "commit"
}

var errSink = errors.New("disk full")

func newSink() *memorySink { return &memorySink{files: map[string]*bytes.Buffer{}} }

func (s *memorySink) Create(name string, _ int64) (io.WriteCloser, error) {
	if s.failAt == "create" {
		return nil, errSink
	}
	if s.files[name] != nil || s.committed != nil || s.aborted > 0 {
		panic("unexpected Create of " + name)
	}
	s.files[name] = &bytes.Buffer{}
	s.order = append(s.order, name)
	return sinkFile{s, s.files[name]}, nil
}

func (s *memorySink) Commit(pkg *ovf.Package) error {
	if s.failAt == "commit" {
		return errSink
	}
	if s.committed != nil || s.aborted > 0 {
		panic("unexpected Commit")
	}
	s.committed = pkg
	return nil
}

func (s *memorySink) Abort() error {
	if s.committed != nil {
		panic("unexpected Abort")
	}
	s.aborted++
	s.files = map[string]*bytes.Buffer{}
	return nil
}

type sinkFile struct {
	sink *memorySink
	*bytes.Buffer
}

func (f sinkFile) Write(p []byte) (int, error) {
	if f.sink.failAt == "write" {
		return 0, errSink
	}
	return f.Buffer.Write(p)
}

func (f sinkFile) Close() error {
	if f.sink.failAt == "close" {
		return errSink
	}
	return nil
}

// ingest feeds bytes to a fresh sink; the package must then be all there or
// not at all.
func ingest(t testing.TB, data []byte, opts ovf.Options) (*ovf.Package, *memorySink, error) {
	t.Helper()
	sink := newSink()
	pkg, err := ovf.Ingest(t.Context(), bytes.NewReader(data), sink, opts)
	require.Equal(t, err == nil, sink.committed != nil)
	require.Equal(t, err != nil, sink.aborted == 1)
	if pkg != nil && !opts.Strict {
		requireSane(t, pkg.Findings)
	}
	if err != nil {
		require.Empty(t, sink.files)
	}
	return pkg, sink, err
}

// A small package to be spoilt.
const oneDisk = `<Envelope ` + ns1ovf + ` xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<References><File ovf:id="f" ovf:href="disk.img"/></References>
<DiskSection><Info/><Disk ovf:diskId="d" ovf:fileRef="f" ovf:capacity="4096"/></DiskSection>
<VirtualSystem ovf:id="s"><Info/><VirtualHardwareSection><Info/>
<Item><rasd:ElementName>disk</rasd:ElementName><rasd:HostResource>ovf:/disk/d</rasd:HostResource><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>17</rasd:ResourceType></Item>
</VirtualHardwareSection></VirtualSystem></Envelope>`

var (
	descriptor = raw{name: "p.ovf", data: oneDisk}
	diskFile   = raw{name: "disk.img", data: strings.Repeat("plain bytes of a disk\n", 100)}
)

func TestArchivesInAnyCustomaryFormAreTaken(t *testing.T) {
	t.Parallel()
	gnu := func(h []byte) { copy(h[257:], "ustar  \x00") }
	for name, data := range map[string][]byte{
		"ustar":               archive(descriptor, diskFile),
		"GNU":                 archive(descriptor.as(gnu), diskFile.as(gnu)),
		"disk first":          archive(diskFile, descriptor),
		"leading ./":          archive(raw{name: "./p.ovf", data: oneDisk}, raw{name: "./disk.img", data: diskFile.data}),
		"capital ending":      archive(raw{name: "P.OVF", data: oneDisk}, diskFile),
		"old kind of a file":  archive(descriptor, diskFile.as(func(h []byte) { h[156] = 0 })),
		"base-256 size":       archive(descriptor, diskFile.as(func(h []byte) { copy(h[124:], "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x98") })),
		"a directory":         archive(raw{name: "d/", kind: '5'}, descriptor, diskFile),
		"a stranger":          archive(descriptor, diskFile, raw{name: "README", data: "hello"}),
		"a shadow of macOS":   archive(raw{name: "._p.ovf", data: "x"}, descriptor, diskFile),
		"pax path":            archive(descriptor, raw{name: "x", kind: 'x', data: "17 path=disk.img\n"}, raw{name: "short", data: diskFile.data}),
		"pax times and owner": archive(raw{name: "x", kind: 'g', data: "21 mtime=99999999999\n"}, descriptor, raw{name: "x", kind: 'x', data: "11 uid=-77\n"}, diskFile),
		"GNU long name":       archive(descriptor, raw{name: "././@LongLink", kind: 'L', data: "disk.img\x00"}, raw{name: "x", data: diskFile.data}),
		"no end":              archive(descriptor, diskFile)[:len(archive(descriptor, diskFile))-1024],
		"one end block":       archive(descriptor, diskFile)[:len(archive(descriptor, diskFile))-512],
		"padded end":          append(archive(descriptor, diskFile), make([]byte, 8192)...),
		"hidden behind":       append(archive(descriptor, diskFile), archive(raw{name: "p.ovf", data: "other"})...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pkg, sink, err := ingest(t, data, ovf.Options{})
			require.NoError(t, err)
			require.Equal(t, diskFile.data, sink.files["disk.img"].String())
			m, ok := pkg.Member("disk.img")
			require.True(t, ok)
			require.Equal(t, ovf.KindFile, m.Kind)
			require.Equal(t, ovf.FormatRaw, pkg.Plans()[0].Systems[0].Disks[0].Format)
			require.NotContains(t, sink.files, "other")
		})
	}
}

// The reader here and the one of the standard library agree on what they both
// accept.
func FuzzTar(f *testing.F) {
	f.Add(archive(descriptor, diskFile))
	f.Add(archive(descriptor, raw{name: "x", kind: 'x', data: "17 path=disk.img\n"}, raw{name: "short", data: diskFile.data}))
	f.Add(archive(raw{name: "././@LongLink", kind: 'L', data: "p.ovf\x00"}, raw{name: "x", data: oneDisk}, diskFile))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, sink, err := ingest(t, data, ovf.Options{})
		if err != nil {
			return
		}
		reader := tar.NewReader(bytes.NewReader(data))
		for _, name := range sink.order {
			header, err := reader.Next()
			for err == nil && header.Typeflag == tar.TypeDir || err == nil && header.Typeflag == tar.TypeXGlobalHeader {
				header, err = reader.Next()
			}
			if err != nil {
				return // stricter about fields that do not matter here
			}
			require.Equal(t, strings.TrimPrefix(header.Name, "./"), name)
			content, err := io.ReadAll(reader)
			require.NoError(t, err)
			require.Equal(t, string(content), sink.files[name].String())
		}
	})
}
