package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Blobs keeps the bytes of packages in a folder: each blob is a file
// sha256/ab/cdef… named by its digest, so equal content is kept once. A blob
// appears whole, by a rename, or not at all. Several processes may work in one
// folder at the same time.
//
// Bytes come in through a staging folder each (see stage). The file "lock" is held
// shared while a staging folder is made and from the first rename to the document
// that names the blobs, and exclusively while anything is removed.
type Blobs struct {
	dir string
}

// OpenBlobs opens the folder, makes it where it is absent, and removes what pushes
// of processes that died have left in staging. fault.Unavailable when the folder
// cannot be written.
func OpenBlobs(dir string) (*Blobs, error) {
	b := &Blobs{dir: dir}
	for _, sub := range []string{b.staging(), b.path("sha256")} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return nil, fault.New(fault.Unavailable, "cannot make the package folder: %w", err)
		}
	}
	if err := b.sweep(); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot clear the package folder: %w", err)
	}
	return b, nil
}

// Open streams a blob. fault.NotFound when it is not there.
func (b *Blobs) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := b.file(digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no file with the digest %s", digest)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open blob: %w", err)
	}
	return f, nil
}

// collect removes every blob that keep does not hold. What keep is asked for is
// read while no push can add to it.
func (b *Blobs) collect(ctx context.Context, kept func(context.Context) (map[string]bool, error)) error {
	unlock, err := b.lock(syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	keep, err := kept(ctx)
	if err != nil {
		return err
	}
	return filepath.WalkDir(b.path("sha256"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		digest := "sha256:" + filepath.Base(filepath.Dir(path)) + e.Name()
		if !digestForm.MatchString(digest) || keep[digest] {
			return ctx.Err()
		}
		return os.Remove(path)
	})
}

// sweep removes the staging folders whose owner is dead: nobody holds their lock.
func (b *Blobs) sweep() error {
	unlock, err := b.lock(syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(b.staging())
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(b.staging(), e.Name())
		held, err := flock(path, os.O_RDONLY, syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		err = os.RemoveAll(path)
		held.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// lock takes the folder's lock, which ends with the process at the latest.
func (b *Blobs) lock(how int) (unlock func(), err error) {
	f, err := flock(b.path("lock"), os.O_RDWR|os.O_CREATE, how)
	if err != nil {
		return nil, full(fmt.Errorf("cannot lock the package folder: %w", err))
	}
	return func() { f.Close() }, nil
}

// flock opens a file or folder and locks it until it is closed.
func flock(path string, flag, how int) (*os.File, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// file is where a blob lies or would lie.
func (b *Blobs) file(digest string) (string, error) {
	if !digestForm.MatchString(digest) {
		return "", fault.New(fault.Invalid, "%q is not a digest of the form sha256:…", digest)
	}
	name := digest[len("sha256:"):]
	return b.path("sha256", name[:2], name[2:]), nil
}

func (b *Blobs) staging() string { return b.path("staging") }

func (b *Blobs) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// syncDir puts the names in a folder on disk.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// full gives an error its kind when it says that the disk has no room left.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &fault.Error{Kind: fault.Full, Message: "there is no space left for the package", Err: err}
	}
	return err
}
