package catalog_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

// failing is a shelf whose store fails once, at its first write to a collection.
func failing(t testing.TB, collection string, outcome storetest.Outcome) shelf {
	t.Helper()
	failed := false
	return openShelf(t, t.TempDir(), storetest.NewFaulty(storetest.Driver(t), func(op storetest.Op) storetest.Outcome {
		if !op.Write || op.Collection != collection || failed {
			return storetest.Works
		}
		failed = true
		return outcome
	}))
}

func TestAStoreThatFailsLeavesNoBytesBehind(t *testing.T) {
	t.Parallel()
	s := failing(t, "packages", storetest.FailsBefore)
	_, _, err := s.Push(t.Context(), "example", bytes.NewReader(ova(t)))
	require.ErrorIs(t, err, fault.Unavailable)
	s.requireEmpty(t)
	s.push(t, "example", ova(t))
	s.requireSound(t)
}

func TestAStoreWhoseAnswerIsLostLosesNoBytes(t *testing.T) {
	t.Parallel()
	for _, collection := range []string{"packages", "names", "services"} {
		s := failing(t, collection, storetest.FailsAfter)
		_, _, err := s.Push(t.Context(), "example", bytes.NewReader(ova(t)))
		require.ErrorIs(t, err, fault.Unavailable, collection)
		openShelf(t, s.dir, s.d).requireSound(t)
		s.push(t, "example", ova(t))
		s.requireSound(t)
	}
}

// The bytes are all there: the caller's leaving does not make half a package.
func TestACallerWhoGoesAtTheEndLeavesAWholePackage(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := openShelf(t, t.TempDir(), storetest.NewFaulty(storetest.Driver(t), func(op storetest.Op) storetest.Outcome {
		if op.Write {
			cancel()
		}
		return storetest.Works
	}))
	_, _, err := s.Push(ctx, "example", bytes.NewReader(ova(t)))
	require.NoError(t, err)
	require.ErrorIs(t, ctx.Err(), context.Canceled)
	s.requireSound(t)
}

func TestAStartRemovesBytesThatNobodyRefersTo(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.push(t, "example", ova(t))
	files := s.files(t)
	sum := strings.Repeat("ab", 32)
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "blobs", "ab"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "blobs", "ab", sum), []byte("nobody's"), 0o600))
	openShelf(t, s.dir, s.d)
	require.Equal(t, files, s.files(t))
}

func TestAWrongStoreDoesNotEmptyTheFolder(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.push(t, "example", ova(t))
	files := s.files(t)
	other := openShelf(t, s.dir, storetest.Driver(t))
	require.Equal(t, files, other.files(t))
	s.requireSound(t)
}

func TestPackagesShareEqualBytes(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	mine, _ := s.push(t, "mine", ova(t))
	files := s.files(t)
	yours, _ := s.push(t, "yours", ova(t))
	require.Equal(t, files, s.files(t), "kept once")
	require.NoError(t, s.Remove(t.Context(), mine.ID))
	require.Equal(t, files, s.files(t), "one still needs them")
	s.requireSound(t)
	require.NoError(t, s.Remove(t.Context(), yours.ID))
	s.requireEmpty(t)
}

func TestMembersThatBelongToNothingAreNotKept(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	files := untar(t, ova(t))
	p, _ := s.push(t, "example", archive(t, "example.ovf", files["example.ovf"], "example.mf", files["example.mf"],
		"payload.bin", files["payload.bin"], "holiday.jpg", "not for you"))
	require.Len(t, p.Files, 3)
	var said []string
	for _, f := range p.Findings {
		said = append(said, f.String())
	}
	require.Contains(t, strings.Join(said, "\n"), "holiday.jpg")
	s.requireSound(t)
}

func TestARetiredServiceDoesNotWaitForARemovedVersion(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	old := s.publish(t, "example", ova(t))
	newer, _ := s.push(t, "example", ova(t, version("2.0")...))
	require.NoError(t, second(s.Retire(t.Context(), old.ID)))
	require.NoError(t, s.Remove(t.Context(), old.Package))
	require.NoError(t, s.Remove(t.Context(), newer.ID))
	left, err := s.Service(t.Context(), old.ID)
	require.NoError(t, err)
	require.Empty(t, left.Candidate)
	s.requireSound(t)
}

func TestANameIsFreeAgainWithItsService(t *testing.T) {
	t.Parallel()
	s := failing(t, "services", storetest.FailsBefore) // the name is claimed, the service is not made
	_, _, err := s.Push(t.Context(), "a", bytes.NewReader(renamed(t, "bb-cccc")))
	require.ErrorIs(t, err, fault.Unavailable)
	require.NoError(t, s.Remove(t.Context(), "a/bb-cccc@1.0"))
	require.NoError(t, s.Collect(t.Context()))
	two, err := pushRaw(t, s, "a-bb", "cccc")
	require.NoError(t, err)
	require.Equal(t, "a-bb-cccc", two.Name)
}

func TestANameStaysWhenABetterOneBecomesFree(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	one, err := pushRaw(t, s, "a", "bb-cccc")
	require.NoError(t, err)
	two, err := pushRaw(t, s, "a-bb", "cccc")
	require.NoError(t, err)
	require.NoError(t, s.Remove(t.Context(), one.Package))
	_, again, err := s.Push(t.Context(), "a-bb", bytes.NewReader(renamed(t, "cccc", version("2.0")...)))
	require.NoError(t, err)
	require.Equal(t, two.Name, again.Name)
	require.Equal(t, catalog.PackageID("a-bb/cccc@2.0"), again.Package)
}

// Many vendors write the version into the file's name.
func TestAVersionInTheFilesNameDoesNotMakeAnotherService(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, old, err := s.Push(t.Context(), "example", bytes.NewReader(renamed(t, "Wall-1.0-kvm")))
	require.NoError(t, err)
	for name, v := range map[string]string{"Wall-v1.1-kvm": "1.1", "wall_2.0.3_kvm": "2.0.3", "Wall-kvm": "4"} {
		p, service, err := s.Push(t.Context(), "example", bytes.NewReader(renamed(t, name, version(v)...)))
		require.NoError(t, err)
		require.Equal(t, old.ID, service.ID, name)
		require.Equal(t, catalog.PackageID("example/wall-kvm@"+v), p.ID)
	}
	p, _, err := s.Push(t.Context(), "example", bytes.NewReader(renamed(t, "5.0", version("5.0")...)))
	require.NoError(t, err)
	require.Equal(t, "example-wall", p.Name, "nothing is left of the file's name: the product's")
}

// renamed is the example under another file name.
func renamed(t testing.TB, name string, edits ...string) []byte {
	t.Helper()
	files := untar(t, ova(t, edits...))
	manifest := strings.ReplaceAll(files["example.mf"], "example.ovf", name+".ovf")
	return archive(t, name+".ovf", files["example.ovf"], name+".mf", manifest, "payload.bin", files["payload.bin"])
}
