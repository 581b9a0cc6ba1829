// Package blobtest is what every keeper of packages' bytes must do, as tests.
package blobtest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// Run tests keepers that open makes, each empty. Sizes are lengths of files that are
// worth a try, beside the usual ones.
func Run(t *testing.T, open func(*testing.T) catalog.Blobs, sizes ...int) {
	for name, test := range map[string]func(*testing.T, catalog.Blobs){
		"a staged member is no blob before it is added": stagedIsNoBlob,
		"a closed stage leaves nothing of what was not added": func(t *testing.T, b catalog.Blobs) {
			s := stage(t, b, content(7, 100))
			require.NoError(t, s.Close())
			require.Empty(t, all(t, b))
			require.NoError(t, b.Sweep(t.Context()))
		},
		"adding again has no effect":            addedAgain,
		"who reads goes on while it is added":   readWhileAdded,
		"one package holds a file twice":        twice,
		"removing":                              removed,
		"what is no digest names nothing":       noDigest,
		"stages at once do not see one another": stagesAtOnce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
	for _, size := range append([]int{0, 1, 4096, 300_000}, sizes...) {
		t.Run(fmt.Sprintf("%d bytes come back", size), func(t *testing.T) {
			t.Parallel()
			b := open(t)
			data := content(uint64(size), size)
			f := keep(t, b, data)
			require.Equal(t, []string{f.Digest}, all(t, b))
			require.True(t, bytes.Equal(data, read(t, b, f.Digest)))
			n, err := b.Size(t.Context(), f.Digest)
			require.NoError(t, err)
			require.EqualValues(t, size, n)
		})
	}
}

func content(seed uint64, size int) []byte {
	data, r := make([]byte, size), rand.New(rand.NewPCG(seed, 1))
	for n := range data {
		data[n] = byte(r.Uint32())
	}
	return data
}

func file(name string, data []byte) catalog.File {
	return catalog.File{Name: name, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), Size: int64(len(data))}
}

// stage brings a member "m", in writes of odd lengths.
func stage(t *testing.T, b catalog.Blobs, data []byte) catalog.Stage {
	t.Helper()
	s, err := b.Stage(t.Context())
	require.NoError(t, err)
	write(t, s, "m", data)
	return s
}

func write(t *testing.T, s catalog.Stage, name string, data []byte) {
	t.Helper()
	w, err := s.Create(name, int64(len(data)))
	require.NoError(t, err)
	for rest := data; len(rest) > 0; {
		n, err := w.Write(rest[:min(len(rest), 7777)])
		require.NoError(t, err)
		rest = rest[n:]
	}
	require.NoError(t, w.Close())
}

func keep(t *testing.T, b catalog.Blobs, data []byte) catalog.File {
	t.Helper()
	s, f := stage(t, b, data), file("m", data)
	require.NoError(t, s.Add(t.Context(), []catalog.File{f}))
	require.NoError(t, s.Close())
	return f
}

func read(t *testing.T, b catalog.Blobs, digest string) []byte {
	t.Helper()
	r, err := b.Open(t.Context(), digest)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

func all(t *testing.T, b catalog.Blobs) []string {
	t.Helper()
	digests, err := b.All(t.Context())
	require.NoError(t, err)
	return digests
}

func stagedIsNoBlob(t *testing.T, b catalog.Blobs) {
	data := content(1, 20_000)
	s, f := stage(t, b, data), file("m", data)
	require.Empty(t, all(t, b))
	_, err := b.Open(t.Context(), f.Digest)
	require.ErrorIs(t, err, fault.NotFound)
	_, err = b.Size(t.Context(), f.Digest)
	require.ErrorIs(t, err, fault.NotFound)
	r, err := s.Open("m")
	require.NoError(t, err)
	staged, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.True(t, bytes.Equal(data, staged))
	_, err = s.Open("none")
	require.Error(t, err)
	require.NoError(t, b.Sweep(t.Context()), "a sweep leaves stages alone that are in use")
	require.NoError(t, s.Add(t.Context(), []catalog.File{f}))
	require.NoError(t, s.Close())
	require.True(t, bytes.Equal(data, read(t, b, f.Digest)))
}

func addedAgain(t *testing.T, b catalog.Blobs) {
	data := content(2, 50_000)
	first := keep(t, b, data)
	require.Equal(t, first, keep(t, b, data))
	require.Equal(t, []string{first.Digest}, all(t, b))
	require.True(t, bytes.Equal(data, read(t, b, first.Digest)))
}

func readWhileAdded(t *testing.T, b catalog.Blobs) {
	data := content(3, 200_000)
	f := keep(t, b, data)
	r, err := b.Open(t.Context(), f.Digest)
	require.NoError(t, err)
	defer r.Close()
	begun := make([]byte, 1000)
	_, err = io.ReadFull(r, begun)
	require.NoError(t, err)
	keep(t, b, data)
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, append(begun, rest...)))
}

func twice(t *testing.T, b catalog.Blobs) {
	data := content(4, 9000)
	s := stage(t, b, data)
	write(t, s, "other", data)
	require.NoError(t, s.Add(t.Context(), []catalog.File{file("m", data), file("other", data)}))
	require.NoError(t, s.Close())
	require.True(t, bytes.Equal(data, read(t, b, file("m", data).Digest)))
}

func removed(t *testing.T, b catalog.Blobs) {
	gone, stays := keep(t, b, content(5, 30_000)), keep(t, b, content(6, 30_000))
	never := file("m", []byte("never kept")).Digest
	require.NoError(t, b.Remove(t.Context(), []string{never, gone.Digest}))
	require.Equal(t, []string{stays.Digest}, all(t, b))
	_, err := b.Open(t.Context(), gone.Digest)
	require.ErrorIs(t, err, fault.NotFound)
	require.NoError(t, b.Remove(t.Context(), []string{gone.Digest}))
	require.True(t, bytes.Equal(content(6, 30_000), read(t, b, stays.Digest)))
}

func noDigest(t *testing.T, b catalog.Blobs) {
	stays := keep(t, b, content(8, 10))
	for _, name := range []string{"", "sha256:", "sha256:../../etc/passwd", stays.Digest[7:], stays.Digest + "00", "sha256:" + string(bytes.ToUpper([]byte(stays.Digest[7:])))} {
		_, err := b.Open(t.Context(), name)
		require.ErrorIs(t, err, fault.Invalid, name)
		_, err = b.Size(t.Context(), name)
		require.ErrorIs(t, err, fault.Invalid, name)
		require.ErrorIs(t, b.Remove(t.Context(), []string{name}), fault.Invalid, name)
	}
	require.Equal(t, []string{stays.Digest}, all(t, b))
}

func stagesAtOnce(t *testing.T, b catalog.Blobs) {
	one, other := content(9, 40_000), content(10, 40_000)
	s, u := stage(t, b, one), stage(t, b, other)
	require.NoError(t, s.Add(t.Context(), []catalog.File{file("m", one)}))
	require.NoError(t, s.Close())
	require.NoError(t, u.Add(t.Context(), []catalog.File{file("m", other)}))
	require.NoError(t, u.Close())
	require.True(t, bytes.Equal(one, read(t, b, file("m", one).Digest)))
	require.True(t, bytes.Equal(other, read(t, b, file("m", other).Digest)))
}
