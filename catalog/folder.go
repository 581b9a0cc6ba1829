package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Folder keeps blobs as files under the names of their digests:
//
//	blobs/ab/abcdef…   the bytes whose SHA-256 is abcdef…
//	staging/*/         what pushes under way have written so far
//	lock               held while blobs go in and out, and while staging is made or swept
//
// Several processes may use one folder.
type Folder struct {
	dir string
}

// NewFolder is a folder of blobs as it is; nothing is looked at or made yet.
func NewFolder(dir string) *Folder { return &Folder{dir: dir} }

// OpenFolder is a folder of blobs, made if need be.
func OpenFolder(dir string) (*Folder, error) {
	b := NewFolder(dir)
	for _, sub := range []string{"blobs", "staging"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("cannot make the package folder: %w", err)
		}
	}
	// What is stored must not be lost with the folders' names.
	for _, d := range []string{dir, filepath.Dir(filepath.Clean(dir))} {
		if err := syncDir(d); err != nil {
			return nil, fmt.Errorf("cannot make the package folder durable: %w", err)
		}
	}
	return b, nil
}

// Open streams a blob. NotFound when there is none.
func (b *Folder) Open(_ context.Context, digest string) (io.ReadCloser, error) {
	path, err := b.path(digest)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "no stored file has the digest %s", digest)
	}
	return f, err
}

// Size is how many bytes a blob has. NotFound when there is none.
func (b *Folder) Size(_ context.Context, digest string) (int64, error) {
	path, err := b.path(digest)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fault.New(fault.NotFound, "no stored file has the digest %s", digest)
	}
	if err != nil {
		return 0, fault.New(fault.Unavailable, "cannot look for the files of packages: %w", err)
	}
	return info.Size(), nil
}

// path takes only what this package writes, so that no digest can name a file
// elsewhere.
func (b *Folder) path(digest string) (string, error) {
	sum, err := Sum(digest)
	if err != nil {
		return "", err
	}
	return filepath.Join(b.dir, "blobs", sum[:2], sum), nil
}

// String is the folder's path, for people.
func (b *Folder) String() string { return b.dir }

// add moves staged files to their places and returns when those are on disk. A
// blob that is there already is replaced by the same bytes, which heals one that
// has rotted; who reads the old one goes on reading it.
func (b *Folder) add(files []File, staged *stage) error {
	changed := map[string]bool{filepath.Join(b.dir, "blobs"): true}
	for _, f := range files {
		path, err := b.path(f.Digest)
		if err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return noSpace(err)
		}
		if err := os.Rename(staged.files[f.Name], path); err != nil {
			return noSpace(fmt.Errorf("cannot keep %q: %w", f.Name, err))
		}
		changed[filepath.Dir(path)] = true
	}
	for dir := range changed {
		if err := syncDir(dir); err != nil {
			return noSpace(err)
		}
	}
	return nil
}

// Remove deletes blobs; one that is not there is no error.
func (b *Folder) Remove(_ context.Context, digests []string) error {
	var failed []error
	for _, digest := range digests {
		path, err := b.path(digest)
		if err == nil {
			err = os.Remove(path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// All are the digests of the blobs. Files that are none of ours are not among them.
func (b *Folder) All(context.Context) (digests []string, err error) {
	err = filepath.WalkDir(filepath.Join(b.dir, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		digest := digestPrefix + d.Name()
		if place, err := b.path(digest); err == nil && place == path {
			digests = append(digests, digest)
		}
		return nil
	})
	return digests, err
}

// locked runs f while no other push or removal, of any process, changes which
// blobs are in use.
func (b *Folder) locked(ctx context.Context, f func(context.Context) error) error {
	lock, err := os.OpenFile(filepath.Join(b.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return noSpace(fmt.Errorf("cannot lock the package folder: %w", err))
	}
	defer lock.Close() // ends the lock too
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("cannot lock the package folder: %w", err)
	}
	return f(ctx)
}

// Sweep removes staging folders that no living process holds. The lock keeps it
// from one that has been made and is not held yet.
func (b *Folder) Sweep(context.Context) error {
	entries, err := os.ReadDir(filepath.Join(b.dir, "staging"))
	if err != nil {
		return fmt.Errorf("cannot look for unfinished pushes: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(b.dir, "staging", e.Name())
		held, err := holdDir(path)
		if err != nil {
			continue // somebody is writing there
		}
		err = os.RemoveAll(path)
		held.Close()
		if err != nil {
			return fmt.Errorf("cannot remove an unfinished push: %w", err)
		}
	}
	return nil
}

// holdDir marks a folder as in use for as long as the file is open.
func holdDir(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// noSpace gives a full disk its kind.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &fault.Error{Kind: fault.Full, Message: "there is no space left to keep the package", Err: err}
	}
	return err
}
