package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Client speaks the management API. Its errors are faults of the kind, with the
// sentence and the details, that the broker answered. Fields are not to be
// changed while it is in use.
type Client struct {
	URL      string // without /v1
	User     string
	Password string
	Token    string       // in place of User and Password
	HTTP     *http.Client // nil: http.DefaultClient
	Region   string       // whose networks of tenants are meant, where the broker has several; empty: the first
}

// there names the region in requests about tenants' networks.
func (c *Client) there() url.Values {
	if c.Region == "" {
		return nil
	}
	return url.Values{"region": {c.Region}}
}

// List is how the management API answers with more than one of a thing.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"` // the value of after that gives the next page; of lists that come in pages
}

// Problem is the body of every refusal outside /v2/.
type Problem struct {
	Error     string   `json:"error"` // a fault kind
	Message   string   `json:"message"`
	Details   []string `json:"details,omitempty"`
	RequestID string   `json:"request_id,omitempty"`
}

// TokenPrefix marks a token in place of a user name and password.
const TokenPrefix = "bw_"

// Token is a user name and password in one word, for BUMPWIRE_TOKEN.
func Token(user, password string) string {
	return TokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(user+":"+password))
}

// ParseToken takes a token apart; ok is false when it is none.
func ParseToken(token string) (user, password string, ok bool) {
	body, ok := strings.CutPrefix(token, TokenPrefix)
	if !ok {
		return "", "", false
	}
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}

func (c *Client) header() http.Header {
	h := http.Header{}
	h.Set("Accept", "application/json")
	switch {
	case c.Token != "":
		h.Set("Authorization", "Bearer "+c.Token)
	case c.User != "":
		h.Set("Authorization", basic(c.User, c.Password))
	}
	return h
}

// get reads the resource at a path under /v1.
func (c *Client) get(ctx context.Context, q url.Values, out any, path ...string) error {
	return c.call(ctx, "GET", q, nil, out, path...)
}

func (c *Client) call(ctx context.Context, method string, q url.Values, in, out any, path ...string) error {
	body, err := jsonBody(in)
	if err != nil {
		return err
	}
	h := c.header()
	if in != nil {
		h.Set("Content-Type", "application/json")
	}
	_, err = request{method: method, url: c.address(q, path...), body: body, header: h, refused: problemFault}.send(ctx, c.HTTP, out)
	return err
}

func (c *Client) address(q url.Values, path ...string) string {
	return withQuery(join(c.URL, append([]string{"v1"}, path...)...), q)
}

// list reads a list and gives its items.
func list[T any](ctx context.Context, c *Client, q url.Values, path ...string) ([]T, error) {
	var l List[T]
	err := c.get(ctx, q, &l, path...)
	return l.Items, err
}

// pages reads a list that comes in pages to its end.
func pages[T any](ctx context.Context, c *Client, q url.Values, path ...string) (all []T, err error) {
	for {
		var l List[T]
		if err := c.get(ctx, q, &l, path...); err != nil {
			return nil, err
		}
		all = append(all, l.Items...)
		if l.Next == "" || l.Next == q.Get("after") {
			return all, nil
		}
		q.Set("after", l.Next)
	}
}

// problemFault reads a refusal back into a fault.
func problemFault(status int, body []byte) error {
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Error == "" {
		return fault.New(kindOf(status), "the broker answered %d %s", status, http.StatusText(status))
	}
	message := p.Message
	if kind := fault.FromCode(p.Error); kind == fault.Internal && p.RequestID != "" {
		message = fmt.Sprintf("%s (request %s)", message, p.RequestID)
	}
	return &fault.Error{Kind: fault.FromCode(p.Error), Message: message, Details: p.Details}
}
