package osbcheck

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/broker/api"
)

// maxAnswer bounds what is read of an answer: 16 MiB.
const maxAnswer = 16 << 20

// maxShown is how much of a body a report shows, in bytes.
const maxShown = 2048

// request is one request to the broker under test.
type request struct {
	method string
	path   string // escaped, below the broker's address
	query  url.Values
	raw    string // query as it is, in place of query
	body   any    // nil: none; string: as it is; else JSON
	header http.Header
	open   bool // send no credentials
}

// reply is what came back; body is nil when that is no JSON object.
type reply struct {
	Exchange
	header http.Header
	raw    []byte
	body   map[string]any
	late   bool // the operation that it was to meet may have ended before
}

// Exchange is a request and its answer as a report shows them: without
// credentials, and with secrets replaced.
type Exchange struct {
	Request string            `json:"request"` // method and path with query
	Headers map[string]string `json:"headers,omitempty"`
	Sent    string            `json:"sent,omitempty"`
	Status  int               `json:"status"`
	Answer  string            `json:"answer,omitempty"`
}

func (r reply) text(key string) string {
	s, _ := r.body[key].(string)
	return s
}

// send makes a request with everything that a platform sends along. The header of
// the request wins; an empty value there takes a standard header away.
func (c *check) send(ctx context.Context, r request) (reply, error) {
	body, shown, err := r.content()
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.o.URL+r.path+r.rawQuery(), body)
	if err != nil {
		return reply{}, fmt.Errorf("cannot make the request %s %s: %w", r.method, r.path, err)
	}
	c.dress(req, r)
	out := reply{Exchange: Exchange{Request: r.method + " " + req.URL.RequestURI(), Headers: shownHeaders(req.Header), Sent: shown}}
	res, err := c.http.Do(req)
	if err != nil {
		return out, fmt.Errorf("%s got no answer: %w", out.Request, err)
	}
	defer res.Body.Close()
	if out.raw, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return out, fmt.Errorf("%s: the answer broke off: %w", out.Request, err)
	}
	out.Status, out.header = res.StatusCode, res.Header
	_ = json.Unmarshal(out.raw, &out.body) // no object: body stays nil, and rows say so
	out.Answer = shortened(redacted(out.raw))
	return out, nil
}

func (r request) content() (body io.Reader, shown string, err error) {
	switch b := r.body.(type) {
	case nil:
		return nil, "", nil
	case string:
		return strings.NewReader(b), shortened(b), nil
	}
	text, err := json.Marshal(r.body)
	if err != nil {
		return nil, "", fmt.Errorf("cannot encode a body: %w", err)
	}
	return bytes.NewReader(text), shortened(redacted(text)), nil
}

func (r request) rawQuery() string {
	switch {
	case r.raw != "":
		return "?" + r.raw
	case len(r.query) == 0:
		return ""
	}
	return "?" + r.query.Encode()
}

func (c *check) dress(req *http.Request, r request) {
	h := req.Header
	h.Set(api.HeaderVersion, c.version())
	h.Set("Accept", "application/json")
	if r.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if !r.open {
		c.authorize(req)
	}
	if c.identity != "" {
		h.Set(api.HeaderOriginatingIdentity, c.identity)
	}
	for name, values := range r.header {
		h.Del(name)
		if len(values) > 0 && values[0] != "" {
			h[name] = values
		}
	}
}

func (c *check) authorize(req *http.Request) {
	switch {
	case c.o.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.o.Token)
	case c.o.Username != "":
		req.SetBasicAuth(c.o.Username, c.o.Password)
	}
}

// originating is an originating identity as its header spells it (spec.md,
// "Originating Identity").
func originating(platform, value string) string {
	return platform + " " + base64.StdEncoding.EncodeToString([]byte(value))
}

// shownHeaders are those that a row may be about.
func shownHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name != "Authorization" && name != "Accept" {
			out[name] = h.Get(name)
		}
	}
	return out
}

// redacted is a JSON text without what may be secret: parameters and credentials.
func redacted(text []byte) string {
	var v map[string]any
	if json.Unmarshal(text, &v) != nil {
		return string(text)
	}
	for _, key := range []string{"parameters", "credentials"} {
		if m, ok := v[key].(map[string]any); ok && len(m) > 0 {
			v[key] = "(" + strings.Join(slices.Sorted(maps.Keys(m)), ", ") + ": not shown)"
		}
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(text)
	}
	return string(out)
}

func shortened(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + " …"
}

// segment escapes an id for a path, dots too: proxies resolve dot segments.
func segment(id string) string {
	if strings.Trim(id, ".") == "" {
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}
