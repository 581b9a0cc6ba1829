package swift

import (
	"crypto/md5" // what Swift checks uploads by; the package's own digest is another
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"syscall"

	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// writer uploads a member in segments. Each is gathered in a file first, so that an
// upload that fails can be made again, and no memory is needed for it.
type writer struct {
	of     *stage
	member *member
	prefix string

	spool *os.File
	size  int64
	sum   hash.Hash
}

// newWriter spools in a file without a name, which is gone when the process is.
func newWriter(of *stage, m *member, prefix string) (*writer, error) {
	f, err := os.CreateTemp(of.in.spool, "segment-*")
	if err != nil {
		return nil, spooling(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, spooling(err)
	}
	return &writer{of: of, member: m, prefix: prefix, spool: f, sum: md5.New()}, nil
}

func (w *writer) Write(p []byte) (done int, err error) {
	for len(p) > 0 {
		if w.size == w.of.in.segment {
			if err := w.flush(); err != nil {
				return done, err
			}
		}
		n, err := w.spool.WriteAt(p[:min(int64(len(p)), w.of.in.segment-w.size)], w.size)
		w.sum.Write(p[:n])
		w.size, done, p = w.size+int64(n), done+n, p[n:]
		if err != nil {
			return done, spooling(err)
		}
	}
	return done, nil
}

// flush uploads the segment that was gathered. It is known to the member before, so
// that an upload whose answer is lost is tidied away too.
func (w *writer) flush() error {
	s := w.of.in
	name := fmt.Sprintf("%s.%d", w.prefix, len(w.member.segments))
	g := segment{Path: "/" + s.container + "/" + name, ETag: hex.EncodeToString(w.sum.Sum(nil)), Size: w.size}
	w.member.segments = append(w.member.segments, g)
	err := s.put(w.of.ctx, name, objects.CreateOpts{
		Content: io.NewSectionReader(w.spool, 0, w.size), ETag: g.ETag, ContentType: "application/octet-stream",
	})
	w.size = 0
	w.sum.Reset()
	return err
}

// Close returns when the member is stored.
func (w *writer) Close() error {
	var err error
	if w.size > 0 {
		err = w.flush()
	}
	return errors.Join(err, w.spool.Close())
}

func spooling(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &fault.Error{Kind: fault.Full, Message: "there is no space left to take the package in", Err: err}
	}
	return fmt.Errorf("cannot gather a segment: %w", err)
}
