package ovf_test

import (
	"archive/tar"
	"bytes"
	"crypto"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

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

func TestTheDigestOfTheManifestIsChosen(t *testing.T) {
	t.Parallel()
	dir := folder(t, descriptor, diskFile)
	for hash, name := range map[crypto.Hash]string{0: "SHA256", crypto.SHA256: "SHA256", crypto.SHA384: "SHA384", crypto.SHA512: "SHA512"} {
		var b bytes.Buffer
		_, err := ovf.Build(t.Context(), dir, &b, ovf.BuildOptions{Hash: hash})
		require.NoError(t, err)
		pkg, sink, err := ingest(t, b.Bytes(), ovf.Options{})
		require.NoError(t, err)
		require.Equal(t, ovf.ManifestVerified, pkg.Verification.Manifest)
		require.Regexp(t, `^`+name+`\(p\.ovf\)= [0-9a-f]+\n`+name+`\(disk\.img\)= [0-9a-f]+\n$`, sink.files["p.mf"].String())
	}
	_, err := ovf.Build(t.Context(), dir, io.Discard, ovf.BuildOptions{Hash: crypto.SHA1})
	require.ErrorContains(t, err, "SHA-1")
}

// Sizes are filled in where References leaves them out, in whatever way the
// descriptor is written, and nothing else changes.
func TestMissingSizesAreFilledIn(t *testing.T) {
	t.Parallel()
	const file, size = `<File ovf:id="f" ovf:href="disk.img"/>`, `ovf:size="2200"`
	for name, c := range map[string]struct{ from, to string }{
		"plain":                  {file, `<File ` + size + ` ovf:id="f" ovf:href="disk.img"/>`},
		"over lines":             {"<File\r\n  ovf:id='f'\tovf:href = 'disk.img' ></File>", "<File " + size + "\r\n  ovf:id='f'\tovf:href = 'disk.img' ></File>"},
		"without a prefix":       {`<File id="f" href="disk.img"/>`, `<File size="2200" id="f" href="disk.img"/>`},
		"looking like another":   {`<File ovf:id="f' href=" ovf:href="disk.img"/>`, `<File ` + size + ` ovf:id="f' href=" ovf:href="disk.img"/>`},
		"said already":           {`<File ovf:id="f" ovf:href="disk.img" ovf:size="2200"/>`, `<File ovf:id="f" ovf:href="disk.img" ovf:size="2200"/>`},
		"behind letters of more": {"<!-- é --> " + file, `<!-- é --> <File ` + size + ` ovf:id="f" ovf:href="disk.img"/>`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(text string) string {
				whole := strings.Replace(oneDisk, file, text, 1)
				if strings.Contains(c.from, "' href=") {
					whole = strings.Replace(whole, `ovf:fileRef="f"`, `ovf:fileRef="f' href="`, 1)
				}
				return "\xef\xbb\xbf" + whole
			}
			dir := folder(t, raw{name: "p.ovf", data: with(c.from)}, raw{name: "disk.img", data: diskFile.data})
			var b bytes.Buffer
			built, err := ovf.Build(t.Context(), dir, &b, ovf.BuildOptions{})
			require.NoError(t, err)
			require.EqualValues(t, 2200, built.Files[0].Size)
			pkg, sink, err := ingest(t, b.Bytes(), ovf.Options{})
			require.NoError(t, err)
			require.Equal(t, with(c.to), sink.files["p.ovf"].String())
			require.Equal(t, built.Digest, pkg.Digest)
			require.Equal(t, ovf.ManifestVerified, pkg.Verification.Manifest)
		})
	}
}

func TestADescriptorInUTF16IsLeftAsItIs(t *testing.T) {
	t.Parallel()
	var text []byte
	for _, u := range utf16.Encode([]rune(oneDisk)) {
		text = append(text, byte(u), byte(u>>8))
	}
	own := raw{name: "p.ovf", data: "\xff\xfe" + string(text)}
	var b bytes.Buffer
	built, err := ovf.Build(t.Context(), folder(t, own, diskFile), &b, ovf.BuildOptions{})
	require.NoError(t, err)
	require.EqualValues(t, -1, built.Files[0].Size)
	_, sink, err := ingest(t, b.Bytes(), ovf.Options{})
	require.NoError(t, err)
	require.Equal(t, own.data, sink.files["p.ovf"].String())
}

// A file in pieces, compressed before it was cut, goes into the archive piece
// by piece.
func TestAFolderWithCompressedPiecesIsBuilt(t *testing.T) {
	t.Parallel()
	packed := zipped(diskFile.data[:2000])
	const size = 40
	text := strings.Replace(oneDisk, `"disk.img"`, `"disk.img.gz" ovf:compression="gzip" ovf:chunkSize="40"`, 1)
	files := []raw{{name: "p.ovf", data: text}}
	for n := 0; len(packed) > 0; n++ {
		piece := packed[:min(size, len(packed))]
		packed = packed[len(piece):]
		files = append(files, raw{name: fmt.Sprintf("disk.img.gz.%09d", n), data: piece})
	}
	require.Greater(t, len(files), 2)
	var b bytes.Buffer
	_, err := ovf.Build(t.Context(), folder(t, files...), &b, ovf.BuildOptions{})
	require.NoError(t, err)
	pkg, sink, err := ingest(t, b.Bytes(), ovf.Options{})
	require.NoError(t, err)
	require.Empty(t, pkg.Findings.String())
	require.Len(t, sink.order, len(files)+1)
	require.Equal(t, ovf.ManifestVerified, pkg.Verification.Manifest)
	require.Positive(t, pkg.Files[0].Size)
}

func TestProgressIsOfEveryByteTwice(t *testing.T) {
	t.Parallel()
	done := 0
	opts := ovf.BuildOptions{}
	opts.Progress = func(bytes int) { done += bytes }
	built, err := ovf.Build(t.Context(), folder(t, descriptor, diskFile), io.Discard, opts)
	require.NoError(t, err)
	require.Equal(t, len(descriptor.data)+2*len(diskFile.data), done, "a descriptor with new sizes is written from memory")
	require.Len(t, built.Members, 2)
}
