package api

import (
	"context"
	"net/url"
	"time"
)

// EULA is a licence of a service's package. Accepted is there when the tenant has
// accepted it for all its instances.
type EULA struct {
	Digest   string      `json:"digest"` // sha256:…, of the text
	Title    string      `json:"title"`
	Accepted *Acceptance `json:"accepted,omitempty"`
}

// Acceptance records that a tenant has accepted a licence for all its instances.
type Acceptance struct {
	Tenant string    `json:"tenant"`
	Digest string    `json:"digest"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// NewAcceptance accepts licences by their digests.
type NewAcceptance struct {
	Tenant  string   `json:"tenant,omitempty"` // a tenant's user may leave it out
	Digests []string `json:"digests"`
}

// EULAs lists the licences that new instances of a service need accepted; tenant
// may be empty.
func (c *Client) EULAs(ctx context.Context, service, tenant string) ([]EULA, error) {
	return list[EULA](ctx, c, url.Values{"tenant": {tenant}}, "services", service, "eulas")
}

// EULAText reads a licence, to the letter.
func (c *Client) EULAText(ctx context.Context, digest string) (string, error) {
	var b []byte
	err := c.get(ctx, nil, &b, "eulas", digest)
	return string(b), err
}

// Acceptances lists what a tenant has accepted for all its instances, the oldest
// first; a tenant's user may leave tenant empty.
func (c *Client) Acceptances(ctx context.Context, tenant string) ([]Acceptance, error) {
	return list[Acceptance](ctx, c, url.Values{"tenant": {tenant}}, "acceptances")
}

// Accept accepts licences for all instances of a tenant, and lists all that it has
// accepted.
func (c *Client) Accept(ctx context.Context, n NewAcceptance) ([]Acceptance, error) {
	var l List[Acceptance]
	err := c.call(ctx, "POST", nil, n, &l, "acceptances")
	return l.Items, err
}
