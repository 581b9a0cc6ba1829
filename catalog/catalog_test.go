package catalog_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

var update = flag.Bool("update", false, "rewrite golden files")

// shelf is a catalog in a folder of its own.
type shelf struct {
	*catalog.Catalog
	dir string
	d   store.Driver
}

func newShelf(t testing.TB) shelf {
	t.Helper()
	return openShelf(t, t.TempDir(), storetest.Driver(t))
}

// openShelf is what a broker does that starts.
func openShelf(t testing.TB, dir string, d store.Driver) shelf {
	t.Helper()
	c, err := catalog.New(catalog.Config{Store: store.New(d), Dir: dir, Log: slog.New(slog.DiscardHandler), Quota: catalog.Quota{Pushes: 100, All: 100}})
	require.NoError(t, err)
	return shelf{c, dir, d}
}

// files are the names of all files in the folder but the lock.
func (s shelf) files(t testing.TB) []string {
	t.Helper()
	names := []string{}
	require.NoError(t, filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if name, _ := filepath.Rel(s.dir, path); err == nil && name != "lock" && (!e.IsDir() || strings.HasPrefix(name, "staging/")) {
			names = append(names, name)
		}
		return err
	}))
	return names
}

// requireEmpty checks that nothing at all is stored.
func (s shelf) requireEmpty(t testing.TB) {
	t.Helper()
	require.Empty(t, s.files(t))
	packages, err := s.Packages(t.Context())
	require.NoError(t, err)
	require.Empty(t, packages)
	services, err := s.Services(t.Context())
	require.NoError(t, err)
	require.Empty(t, services)
}

// requireSound checks what must hold after anything that may happen: the bytes of
// every package are there and right, no others are, each package has a service, and
// what a service refers to exists.
func (s shelf) requireSound(t testing.TB) {
	t.Helper()
	packages, err := s.Packages(t.Context())
	require.NoError(t, err)
	blobs, known := map[string]bool{}, map[catalog.PackageID]bool{}
	for _, p := range packages {
		known[p.ID] = true
		for _, f := range p.Files {
			require.Equal(t, f.Digest, fmt.Sprintf("sha256:%x", sha256.Sum256(s.read(t, f.Digest))))
			sum := strings.TrimPrefix(f.Digest, "sha256:")
			blobs[filepath.Join("blobs", sum[:2], sum)] = true
		}
	}
	for _, name := range s.files(t) {
		require.True(t, blobs[name], "%s is left over", name)
	}
	services, err := s.Services(t.Context())
	require.NoError(t, err)
	served := map[string]bool{}
	names := map[string]bool{}
	for _, service := range services {
		require.False(t, names[service.Name], "the name %q stands twice", service.Name)
		names[service.Name] = true
		served[service.Vendor+"/"+packageName(service.Package)] = true
		if service.State != catalog.Retired {
			require.True(t, known[service.Package], "service %s refers to %s", service.Name, service.Package)
		}
		require.True(t, service.Candidate == "" || known[service.Candidate])
	}
	for _, p := range packages {
		require.True(t, served[p.Vendor+"/"+p.Name], "package %s has no service", p.ID)
	}
}

func packageName(id catalog.PackageID) string {
	_, rest, _ := strings.Cut(string(id), "/")
	name, _, _ := strings.Cut(rest, "@")
	return name
}

func (s shelf) read(t testing.TB, digest string) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), digest)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

// push pushes and must succeed.
func (s shelf) push(t testing.TB, vendor string, ova []byte) (catalog.Package, catalog.Service) {
	t.Helper()
	p, service, err := s.Push(t.Context(), vendor, bytes.NewReader(ova))
	require.NoError(t, err)
	return p, service
}

// publish pushes and publishes.
func (s shelf) publish(t testing.TB, vendor string, ova []byte) catalog.Service {
	t.Helper()
	_, service := s.push(t, vendor, ova)
	service, err := s.Publish(t.Context(), service.ID, nil)
	require.NoError(t, err)
	return service
}

// ova packs the example descriptor, edited by pairs of old and new text, with one
// more file and a manifest.
func ova(t testing.TB, edits ...string) []byte {
	t.Helper()
	return ovaWith(t, "payload of every version", edits...)
}

func ovaWith(t testing.TB, payload string, edits ...string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/example.ovf")
	require.NoError(t, err)
	descriptor := string(text)
	for n := 0; n < len(edits); n += 2 {
		require.Contains(t, descriptor, edits[n])
		descriptor = strings.ReplaceAll(descriptor, edits[n], edits[n+1])
	}
	manifest := fmt.Sprintf("SHA256(example.ovf)= %x\nSHA256(payload.bin)= %x\n", sha256.Sum256([]byte(descriptor)), sha256.Sum256([]byte(payload)))
	return archive(t, "example.ovf", descriptor, "example.mf", manifest, "payload.bin", payload)
}

func archive(t testing.TB, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for n := 0; n < len(members); n += 2 {
		require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: members[n], Size: int64(len(members[n+1])), Mode: 0o644, Format: tar.FormatUSTAR}))
		_, err := io.WriteString(w, members[n+1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func newTar(w io.Writer) *tar.Writer { return tar.NewWriter(w) }

func tarFile(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR}
}

func discardLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// version makes another version of the example.
func version(v string) []string {
	return []string{"<Version>1.0</Version>", "<Version>" + v + "</Version>"}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

// readerFunc is a stream that does what a test wants.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

var background = context.Background()

func untar(t testing.TB, ova []byte) map[string]string {
	t.Helper()
	files := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(ova)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		files[h.Name] = string(data)
	}
}
