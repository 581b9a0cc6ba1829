package catalog

import (
	"bytes"
	"context"
	"errors"
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
	in    *Folder
	dir   string
	held  *os.File
	files map[string]string // path by member name
}

// Stage begins to keep the members of one package.
func (b *Folder) Stage(ctx context.Context) (Stage, error) {
	s := &stage{in: b, files: map[string]string{}}
	err := b.locked(ctx, func(context.Context) (err error) {
		if s.dir, err = os.MkdirTemp(filepath.Join(b.dir, "staging"), "push-*"); err == nil {
			s.held, err = holdDir(s.dir)
		}
		return err
	})
	if err != nil {
		return nil, noSpace(fmt.Errorf("cannot begin to keep a package: %w", err))
	}
	return s, nil
}

// Create begins a member. Nothing is allocated for the size it claims.
func (s *stage) Create(name string, _ int64) (io.WriteCloser, error) {
	path := filepath.Join(s.dir, strconv.Itoa(len(s.files)))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, noSpace(err)
	}
	s.files[name] = path
	return &stagedFile{file: f}, nil
}

// Open reads a member that is there.
func (s *stage) Open(name string) (io.ReadCloser, error) {
	path, ok := s.files[name]
	if !ok {
		return nil, fmt.Errorf("there is no member %q", name)
	}
	return os.Open(path)
}

// Commit has nothing to do: Catalog.Push moves the files once it knows that the
// package may be kept.
func (s *stage) Commit(*ovf.Package) error { return nil }

// Abort leaves the cleaning to Close, which Push always calls.
func (s *stage) Abort() error { return nil }

// Add moves the files to their places.
func (s *stage) Add(_ context.Context, files []File) error { return s.in.add(files, s) }

// Close removes what was not moved.
func (s *stage) Close() error {
	defer s.held.Close()
	return os.RemoveAll(s.dir)
}

// stagedFile is on disk once Close returns. It sets the disk to work early and
// beside the writing, so that the flush at the end has little left to wait for.
// Zeros take no room: they become holes, as a raw disk is full of.
type stagedFile struct {
	file             *os.File
	written, flushed int64
	hole             bool          // the file ends in a hole, which has no length yet
	flushing         chan struct{} // closed when the latest early flush has ended; nil before the first
}

const (
	// flushEvery is how many bytes are gathered before the disk is set to work.
	flushEvery = 8 << 20
	// holeSize is the least that becomes a hole: smaller ones make a file that is
	// slow to read.
	holeSize = 64 << 10
)

var zeros [holeSize]byte

// Write looks at the bytes in pieces of holeSize, and writes what stands between
// holes in one go.
func (f *stagedFile) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := dataLength(p[done:])
		if n == 0 {
			done += holeSize
			f.written += holeSize
			f.hole = true
			continue
		}
		wrote, err := f.file.WriteAt(p[done:done+n], f.written)
		done, f.written, f.hole = done+wrote, f.written+int64(wrote), false
		if err != nil {
			return done, noSpace(err)
		}
	}
	if f.written-f.flushed >= flushEvery {
		f.flushEarly()
	}
	return done, nil
}

// dataLength is how many bytes stand before the first piece that is all zeros.
func dataLength(p []byte) int {
	for n := 0; n < len(p); n += holeSize {
		if len(p)-n >= holeSize && bytes.Equal(p[n:n+holeSize], zeros[:]) {
			return n
		}
	}
	return len(p)
}

// flushEarly does nothing while the disk is still busy with the last one: the
// call waits when the disk's queue is full, and writing must not.
func (f *stagedFile) flushEarly() {
	if f.flushing != nil {
		select {
		case <-f.flushing:
		default:
			return
		}
	}
	done, from, to := make(chan struct{}), f.flushed, f.written
	f.flushed, f.flushing = to, done
	go func() {
		defer close(done)
		beginFlush(f.file, from, to-from)
	}()
}

func (f *stagedFile) Close() error {
	if f.flushing != nil {
		<-f.flushing
	}
	var err error
	if f.hole {
		err = f.file.Truncate(f.written)
	}
	if err == nil {
		err = f.file.Sync()
	}
	return noSpace(errors.Join(err, f.file.Close()))
}
