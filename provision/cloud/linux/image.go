//go:build linux

package linux

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
)

var digests = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// imageCache keeps disk images by digest. An image is there whole and verified,
// or not at all. Images are never written to: each appliance has overlays.
type imageCache struct {
	dir string
	mu  sync.Mutex
	// busy holds one slot per digest being fetched: many appliances of one package
	// that boot at the same time wait for one download.
	busy map[string]chan struct{}
}

func newImageCache(dir string) *imageCache {
	return &imageCache{dir: dir, busy: map[string]chan struct{}{}}
}

// fetch is the path of a disk's image. Invalid when its bytes are not those that
// were promised, or could make QEMU open other files; Full when there is no space.
func (c *imageCache) fetch(ctx context.Context, d cloud.Disk) (string, error) {
	if !digests.MatchString(d.Digest) {
		return "", fault.New(fault.Invalid, "disk %q has an image but no sha256 digest", d.ID)
	}
	path := filepath.Join(c.dir, d.Digest[len("sha256:"):])
	release, err := c.claim(ctx, d.Digest)
	if err != nil {
		return "", err
	}
	defer release()
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", noSpace(err)
	}
	return path, c.download(ctx, d, path)
}

func (c *imageCache) claim(ctx context.Context, digest string) (release func(), err error) {
	c.mu.Lock()
	slot, ok := c.busy[digest]
	if !ok {
		slot = make(chan struct{}, 1)
		c.busy[digest] = slot
	}
	c.mu.Unlock()
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *imageCache) download(ctx context.Context, d cloud.Disk, path string) error {
	in, err := d.Open(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the image of disk %q: %w", d.ID, err)
	}
	defer in.Close()
	c.removeStale()
	f, err := os.CreateTemp(c.dir, unfinished)
	if err != nil {
		return noSpace(err)
	}
	defer os.Remove(f.Name()) // after the rename it is gone already
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("cannot lock an image that is being fetched: %w", err)
	}
	sum := sha256.New()
	sparse := &sparseFile{File: f}
	if _, err := io.Copy(io.MultiWriter(sparse, sum), untilDone{ctx, in}); err != nil {
		return fmt.Errorf("cannot keep the image of disk %q: %w", d.ID, noSpace(err))
	}
	if err := sparse.end(); err != nil {
		return fmt.Errorf("cannot keep the image of disk %q: %w", d.ID, noSpace(err))
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != d.Digest {
		return fault.New(fault.Invalid, "the image of disk %q is damaged: its digest is %s instead of %s", d.ID, got, d.Digest)
	}
	if err := cloud.SelfContained(f, d); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return noSpace(err)
	}
	return os.Rename(f.Name(), path)
}

// unfinished is the pattern of images that are being fetched, each locked by its
// fetcher.
const unfinished = ".new-*"

// removeStale removes what fetchers that died left behind: nobody holds its lock.
// One that is being made at this instant may be hit and is fetched again.
func (c *imageCache) removeStale() {
	files, err := filepath.Glob(filepath.Join(c.dir, unfinished))
	if err != nil {
		return
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.Remove(path)
		}
		f.Close()
	}
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// qemuFormat is what QEMU calls a format; "" for one that is not taken.
func qemuFormat(format string) string {
	switch format {
	case "vhd":
		return "vpc"
	case "raw", "vmdk", "qcow2", "vdi", "vhdx":
		return format
	}
	return ""
}
