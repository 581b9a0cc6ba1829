//go:build linux

package linux

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
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
	if err := selfContained(f, d); err != nil {
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

// selfContained refuses images that name other files: opened with our rights,
// they would show a package's vendor anything on this machine. The format is
// always said to QEMU; a raw image that begins like another is refused all the
// same, in case anybody looks at it without being told.
func selfContained(f io.ReaderAt, d cloud.Disk) error {
	head := make([]byte, 104)
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	bad := func(why string) error {
		return fault.New(fault.Invalid, "the image of disk %q %s", d.ID, why)
	}
	begins := ""
	for _, known := range []struct{ magic, format string }{
		{"KDMV", "vmdk"}, {"COWD", "vmdk"}, {"# Disk Descriptor", "vmdk"}, {"QFI\xfb", "qcow2"}, {"QED\x00", "qed"},
		{"vhdxfile", "vhdx"}, {"conectix", "vhd"}, {"LUKS\xba\xbe", "luks"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			begins = known.format
		}
	}
	if bytes.Equal(head[64:68], []byte("\x7f\x10\xda\xbe")) {
		begins = "vdi"
	}
	switch {
	case qemuFormat(d.Format) == "":
		return bad(fmt.Sprintf("has the format %q; this cloud reads vmdk, qcow2, raw, vhd, vhdx and vdi", d.Format))
	case d.Format == "raw" && begins != "":
		return bad("is said to be raw and begins like a " + begins)
	case begins != d.Format && d.Format != "raw" && d.Format != "vhd": // a VHD may have nothing but an end
		return bad("is not a " + d.Format)
	case d.Format == "vmdk":
		return wholeVMDK(f, head, bad)
	case d.Format == "qcow2" && binary.BigEndian.Uint64(head[8:]) != 0:
		return bad("names a backing file")
	case d.Format == "qcow2" && binary.BigEndian.Uint32(head[4:]) >= 3 && binary.BigEndian.Uint64(head[72:])&4 != 0:
		return bad("names an external data file")
	}
	return nil
}

// wholeVMDK looks for what makes QEMU open other files: a capacity of 0, which
// makes it read the file as a descriptor, and the name of a parent anywhere in
// the 20 sectors that it takes for one.
func wholeVMDK(f io.ReaderAt, head []byte, bad func(string) error) error {
	if !bytes.HasPrefix(head, []byte("KDMV")) {
		return bad("is not a sparse VMDK, which has its data in itself")
	}
	place := binary.LittleEndian.Uint64(head[28:])
	if binary.LittleEndian.Uint64(head[12:]) == 0 || place > 1<<40 {
		return bad("is a VMDK descriptor that names other files")
	}
	text := make([]byte, 20*512)
	if _, err := f.ReadAt(text, int64(place)*512); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if bytes.Contains(bytes.ToLower(text), []byte("parentfilenamehint")) {
		return bad("is a VMDK that names a parent")
	}
	return nil
}
