package ovf

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// OpenImage streams an image out of the members that hold it, which open opens by
// their names, one at a time: pieces joined, compression undone. The stream fails
// where there is less in them than the image has, or more.
func OpenImage(i Image, open func(member string) (io.ReadCloser, error)) (io.ReadCloser, error) {
	members := &memberReader{open: open, names: i.Members}
	if err := members.next(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err // now, and not at the first Read
	}
	if i.Compression == "" {
		return &imageReader{members, members, i}, nil
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(members, 64*kib))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot read image %q: %w", i.Name, err), members.Close())
	}
	return &imageReader{z, members, i}, nil
}

// imageReader counts what is left of an image.
type imageReader struct {
	r    io.Reader
	from io.Closer
	left Image // Size is what is to come
}

func (r *imageReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.left.Size -= int64(n)
	switch {
	case r.left.Size < 0, errors.Is(err, io.EOF) && r.left.Size > 0:
		return 0, fmt.Errorf("cannot read image %q: its members hold more or less than they did", r.left.Name)
	case err != nil && !errors.Is(err, io.EOF):
		err = fmt.Errorf("cannot read image %q: %w", r.left.Name, err)
	}
	return n, err
}

func (r *imageReader) Close() error { return r.from.Close() }

// memberReader reads members one behind the other.
type memberReader struct {
	open  func(string) (io.ReadCloser, error)
	names []string // still to be opened
	now   io.ReadCloser
}

func (r *memberReader) Read(p []byte) (int, error) {
	for r.now != nil {
		n, err := r.now.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := r.next(); err != nil || n > 0 {
			return n, err
		}
	}
	return 0, io.EOF
}

// next goes on to the next member; io.EOF when there is none.
func (r *memberReader) next() error {
	if err := r.Close(); err != nil {
		return err
	}
	if len(r.names) == 0 {
		return io.EOF
	}
	now, err := r.open(r.names[0])
	if err != nil {
		return err
	}
	r.now, r.names = now, r.names[1:]
	return nil
}

func (r *memberReader) Close() error {
	now := r.now
	r.now = nil
	if now == nil {
		return nil
	}
	return now.Close()
}
