package catalog

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/bumpwire/bumpwire/ovf"
)

// staging is a private folder in which one push gathers its members under numbers.
// Its lock says that its owner lives.
type staging struct {
	blobs   *Blobs
	dir     string
	held    *os.File
	members map[string]string // member name -> file
}

func (b *Blobs) stage() (*staging, error) {
	unlock, err := b.lock(syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	defer unlock()
	dir := filepath.Join(b.staging(), rand.Text())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, full(fmt.Errorf("cannot make a staging folder: %w", err))
	}
	held, err := flock(dir, os.O_RDONLY, syscall.LOCK_EX)
	if err != nil {
		return nil, fmt.Errorf("cannot lock a staging folder: %w", err)
	}
	return &staging{blobs: b, dir: dir, held: held, members: map[string]string{}}, nil
}

// Create begins a member; its bytes are on disk once Close has returned nil.
func (s *staging) Create(name string, _ int64) (io.WriteCloser, error) {
	path := filepath.Join(s.dir, strconv.Itoa(len(s.members)))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, full(err)
	}
	s.members[name] = path
	return &stagedFile{file: f}, nil
}

// Abort removes everything that was created and not moved out.
func (s *staging) Abort() error {
	defer s.held.Close()
	return os.RemoveAll(s.dir)
}

// publish moves the members to their digests' places and then calls index, which
// makes them referred to; until it returns nothing is collected.
func (s *staging) publish(members []ovf.Member, index func() error) error {
	unlock, err := s.blobs.lock(syscall.LOCK_SH)
	if err != nil {
		return err
	}
	defer unlock()
	var dirs []string
	for _, m := range members {
		place, err := s.blobs.file("sha256:" + m.SHA256)
		if err != nil {
			return err
		}
		dir := filepath.Dir(place)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return full(err)
		}
		// A blob that is there already is replaced by the same bytes: that heals one
		// that has rotted, and whoever reads the old one goes on reading it.
		if err := os.Rename(s.members[m.Name], place); err != nil {
			return full(err)
		}
		dirs = append(dirs, dir)
	}
	slices.Sort(dirs)
	for _, dir := range append(slices.Compact(dirs), s.blobs.path("sha256")) {
		if err := syncDir(dir); err != nil {
			return full(err)
		}
	}
	return index()
}

// stagedFile hands what it has written to the disk early, so that the last flush
// has little left to wait for.
type stagedFile struct {
	file    *os.File
	written int64
	flushed int64
}

// flushEvery is how many bytes are gathered before the disk is set to work.
const flushEvery = 8 << 20

func (f *stagedFile) Write(p []byte) (int, error) {
	n, err := f.file.Write(p)
	f.written += int64(n)
	if f.written-f.flushed >= flushEvery {
		beginFlush(f.file, f.flushed, f.written-f.flushed)
		f.flushed = f.written
	}
	return n, full(err)
}

func (f *stagedFile) Close() error {
	err := f.file.Sync()
	if closed := f.file.Close(); err == nil {
		err = closed
	}
	return full(err)
}
