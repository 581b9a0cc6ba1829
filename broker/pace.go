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

// paced is a long body with a time limit for every piece of it. A refusal goes
// out as soon as it is known; see linger.
func (c *call) paced() io.Reader {
	control := http.NewResponseController(c.w)
	_ = control.EnableFullDuplex() // HTTP/2 has it always
	c.upload = &pacedBody{Reader: c.r.Body, control: control, patience: c.patience}
	return c.upload
}

// linger reads on, after the answer, what a client still sends of an upload that
// was refused, for as long as the server has patience. Closing at once would reset
// the connection, and the client would lose the answer with it.
func (c *call) linger() {
	asks := c.r.Header.Get("Expect") != ""
	if c.upload == nil || asks && !c.upload.begun {
		return // it has not begun, and reading would ask for it
	}
	_ = c.upload.control.Flush()
	_ = c.upload.control.SetReadDeadline(time.Now().Add(c.patience))
	_, _ = io.Copy(io.Discard, c.r.Body)
}

type pacedBody struct {
	io.Reader
	control  *http.ResponseController
	patience time.Duration

	begun   bool
	missing int           // bytes until there is new patience
	left    time.Duration // of the patience; only waiting for the client uses it up, not our own work
}

func (p *pacedBody) Read(b []byte) (int, error) {
	if p.missing <= 0 {
		p.missing, p.left = pace, p.patience
	}
	p.begun = true
	began := time.Now()
	_ = p.control.SetReadDeadline(began.Add(p.left)) // not every connection can; then there is no limit
	n, err := p.Reader.Read(b)
	p.missing -= n
	p.left -= time.Since(began)
	switch {
	case errors.Is(err, io.EOF):
		_ = p.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fault.New(fault.Unavailable, "the upload was given up: fewer than %d bytes of it came within %s", pace, p.patience)
	case err != nil:
		err = &fault.Error{Kind: fault.Invalid, Message: "the upload broke off before its end", Err: err}
	}
	return n, err
}
