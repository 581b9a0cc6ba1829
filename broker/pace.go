package broker

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// pace is how many bytes of a long body must come within the server's patience:
// 64 KiB, which in 30 seconds is less than any modem sends. A limit on single
// reads alone would let a client hold its place with one byte at a time.
const pace = 64 << 10

// paced is a long body with a time limit for every piece of it.
func (c *call) paced() io.ReadCloser {
	return &pacedBody{ReadCloser: c.r.Body, control: http.NewResponseController(c.w), patience: c.patience}
}

type pacedBody struct {
	io.ReadCloser
	control  *http.ResponseController
	patience time.Duration

	missing int           // bytes until there is new patience
	left    time.Duration // of the patience; only waiting for the client uses it up, not our own work
}

func (p *pacedBody) Read(b []byte) (int, error) {
	if p.missing <= 0 {
		p.missing, p.left = pace, p.patience
	}
	began := time.Now()
	_ = p.control.SetReadDeadline(began.Add(p.left)) // not every connection can; then there is no limit
	n, err := p.ReadCloser.Read(b)
	p.missing -= n
	p.left -= time.Since(began)
	switch {
	case errors.Is(err, io.EOF):
		_ = p.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fault.New(fault.Unavailable, "the upload was given up: fewer than %d bytes of it came within %s", pace, p.patience)
	}
	return n, err
}
