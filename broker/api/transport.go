package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// maxAnswer bounds what a client reads of an answer: 64 MiB.
const maxAnswer = 64 << 20

// request is one call of either client.
type request struct {
	method  string
	url     string
	body    io.Reader
	header  http.Header
	size    int64 // of body; -1 when not known
	refused func(status int, body []byte) error
}

// send makes the call and decodes a 2xx answer into out, unless out is nil. An
// out of *[]byte takes the answer as it is.
func (r request) send(ctx context.Context, client *http.Client, out any) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, r.body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is not the address of a broker", r.url)
	}
	req.Header = r.header
	if r.size > 0 {
		req.ContentLength = r.size
	}
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return res, unreachable(ctx, err)
	}
	if res.StatusCode/100 != 2 {
		return res, r.refused(res.StatusCode, body)
	}
	return res, decode(body, out)
}

func decode(body []byte, out any) error {
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = body
		return nil
	}
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("cannot read the broker's answer: %w", err)
	}
	return nil
}

// unreachable is Unavailable, unless the caller gave up or the request's credentials
// could not be had.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address: it is in the sentence
		return fault.New(fault.Unavailable, "cannot reach the broker at %s: %w", origin(u.URL), err)
	}
	return fault.New(fault.Unavailable, "the broker broke off its answer: %w", err)
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

// join makes a path out of segments, each percent-encoded: ids may hold anything.
func join(base string, segments ...string) string {
	var b strings.Builder
	b.WriteString(strings.TrimRight(base, "/"))
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(segment(s))
	}
	return b.String()
}

// segment is url.PathEscape that also hides dot segments from proxies that would
// resolve them.
func segment(s string) string {
	if s == "." || s == ".." {
		return strings.ReplaceAll(s, ".", "%2E")
	}
	return url.PathEscape(s)
}

func withQuery(address string, q url.Values) string {
	for k, v := range q {
		if len(v) == 1 && v[0] == "" {
			q.Del(k)
		}
	}
	if len(q) == 0 {
		return address
	}
	return address + "?" + q.Encode()
}

func jsonBody(in any) (io.Reader, error) {
	if in == nil {
		return nil, nil
	}
	b, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the request: %w", err)
	}
	return bytes.NewReader(b), nil
}

// pause waits between two polls.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
