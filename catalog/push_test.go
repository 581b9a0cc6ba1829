package catalog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
)

func TestAPushMakesADraft(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	p, service := s.push(t, "example", ova(t))
	require.Equal(t, catalog.PackageID("example/example@1.0"), p.ID)
	require.Equal(t, "example.ovf", p.Descriptor)
	require.Equal(t, "Be good.", s.eula(t, p.EULAs[0].Digest))
	require.Equal(t, []string{"example.ovf", "example.mf", "payload.bin"}, []string{p.Files[0].Name, p.Files[1].Name, p.Files[2].Name})
	require.Equal(t, "payload of every version", string(s.read(t, p.Files[2].Digest)))
	s.requireSound(t)

	service.Changed = time.Time{}
	text, err := json.MarshalIndent(service, "", "  ")
	require.NoError(t, err)
	golden(t, "draft.golden.json", append(text, '\n'))

	stored, err := s.Service(t.Context(), service.ID)
	require.NoError(t, err)
	require.Equal(t, catalog.Draft, stored.State)
	pkg, err := s.Descriptor(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, "Example Wall", pkg.Product().Name)
}

func TestAWrongPackageLeavesNothing(t *testing.T) {
	t.Parallel()
	good := ova(t)
	broken := bytes.Clone(good)
	broken[bytes.Index(broken, []byte("payload of"))] = 'P'
	long := strings.Repeat("x", 70)
	for _, c := range []struct {
		name, vendor string
		ova          []byte
		kind         error
		detail       string
	}{
		{"altered", "example", broken, fault.Invalid, "example.mf:2:1: error "},
		{"cut off", "example", good[:len(good)-2000], fault.Invalid, "error "},
		{"empty", "example", nil, fault.Invalid, "error "},
		{"no archive", "example", []byte(strings.Repeat("This is no archive.\n", 100)), fault.Invalid, "error "},
		{"no descriptor", "example", archive(t, "readme.txt", "hello"), fault.Invalid, "error "},
		{"a file is missing", "example", ova(t, `"payload.bin"`, `"elsewhere.bin"`), fault.Invalid, "example.ovf:6:"},
		{"a wrong number", "example", ova(t, "<rasd:VirtualQuantity>4<", "<rasd:VirtualQuantity>four<"), fault.Invalid, "example.ovf:"},
		{"a path as a name", "example", archive(t, "../../etc/passwd", "root", "example.ovf", "<x/>"), fault.Invalid, "error "},
		{"vendor empty", "", good, fault.Invalid, ""},
		{"vendor in capitals", "Example", good, fault.Invalid, ""},
		{"vendor is a path", "../x", good, fault.Invalid, ""},
		{"vendor too long", long, good, fault.Invalid, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			_, _, err := s.Push(t.Context(), c.vendor, bytes.NewReader(c.ova))
			require.ErrorIs(t, err, c.kind)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.detail != "", slices.ContainsFunc(f.Details, func(d string) bool { return strings.Contains(d, c.detail) }), "%q", f.Details)
			s.requireEmpty(t)
		})
	}
}

func TestAPushThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	good := ova(t)
	s := newShelf(t)
	for at := 0; at < len(good)-1024; at += 256 {
		_, _, err := s.Push(t.Context(), "example", io.MultiReader(bytes.NewReader(good[:at]), readerFunc(func([]byte) (int, error) {
			return 0, errors.New("the connection was reset")
		})))
		require.ErrorContains(t, err, "the connection was reset", "after %d bytes", at)
	}
	s.requireEmpty(t)
	s.push(t, "example", good)
	s.requireSound(t)
}

func TestTheSamePackageAgainHasNoEffect(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	first, service := s.push(t, "example", ova(t))
	files, version := s.files(t), s.version(t)
	again, same := s.push(t, "example", ova(t))
	require.Equal(t, first.Pushed, again.Pushed)
	require.Equal(t, first.Files, again.Files)
	require.Equal(t, service.Changed, same.Changed)
	require.Equal(t, files, s.files(t))
	require.Equal(t, version, s.version(t))
}

func (s shelf) version(t testing.TB) string {
	t.Helper()
	v, err := s.Version(t.Context())
	require.NoError(t, err)
	return v
}

func TestOtherBytesUnderTheSameVersionAreAConflict(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	p, _ := s.push(t, "example", ova(t))
	files := s.files(t)
	_, _, err := s.Push(t.Context(), "example", bytes.NewReader(ovaWith(t, "another payload")))
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "example/example@1.0")
	require.Equal(t, files, s.files(t), "nothing of the other is kept")
	stored, err := s.Package(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, p.Digest, stored.Digest)
}

func TestIdsStayOverReUpload(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	_, old := s.push(t, "example", ova(t))
	_, fresh := s.push(t, "example", ova(t, version("1.1")...))
	_, elsewhere := newShelf(t).push(t, "example", ova(t, version("7")...))
	require.Equal(t, catalog.PackageID("example/example@1.1"), fresh.Package)
	for _, other := range []catalog.Service{fresh, elsewhere} {
		require.Equal(t, old.ID, other.ID)
		require.Equal(t, old.Name, other.Name)
		require.Equal(t, old.Plans[0].ID, other.Plans[0].ID)
		require.Equal(t, old.Plans[1].ID, other.Plans[1].ID)
	}
	// A change of these would orphan every instance there is.
	golden(t, "ids.golden", []byte(fmt.Sprintf("%s\n%s\n%s\n", old.ID, old.Plans[0].ID, old.Plans[1].ID)))
}

func TestAnOlderVersionPushedAgainDoesNotReplaceANewerDraft(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	s.push(t, "example", ova(t))
	s.push(t, "example", ova(t, version("1.1")...))
	_, service := s.push(t, "example", ova(t))
	require.Equal(t, catalog.PackageID("example/example@1.1"), service.Package)
}

func TestVendorsCannotReachEachOthersServices(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	mine := s.publish(t, "example", ova(t))
	_, theirs := s.push(t, "mallory", ovaWith(t, "evil"))
	require.NotEqual(t, mine.ID, theirs.ID)
	require.NotEqual(t, mine.Plans[0].ID, theirs.Plans[0].ID)
	require.NotEqual(t, mine.Name, theirs.Name)
	still, err := s.Service(t.Context(), mine.ID)
	require.NoError(t, err)
	require.Equal(t, mine.Package, still.Package)
}

func TestNoTwoServicesHaveOneName(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	// "a" with "bb-cccc" and "a-bb" with "cccc": both would be a-bb-cccc.
	one, err := pushRaw(t, s, "a", "bb-cccc")
	require.NoError(t, err)
	two, err := pushRaw(t, s, "a-bb", "cccc")
	require.NoError(t, err)
	require.Equal(t, "a-bb-cccc", one.Name)
	require.Equal(t, "a-bb-cccc-"+string(two.ID[:8]), two.Name)
	again, err := s.Publish(t.Context(), two.ID, nil)
	require.NoError(t, err)
	require.Equal(t, two.Name, again.Name, "a name stays")
	s.requireSound(t)
}

// pushRaw pushes the example under another file name, which is its name here.
func pushRaw(t testing.TB, s shelf, vendor, name string) (catalog.Service, error) {
	t.Helper()
	files := untar(t, ova(t))
	manifest := strings.ReplaceAll(files["example.mf"], "example.ovf", name+".ovf")
	_, service, err := s.Push(t.Context(), vendor, bytes.NewReader(archive(t,
		name+".ovf", files["example.ovf"], name+".mf", manifest, "payload.bin", files["payload.bin"])))
	return service, err
}

func TestManyPushesAtOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	other := openShelf(t, s.dir, s.d) // another broker on the same store and folder
	var wg sync.WaitGroup
	results := make(chan error, 40)
	for n := range 20 {
		for _, broker := range []shelf{s, other} {
			wg.Go(func() {
				_, _, err := broker.Push(t.Context(), "example", bytes.NewReader(ova(t, version(fmt.Sprintf("1.%d", n/5))...)))
				results <- err
			})
		}
	}
	wg.Wait()
	close(results)
	for err := range results {
		require.NoError(t, err)
	}
	packages, err := s.Packages(t.Context())
	require.NoError(t, err)
	require.Len(t, packages, 4)
	s.requireSound(t)
}

func TestTwoPackagesOfOneVersionAtOnce(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for n, payload := range []string{"this", "that"} {
		wg.Go(func() { _, _, errs[n] = s.Push(t.Context(), "example", bytes.NewReader(ovaWith(t, payload))) })
	}
	wg.Wait()
	require.True(t, (errs[0] == nil) != (errs[1] == nil), "one wins: %v", errs)
	require.ErrorIs(t, errors.Join(errs...), fault.Conflict)
	s.requireSound(t)
}

func TestAStartSweepsDeadPushesAndNoLiveOnes(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	good := ova(t)
	reached, resume := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		half := io.MultiReader(bytes.NewReader(good[:len(good)/2]), readerFunc(func([]byte) (int, error) {
			close(reached)
			<-resume
			return 0, io.EOF // on to the second half
		}), bytes.NewReader(good[len(good)/2:]))
		_, _, err := s.Push(t.Context(), "example", half)
		done <- err
	}()
	<-reached
	dead := filepath.Join(s.dir, "staging", "push-1")
	require.NoError(t, os.Mkdir(dead, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dead, "0"), []byte("half a member"), 0o600))
	openShelf(t, s.dir, s.d)
	require.NoDirExists(t, dead)
	close(resume)
	require.NoError(t, <-done)
	s.requireSound(t)
}

func TestACrashAtAnyWriteLosesNothing(t *testing.T) {
	t.Parallel()
	stories := map[string]func(shelf) error{
		"push": func(s shelf) error {
			_, _, err := s.Push(background, "example", bytes.NewReader(ova(t, version("2")...)))
			return err
		},
		"publish": func(s shelf) error {
			services, err := s.Services(background)
			return errors.Join(err, publishAll(s, services))
		},
		"remove": func(s shelf) error { return s.Remove(background, "example/example@1.0") },
	}
	for name, story := range stories {
		for _, published := range []bool{false, true} {
			for how, outcome := range map[string]storetest.Outcome{"before": storetest.DiesBefore, "after": storetest.DiesAfter, "unsure": storetest.FailsAfter} {
				t.Run(fmt.Sprintf("%s published=%v dies %s", name, published, how), func(t *testing.T) {
					t.Parallel()
					for write := 1; crash(t, story, published, write, outcome); write++ {
						require.Less(t, write, 20)
					}
				})
			}
		}
	}
}

func publishAll(s shelf, services []catalog.Service) error {
	for _, service := range services {
		if _, err := s.Publish(background, service.ID, nil); err != nil {
			return err
		}
	}
	return nil
}

// crash runs a story on a broker that dies at a write, then starts another one. It
// reports whether there was such a write.
func crash(t *testing.T, story func(shelf) error, published bool, write int, outcome storetest.Outcome) bool {
	dir, disk := t.TempDir(), storetest.Driver(t)
	s := openShelf(t, dir, disk)
	s.push(t, "example", ova(t, "<Version>1.0</Version>", "<Version>0.9</Version>"))
	s.push(t, "example", ova(t))
	if published {
		s.publish(t, "other", ova(t))
	}
	faulty := storetest.NewFaulty(disk, func(op storetest.Op) storetest.Outcome {
		if op.Write && op.N == write {
			return outcome
		}
		return storetest.Works
	})
	err := story(openShelf(t, dir, faulty))
	if faulty.Writes() < write {
		require.NoError(t, err)
		return false
	}
	require.ErrorIs(t, err, fault.Unavailable)
	after := openShelf(t, dir, disk)
	after.requireSound(t)
	after.push(t, "example", ova(t, version("2")...))
	after.requireSound(t)
	return true
}
