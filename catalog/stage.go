package catalog

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bumpwire/bumpwire/ovf"
)

// stage keeps a push's members until the whole package is verified, under names
// of its own: what a member calls itself never becomes a path. It is an ovf.Sink.
type stage struct {
	dir   string
	held  *os.File
	files map[string]string // path by member name
}

func (b *Blobs) stage() (*stage, error) {
	dir, err := os.MkdirTemp(filepath.Join(b.dir, "staging"), "push-*")
	if err != nil {
		return nil, noSpace(fmt.Errorf("cannot begin to keep a package: %w", err))
	}
	held, err := holdDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot begin to keep a package: %w", err)
	}
	return &stage{dir: dir, held: held, files: map[string]string{}}, nil
}

// Create begins a member.
func (s *stage) Create(name string, _ int64) (io.WriteCloser, error) {
	path := filepath.Join(s.dir, strconv.Itoa(len(s.files)))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, noSpace(err)
	}
	s.files[name] = path
	return &stagedFile{f}, nil
}

// Commit has nothing to do: Catalog.Push moves the files once it knows that the
// package may be kept.
func (s *stage) Commit(*ovf.Package) error { return nil }

// Abort leaves the cleaning to close, which Push always calls.
func (s *stage) Abort() error { return nil }

func (s *stage) close() error {
	defer s.held.Close()
	return os.RemoveAll(s.dir)
}

// stagedFile is on disk once Close returns.
type stagedFile struct{ *os.File }

func (f *stagedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, noSpace(err)
}

func (f *stagedFile) Close() error {
	if err := f.Sync(); err != nil {
		f.File.Close()
		return noSpace(err)
	}
	return f.File.Close()
}
