package ovf_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

func folder(t *testing.T, files ...raw) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f.name), []byte(f.data), 0o600))
	}
	return dir
}

// What Build writes, Ingest takes without a word, and it is the same package.
func TestABuiltArchiveIsTheFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t, descriptor, diskFile, raw{name: "p.mf", data: "stale"}, raw{name: "p.cert", data: "stale"}, raw{name: "notes", data: "x"})
	signer := issue(t, "vendor", rsaKey(), nil)
	var first, second, unsigned bytes.Buffer
	built, err := ovf.Build(t.Context(), dir, &first, ovf.BuildOptions{Signer: signer})
	require.NoError(t, err)
	_, err = ovf.Build(t.Context(), dir, &second, ovf.BuildOptions{Signer: signer})
	require.NoError(t, err)
	require.Equal(t, first.Bytes(), second.Bytes(), "equal input, equal bytes (RSA signatures are deterministic)")

	pkg, sink, err := ingest(t, first.Bytes(), ovf.Options{Now: noon, Trust: pool(signer.Certificate)})
	require.NoError(t, err)
	require.Empty(t, pkg.Findings)
	require.Equal(t, []string{"p.ovf", "p.mf", "p.cert", "disk.img"}, sink.order)
	require.Equal(t, ovf.ManifestVerified, pkg.Verification.Manifest)
	require.Equal(t, ovf.SignatureTrusted, pkg.Verification.Signature)
	require.Equal(t, built.Digest, pkg.Digest)
	require.Equal(t, built.Plans(), pkg.Plans())

	_, err = ovf.Build(t.Context(), dir, &unsigned, ovf.BuildOptions{Time: noon})
	require.NoError(t, err)
	pkg, _, err = ingest(t, unsigned.Bytes(), ovf.Options{})
	require.NoError(t, err)
	require.Equal(t, ovf.Unsigned, pkg.Verification.Signature)
	require.Equal(t, built.Digest, pkg.Digest, "signing does not change what the package is")
}

func TestTheArchiveIsPlainUstar(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	_, err := ovf.Build(t.Context(), folder(t, descriptor, diskFile), &b, ovf.BuildOptions{})
	require.NoError(t, err)
	reader := tar.NewReader(&b)
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return
		}
		require.NoError(t, err)
		require.Equal(t, tar.FormatUSTAR, header.Format)
		require.Equal(t, byte(tar.TypeReg), header.Typeflag)
		require.Equal(t, int64(0o644), header.Mode)
		require.Equal(t, 1980, header.ModTime.UTC().Year())
	}
}

func TestNothingIsBuiltOfAWrongFolder(t *testing.T) {
	t.Parallel()
	var refused *ovf.Refused
	for name, dir := range map[string]string{
		"no descriptor":   folder(t, diskFile),
		"no disk":         folder(t, descriptor),
		"two descriptors": folder(t, descriptor, diskFile, raw{name: "q.ovf", data: oneDisk}),
		"another disk":    folder(t, descriptor, raw{name: "disk.img", data: qcow2(put64(8, 512))}),
	} {
		var b bytes.Buffer
		_, err := ovf.Build(t.Context(), dir, &b, ovf.BuildOptions{})
		require.ErrorAs(t, err, &refused, name)
		require.Zero(t, b.Len())
	}
	_, err := ovf.Build(t.Context(), filepath.Join(t.TempDir(), "nothing"), io.Discard, ovf.BuildOptions{})
	require.ErrorIs(t, err, os.ErrNotExist)
}

type changingWriter struct {
	path string
	done bool
}

// Write changes the disk as soon as the archive has begun.
func (w *changingWriter) Write(p []byte) (int, error) {
	if !w.done {
		w.done = true
		if err := os.WriteFile(w.path, bytes.Repeat([]byte{'y'}, len(diskFile.data)), 0o600); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func TestAFileThatChangesMeanwhileIsNoticed(t *testing.T) {
	t.Parallel()
	dir := folder(t, descriptor, diskFile)
	_, err := ovf.Build(t.Context(), dir, &changingWriter{path: filepath.Join(dir, "disk.img")}, ovf.BuildOptions{})
	require.ErrorContains(t, err, `"disk.img" was changed`)
}
