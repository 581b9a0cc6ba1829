package api

import (
	"context"
	"io"
	"net/url"
)

// Pushed answers a push: the stored package and the service made of it.
type Pushed struct {
	Package Package `json:"package"`
	Service Service `json:"service"`
}

// Packages lists packages; vendor may be empty.
func (c *Client) Packages(ctx context.Context, vendor string) ([]Package, error) {
	return list[Package](ctx, c, url.Values{"vendor": {vendor}}, "packages")
}

// Package reads one package by its id, vendor/name@version.
func (c *Client) Package(ctx context.Context, id string) (p Package, err error) {
	return p, c.get(ctx, nil, &p, "packages", id)
}

// RemovePackage removes a package. Conflict while a service or instance needs it.
func (c *Client) RemovePackage(ctx context.Context, id string) error {
	return c.call(ctx, "DELETE", nil, nil, nil, "packages", id)
}

// Push uploads an OVA of size bytes (-1: not known), streamed. Progress, when
// not nil, is told after every piece how many bytes have gone. The broker is
// asked before the bytes are sent, so that a refusal of the caller costs no upload.
func (c *Client) Push(ctx context.Context, vendor string, ova io.Reader, size int64, progress func(sent int64)) (Pushed, error) {
	return c.push(ctx, url.Values{"vendor": {vendor}}, ova, size, progress)
}

// PushStrictly is Push of a package that is to be refused for every deviation.
func (c *Client) PushStrictly(ctx context.Context, vendor string, ova io.Reader, size int64, progress func(sent int64)) (Pushed, error) {
	return c.push(ctx, url.Values{"vendor": {vendor}, "strict": {"true"}}, ova, size, progress)
}

func (c *Client) push(ctx context.Context, query url.Values, ova io.Reader, size int64, progress func(sent int64)) (p Pushed, err error) {
	h := c.header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Expect", "100-continue")
	r := request{
		method: "POST", url: c.address(query, "packages"),
		body: &counted{from: ova, tell: progress}, size: size, header: h, refused: problemFault,
	}
	_, err = r.send(ctx, c.HTTP, &p)
	return p, err
}

// counted tells how much of a stream has been read.
type counted struct {
	from io.Reader
	sent int64
	tell func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.sent += int64(n)
	if c.tell != nil && n > 0 {
		c.tell(c.sent)
	}
	return n, err
}
