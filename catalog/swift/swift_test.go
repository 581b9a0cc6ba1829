package swift

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/config"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"
	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/containers"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/catalog/blobtest"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/ovf"
)

// small segments make large objects of small files.
const small = 64 << 10

func openStore(t *testing.T, client *gophercloud.ServiceClient) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Client: client, Container: "c" + strings.ToLower(rand.Text()), Spool: t.TempDir(), Segment: small})
	require.NoError(t, err)
	s.pause = time.Millisecond
	return s
}

func onFake(t *testing.T) (*fakeSwift, *Store) {
	t.Helper()
	f, client := newFake(t)
	return f, openStore(t, client)
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) catalog.Blobs {
		_, s := onFake(t)
		return s
	}, small-1, small, small+1, 5*small)
}

// onLab is a container of its own in a real Swift.
func onLab(t *testing.T) *Store {
	t.Helper()
	name := os.Getenv("BUMPWIRE_TEST_OPENSTACK")
	if name == "" {
		t.Skip("NOT TESTED: BUMPWIRE_TEST_OPENSTACK names no OpenStack; make test-openstack starts one")
	}
	account, endpoint, secure, err := clouds.Parse(clouds.WithCloudName(name))
	require.NoError(t, err)
	provider, err := config.NewProviderClient(t.Context(), account, config.WithTLSConfig(secure))
	require.NoError(t, err)
	client, err := openstack.NewObjectStorageV1(provider, endpoint)
	require.NoError(t, err)
	s := openStore(t, client)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		list, err := s.list(ctx, "")
		require.NoError(t, err)
		for _, o := range list {
			require.NoError(t, s.delete(ctx, o.Name))
		}
		require.NoError(t, containers.Delete(ctx, client, s.container).Err)
	})
	return s
}

func TestBlobsInSwift(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, func(t *testing.T) catalog.Blobs { return onLab(t) }, small-1, small, small+1, 5*small)
}

func TestPackagesInSwift(t *testing.T) {
	t.Parallel()
	packages(t, onLab(t))
}

func TestPackages(t *testing.T) {
	t.Parallel()
	f, s := onFake(t)
	packages(t, s)
	require.Empty(t, f.names(), "nothing is left of packages that are gone")
}

// packages pushes a package to two catalogs over one store, as two brokers do, reads
// it, and removes it.
func packages(t *testing.T, s *Store) {
	driver := storetest.Driver(t)
	open := func() *catalog.Catalog {
		c, err := catalog.New(catalog.Config{Store: store.New(driver), Blobs: s, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		return c
	}
	one, other := open(), open()
	var ova bytes.Buffer
	_, err := ovf.Build(t.Context(), "../../testdata/firewall", &ova, ovf.BuildOptions{})
	require.NoError(t, err)

	_, _, err = one.Push(t.Context(), "acme", bytes.NewReader(ova.Bytes()[:ova.Len()/2]))
	require.ErrorIs(t, err, fault.Invalid)
	list, err := s.list(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, list, "nothing is kept of a package that is refused")

	var p catalog.Package
	var both sync.WaitGroup
	for _, c := range []*catalog.Catalog{one, other} {
		both.Go(func() {
			pushed, _, err := c.Push(t.Context(), "acme", bytes.NewReader(ova.Bytes()))
			if err != nil {
				t.Error(err)
			}
			if c == one {
				p = pushed
			}
		})
	}
	both.Wait()
	require.NotEmpty(t, p.Files)
	for _, file := range p.Files {
		r, err := other.Open(t.Context(), file.Digest)
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, file.Digest, fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
	}
	var found store.Findings
	_, err = catalog.Check(t.Context(), store.New(driver), s, &found)
	require.NoError(t, err)
	require.Empty(t, found)

	require.NoError(t, s.Remove(t.Context(), []string{p.Files[0].Digest}))
	_, err = catalog.Check(t.Context(), store.New(driver), s, &found)
	require.NoError(t, err)
	require.Len(t, found, 1)
	_, _, err = other.Push(t.Context(), "acme", bytes.NewReader(ova.Bytes()))
	require.NoError(t, err, "the same package again brings what was lost")
	require.NoError(t, other.Remove(t.Context(), p.ID))
	digests, err := s.All(t.Context())
	require.NoError(t, err)
	require.Empty(t, digests)
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// bring stages a file; it is not added yet.
func bring(t *testing.T, s *Store, data []byte) (catalog.Stage, error) {
	t.Helper()
	stage, err := s.Stage(t.Context())
	require.NoError(t, err)
	w, err := stage.Create("m", 0)
	require.NoError(t, err)
	_, err = w.Write(data)
	if err == nil {
		err = w.Close()
	}
	return stage, err
}

func keep(t *testing.T, s *Store, data []byte) string {
	t.Helper()
	stage, err := bring(t, s, data)
	require.NoError(t, err)
	require.NoError(t, stage.Add(t.Context(), []catalog.File{{Name: "m", Digest: digestOf(data)}}))
	require.NoError(t, stage.Close())
	return digestOf(data)
}

// Each call fails once, before its effect or with its answer lost; the file is kept
// all the same, or nothing of it is.
func TestCallsThatFail(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("0123456789abcdef"), 3*small/16)
	for _, status := range []int{500, 503, 401, 413, 507} {
		for _, late := range []bool{false, true} {
			for n, failing := 0, true; failing; n++ {
				f, s := onFake(t)
				count, hit := 0, false
				fail := func(*http.Request) int {
					if count++; count-1 == n {
						hit = true
						return status
					}
					return 0
				}
				if late {
					f.after = fail
				} else {
					f.before = fail
				}
				name := fmt.Sprintf("call %d, %d, late %v", n, status, late)
				err := attempt(t.Context(), s, data)
				failing = hit
				f.before, f.after = func(*http.Request) int { return 0 }, func(*http.Request) int { return 0 }
				if status >= 500 && status != 507 {
					require.NoError(t, err, name)
				}
				if err != nil && status == 413 {
					require.ErrorIs(t, err, fault.Full, name)
				}
				f.now = func() time.Time { return time.Now().Add(-2 * abandoned) }
				for path, o := range f.objects {
					o.modified = f.now()
					f.objects[path] = o
				}
				require.NoError(t, s.Sweep(t.Context()), name)
				digests, err := s.All(t.Context())
				require.NoError(t, err)
				if len(digests) > 0 {
					r, err := s.Open(t.Context(), digests[0])
					require.NoError(t, err, name)
					got, err := io.ReadAll(r)
					require.NoError(t, err, name)
					require.True(t, bytes.Equal(data, got), name)
				}
				require.NoError(t, s.Remove(t.Context(), digests), name)
				require.Empty(t, f.names(), name)
			}
		}
	}
}

// attempt does what a push does, a failed one's tidying included.
func attempt(ctx context.Context, s *Store, data []byte) error {
	stage, err := s.Stage(ctx)
	if err != nil {
		return err
	}
	defer stage.Close()
	w, err := stage.Create("m", 0)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	digest := digestOf(data)
	if err := stage.Add(ctx, []catalog.File{{Name: "m", Digest: digest}}); err != nil {
		_ = s.Remove(ctx, []string{digest})
		return err
	}
	return nil
}

func TestAConnectionThatBreaksIsTakenUp(t *testing.T) {
	t.Parallel()
	f, s := onFake(t)
	data := bytes.Repeat([]byte("fedcba9876543210"), 4*small/16)
	digest := keep(t, s, data)
	ranges := 0
	f.cut = func(r *http.Request) int {
		if r.Header.Get("Range") != "" {
			ranges++
		}
		return small - 1
	}
	r, err := s.Open(t.Context(), digest)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	require.Equal(t, 4, ranges)
}

func TestAFileThatLostASegmentIsMendedByTheSamePush(t *testing.T) {
	t.Parallel()
	f, s := onFake(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 3*small/16)
	digest := keep(t, s, data)
	for _, name := range f.names() {
		if strings.HasSuffix(name, ".1") {
			delete(f.objects, name)
		}
	}
	_, err := s.Open(t.Context(), digest)
	require.ErrorIs(t, err, fault.Unavailable)
	require.Equal(t, digest, keep(t, s, data))
	require.Len(t, f.names(), 1+3, "one blob and its segments")
	r, err := s.Open(t.Context(), digest)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}

func TestWhatAKilledPushLeftIsSweptAfterADay(t *testing.T) {
	t.Parallel()
	f, s := onFake(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 3*small/16)
	f.now = func() time.Time { return time.Now().Add(-abandoned + time.Hour) }
	_, err := bring(t, s, data)
	require.NoError(t, err)
	require.NoError(t, s.Sweep(t.Context()))
	require.Len(t, f.names(), 4, "it may still be at work")

	// Killed between making the blob and removing the mark.
	f.now = func() time.Time { return time.Now().Add(-abandoned - time.Hour) }
	added, err := bring(t, s, data)
	require.NoError(t, err)
	require.NoError(t, added.Add(t.Context(), []catalog.File{{Name: "m", Digest: digestOf(data)}}))
	_, err = bring(t, s, data)
	require.NoError(t, err)
	require.NoError(t, s.Sweep(t.Context()))
	require.Len(t, f.names(), 4+4, "the young one, and the blob with its segments")
	r, err := s.Open(t.Context(), digestOf(data))
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}

func TestSegmentsGrowWithWhatAFileMayBe(t *testing.T) {
	t.Parallel()
	_, client := newFake(t)
	for largest, want := range map[int64]int64{0: 64 << 20, 64 << 30: 68719477, 1 << 40: 1099511628} {
		s, err := Open(t.Context(), Options{Client: client, Container: "c", Largest: largest})
		require.NoError(t, err)
		require.Equal(t, want, s.segment)
		require.LessOrEqual(t, largest, s.segment*maxSegments)
	}
}
