package swift

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gophercloud/gophercloud/v2/openstack/objectstorage/v1/objects"
)

// Open streams a blob. A connection that breaks is taken up again where it broke.
func (s *Store) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	name, err := s.blob(digest)
	if err != nil {
		return nil, err
	}
	r := &reader{ctx: ctx, in: s, name: name}
	if err := r.open(); err != nil {
		return nil, s.absent(err, digest)
	}
	return r, nil
}

// reader reads an object. The context is that of the one who opened it, for whom it
// reads: io.Reader has no place for it.
type reader struct {
	ctx  context.Context
	in   *Store
	name string

	body   io.ReadCloser
	at     int64 // bytes that were read
	length int64 // bytes of the whole
	broken int   // connections that broke since the last byte
}

// open asks for what was not read yet.
func (r *reader) open() error {
	options := objects.DownloadOpts{}
	if r.at > 0 {
		options.Range = fmt.Sprintf("bytes=%d-", r.at)
	}
	return r.in.again(r.ctx, "read a file of a package", func() error {
		answer := objects.Download(r.ctx, r.in.client, r.in.container, r.name, options)
		about, err := answer.Extract()
		if err != nil {
			return err
		}
		r.body = answer.Body
		r.length = r.at + about.ContentLength
		return nil
	})
}

// Read ends with io.EOF only after the whole length.
func (r *reader) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		r.at += int64(n)
		if n > 0 {
			r.broken = 0
			return n, nil
		}
		if err == nil || errors.Is(err, io.EOF) && r.at >= r.length {
			return 0, err
		}
		if r.broken++; r.broken > tries || r.ctx.Err() != nil {
			return 0, said("read a file of a package", err)
		}
		r.body.Close()
		if err := r.open(); err != nil {
			return 0, err
		}
	}
}

func (r *reader) Close() error { return r.body.Close() }
