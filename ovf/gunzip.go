package ovf

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// gunzip undoes the compression of what is written to it, and writes the plain
// bytes on, in a goroutine of its own that ends with Close. Writing to it never
// fails: what is wrong is the answer of Close.
type gunzip struct {
	pipe *io.PipeWriter
	done chan struct{}
	err  error // once done is closed
}

// The bounds on what may come out of a gzip stream: bytes in all, or so many for
// each stored one behind the first MiB. 0 is none.
type inflation struct {
	bytes int64
	ratio int64
}

var (
	errNotGzip  = errors.New("the file is not compressed with gzip")
	errInflated = errors.New("there is more inside the gzip stream than there can be")
)

func newGunzip(to io.Writer, bound inflation) *gunzip {
	r, w := io.Pipe()
	g := &gunzip{pipe: w, done: make(chan struct{})}
	go func() {
		defer close(g.done)
		in := &counter{r: r}
		g.err = inflate(to, in, bound)
		_, _ = io.Copy(io.Discard, r) // so that no writer waits for us
	}()
	return g
}

func (g *gunzip) Write(p []byte) (int, error) { return g.pipe.Write(p) }

// Close waits until the last plain byte has been written on.
func (g *gunzip) Close() error {
	_ = g.pipe.Close()
	<-g.done
	return g.err
}

// inflate copies what is inside a gzip stream, which may have several members
// (RFC 1952 clause 2.2), each with its checksum verified.
func inflate(to io.Writer, in *counter, bound inflation) error {
	z, err := gzip.NewReader(bufio.NewReaderSize(in, 64*kib))
	if err != nil {
		return errNotGzip
	}
	buf := make([]byte, 64*kib)
	for total := int64(0); ; {
		n, err := z.Read(buf)
		total += int64(n)
		if bound.bytes > 0 && total > bound.bytes || bound.ratio > 0 && total > mib+bound.ratio*in.n {
			return errInflated
		}
		if _, writeErr := to.Write(buf[:n]); writeErr != nil {
			return writeErr
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the gzip stream is cut off")
		case errors.Is(err, gzip.ErrChecksum):
			return errors.New("the gzip stream has a wrong checksum")
		case errors.Is(err, gzip.ErrHeader):
			return errors.New("there is something behind the gzip stream")
		case err != nil:
			return fmt.Errorf("the gzip stream is damaged")
		}
	}
}

// counter is a reader that knows how much was read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
