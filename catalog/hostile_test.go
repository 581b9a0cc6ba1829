package catalog_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/ovf"
)

// What vendors, machines and the weather may do to a push, and what must come of
// it. The numbers have no gap, so that no case gets lost.
func TestHostileWeather(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		name  string
		check func(t *testing.T)
	}{
		{"H01 the same package twice at once; the same version with other bytes", sameAtOnce},
		{"H02 a new version takes a plan away that is in use", planTakenAway},
		{"H03 a vendor with another vendor's product", foreignProduct},
		{"H04 killed at every stage, dropped at any byte, disk full", killedAtEveryStage},
		{"H05 many uploads at once, more bytes than allowed", tooMuchAtOnce},
		{"H06 a report of hostile text", hostileReport},
		{"H07 a bomb in a compressed disk", compressedBomb},
		{"H08 certificates are judged by this machine's clock", clock},
	} {
		require.True(t, strings.HasPrefix(c.name, fmt.Sprintf("H%02d ", i+1)), c.name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.check(t)
		})
	}
}

func sameAtOnce(t *testing.T) {
	s := newShelf(t)
	other := openShelf(t, s.dir, s.d) // another broker on the same store and folder
	one, two := ova(t), ovaWith(t, "another payload")
	var wg sync.WaitGroup
	results := make([]error, 20)
	for n := range results {
		wg.Go(func() {
			broker, body := []shelf{s, other}[n%2], [][]byte{one, two}[n/10]
			_, _, results[n] = broker.Push(t.Context(), "example", bytes.NewReader(body))
		})
	}
	wg.Wait()
	packages, err := s.Packages(t.Context())
	require.NoError(t, err)
	require.Len(t, packages, 1)
	won := results[0] == nil
	for n, err := range results {
		if (n < 10) == won {
			require.NoError(t, err, "idempotent")
			continue
		}
		require.ErrorIs(t, err, fault.Conflict)
	}
	s.requireSound(t)
}

func planTakenAway(t *testing.T) {
	s := newShelf(t)
	old := s.publish(t, "example", ova(t))
	gone := old.Plans[1]
	newer, _ := s.push(t, "example", ova(t, append(version("2.0"), `ovf:id="`+gone.Configuration+`"`, `ovf:id="renamed"`, `ovf:configuration="`+gone.Configuration+`"`, `ovf:configuration="renamed"`)...))
	offer, err := s.Offer(t.Context(), old.ID, gone.ID)
	require.NoError(t, err, "until the newer one is published, the old one is offered")
	require.Equal(t, old.Package, offer.Package.ID)
	_, err = s.Publish(t.Context(), old.ID, nil)
	require.NoError(t, err)
	require.ErrorIs(t, second(s.Offer(t.Context(), old.ID, gone.ID)), fault.NotFound)
	require.NoError(t, second(s.Prices(t.Context(), old.ID, gone.ID)), "it can still be billed")
	for _, id := range []catalog.PackageID{old.Package, newer.ID} {
		pkg, err := s.Descriptor(t.Context(), id)
		require.NoError(t, err)
		require.NotNil(t, pkg.Content)
	}
	s.requireSound(t)
}

func foreignProduct(t *testing.T) {
	s := newShelf(t)
	mine := s.publish(t, "example", ova(t))
	p, theirs := s.push(t, "mallory", ovaWith(t, "evil", version("99.0")...))
	require.Equal(t, "mallory", p.Vendor, "whoever pushes, not what the package says")
	require.NotEqual(t, mine.ID, theirs.ID)
	require.NotEqual(t, mine.Name, theirs.Name)
	still, err := s.Service(t.Context(), mine.ID)
	require.NoError(t, err)
	require.Equal(t, mine.Package, still.Package)
	require.Empty(t, still.Candidate)
}

func killedAtEveryStage(t *testing.T) {
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		dir, good := t.TempDir(), ova(t)
		restarted(t, dir, func(s shelf) { s.push(t, "example", ova(t, version("0.9")...)) })
		// Before its first write to the store all blobs are in place; each next one is
		// a stage further: package, service.
		stages := 0
		for ; killedAt(t, dir, fmt.Sprint(stages+1), good); stages++ {
			restarted(t, dir, func(s shelf) {
				s.requireSound(t) // the whole package, or nothing of it
				for _, p := range packagesOf(t, s) {
					if p.Version == "1.0" {
						require.NoError(t, s.Remove(t.Context(), p.ID))
					}
				}
				require.Len(t, packagesOf(t, s), 1)
				s.requireSound(t)
			})
			require.Less(t, stages, 20)
		}
		require.GreaterOrEqual(t, stages, 2, "package, service")
		restarted(t, dir, func(s shelf) { s.requireSound(t) })
		require.True(t, killedAt(t, dir, "end", ova(t, version("2.0")...)), "after the index, before the answer")
		restarted(t, dir, func(s shelf) {
			s.requireSound(t)
			require.Len(t, packagesOf(t, s), 3, "it was all there")
			s.push(t, "example", ova(t, version("2.0")...))
			s.requireSound(t)
		})
	})
	t.Run("dropped", func(t *testing.T) {
		t.Parallel()
		good, s := ova(t), newShelf(t)
		for at := 0; at < len(good)-1024; at += 97 {
			for _, failure := range []error{io.ErrUnexpectedEOF, errors.New("connection reset by peer"), context.DeadlineExceeded} {
				_, _, err := s.Push(t.Context(), "example", io.MultiReader(bytes.NewReader(good[:at]), readerFunc(func([]byte) (int, error) { return 0, failure })))
				require.Error(t, err, "after %d bytes", at)
			}
		}
		s.requireEmpty(t)
	})
	t.Run("disk full", func(t *testing.T) {
		t.Parallel()
		dir := smallDisk(t)
		s := openShelf(t, dir, storetest.Driver(t))
		small, large := ova(t), ovaWith(t, strings.Repeat("incompressible?", 300_000), version("2.0")...)
		s.push(t, "example", small)
		_, _, err := s.Push(t.Context(), "example", bytes.NewReader(large))
		require.ErrorIs(t, err, fault.Full)
		require.Equal(t, 507, fault.Status(err))
		require.Equal(t, "there is no space left to keep the package", fault.Message(err))
		s.requireSound(t)
		s.push(t, "example", ova(t, version("3.0")...)) // the space is back
		s.requireSound(t)
	})
}

func packagesOf(t *testing.T, s shelf) []catalog.Package {
	t.Helper()
	all, err := s.Packages(t.Context())
	require.NoError(t, err)
	return all
}

// smallDisk is a file system of 2 MiB, which only root can have; it says loudly
// where there is none. A full disk is also tested with a file that is always full.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mount, err := exec.LookPath("mount")
	if err == nil {
		err = exec.CommandContext(t.Context(), mount, "-t", "tmpfs", "-o", "size=2m", "bumpwire-test", dir).Run()
	}
	if err != nil {
		t.Skipf("NO FILE SYSTEM CAN BE MOUNTED HERE (%v): a disk that gets full is not tested", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

func tooMuchAtOnce(t *testing.T) {
	dir := t.TempDir()
	c, err := catalog.New(catalog.Config{Store: store.New(storetest.Driver(t)), Dir: dir, Log: discardLog(), Quota: catalog.Quota{Pushes: 2, All: 3, Bytes: 1 << 20}})
	require.NoError(t, err)
	// Uploads that have begun and wait for their bytes.
	release, began := make(chan struct{}), make(chan struct{})
	var waiting sync.WaitGroup
	stuck := func(vendor string) {
		waiting.Go(func() {
			var once sync.Once
			_, _, err := c.Push(t.Context(), vendor, readerFunc(func([]byte) (int, error) {
				once.Do(func() { began <- struct{}{} })
				<-release
				return 0, io.ErrUnexpectedEOF
			}))
			require.Error(t, err)
		})
		<-began
	}
	stuck("example")
	stuck("example")
	_, _, err = c.Push(t.Context(), "example", bytes.NewReader(ova(t)))
	require.ErrorIs(t, err, fault.TooMany)
	require.Equal(t, `vendor "example" has 2 uploads under way; begin another when one of them has ended`, fault.Message(err))
	require.Equal(t, 429, fault.Status(err))
	stuck("other")
	for n := range 10_000 {
		_, _, err = c.Push(t.Context(), fmt.Sprint("vendor-", n), bytes.NewReader(nil))
		require.ErrorIs(t, err, fault.TooMany)
	}
	close(release)
	waiting.Wait()
	staged, err := os.ReadDir(filepath.Join(dir, "staging"))
	require.NoError(t, err)
	require.Empty(t, staged)

	// A byte quota: of what is stored, and of what streams in.
	p, _, err := c.Push(t.Context(), "example", bytes.NewReader(ovaWith(t, strings.Repeat("x", 700_000))))
	require.NoError(t, err)
	_, _, err = c.Push(t.Context(), "example", bytes.NewReader(ovaWith(t, strings.Repeat("y", 700_000), version("2.0")...)))
	require.ErrorIs(t, err, fault.TooLarge)
	require.Equal(t, 413, fault.Status(err))
	require.ErrorIs(t, c.Room(t.Context(), "example", 700_000), fault.TooLarge)
	require.NoError(t, c.Room(t.Context(), "other", 700_000))
	endless := &endlessOVA{start: endlessHeader()}
	_, _, err = c.Push(t.Context(), "example", endless)
	require.ErrorIs(t, err, fault.TooLarge)
	require.Less(t, endless.read, int64(16<<20), "refused while it streams in")
	require.NoError(t, c.Remove(t.Context(), p.ID))
	_, _, err = c.Push(t.Context(), "example", bytes.NewReader(ovaWith(t, strings.Repeat("y", 700_000), version("2.0")...)))
	require.NoError(t, err)
}

// endlessOVA is a package with a member that claims, and sends, very much.
type endlessOVA struct {
	start []byte
	read  int64
}

func (e *endlessOVA) Read(p []byte) (int, error) {
	n := len(p)
	if len(e.start) > 0 {
		n = copy(p, e.start)
		e.start = e.start[n:]
	} else {
		for i := range p {
			p[i] = 'x'
		}
	}
	e.read += int64(n)
	return n, nil
}

// endlessHeader is the header of a file of 8 GiB.
func endlessHeader() []byte {
	var b bytes.Buffer
	w := newTar(&b)
	_ = w.WriteHeader(tarFile("payload.bin", 1<<33-1))
	return b.Bytes()
}

func hostileReport(t *testing.T) {
	var log bytes.Buffer
	evil := "\x1b[2J\nlevel=ERROR msg=forged \u202e<script>alert(1)</script>" + strings.Repeat("A", 1<<16)
	c, err := catalog.New(catalog.Config{Store: store.New(storetest.Driver(t)), Dir: t.TempDir(), Log: textLog(&log)})
	require.NoError(t, err)
	for _, body := range [][]byte{
		ova(t, "<Version>1.0</Version>", "<Version>1.0</Version><Vendor>x</Vendor><Vendor>"+strings.ReplaceAll(strings.ReplaceAll(evil, "<", "&lt;"), "\x1b", "?")+"</Vendor>", "<rasd:VirtualQuantity>4<", "<rasd:VirtualQuantity>"+strings.Repeat("A", 1<<16)+"<"),
		archive(t, "example.ovf", "<"+evil, "example.mf", evil),
		withName(t, strings.ReplaceAll(evil[:60], "/", "")),
		[]byte(evil),
	} {
		_, _, err := c.Push(t.Context(), "example", bytes.NewReader(body))
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		for _, line := range append(f.Details, f.Message, err.Error()) {
			require.LessOrEqual(t, len(line), 3000)
			require.NotContains(t, line, "\u202e")
			require.Negative(t, strings.IndexFunc(line, unicode.IsControl), "%q", line)
		}
	}
	require.NotContains(t, log.String(), "forged", "what a vendor sends is the vendor's to read, not the log's")
}

// withName is an archive with one file of that name.
func withName(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := newTar(&b)
	header := tarFile(name, 0)
	header.Format = tar.FormatPAX
	require.NoError(t, w.WriteHeader(header))
	require.NoError(t, w.Close())
	return b.Bytes()
}

func compressedBomb(t *testing.T) {
	s := newShelf(t)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.CopyN(z, zeroReader{}, 256<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	body := ovaWith(t, bomb.String(), `ovf:href="payload.bin"`, `ovf:href="payload.bin" ovf:compression="gzip"`)
	began := time.Now()
	_, _, err = s.Push(t.Context(), "example", bytes.NewReader(body))
	require.ErrorIs(t, err, fault.TooLarge)
	require.ErrorContains(t, err, "more inside the gzip stream than there can be")
	require.Less(t, time.Since(began), 20*time.Second)
	s.requireEmpty(t)
	s.push(t, "example", ova(t))
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func clock(t *testing.T) {
	vendor := signer(t)
	c, err := catalog.New(catalog.Config{Store: store.New(storetest.Driver(t)), Dir: t.TempDir(), Log: discardLog(),
		Options: ovf.Options{Trust: ovf.NewTrustStore(vendor.Certificate), Signatures: ovf.SignatureMustBeKnown}})
	require.NoError(t, err)
	before := time.Now()
	// The archive's own times are of another century.
	p, _, err := c.Push(t.Context(), "example", bytes.NewReader(firewall(t, ovf.BuildOptions{Signer: vendor, Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)})))
	require.NoError(t, err)
	stored, err := c.Package(t.Context(), p.ID)
	require.NoError(t, err)
	v := stored.Verification
	require.Equal(t, ovf.SignatureTrusted, v.Signature)
	require.False(t, v.CheckedAt.Before(before.Truncate(0)) || v.CheckedAt.After(time.Now()), "recorded")
	require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(vendor.Certificate.Raw)), v.Certificate.Fingerprint)
	require.WithinDuration(t, vendor.Certificate.NotAfter, v.Certificate.NotAfter, 0)

	_, _, err = c.Push(t.Context(), "example", bytes.NewReader(firewall(t, ovf.BuildOptions{Signer: signer(t)})))
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "only packages with a trusted signature are taken; this one is untrusted")
}
