package openstack

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Subject is whose a token is.
type Subject struct {
	User, UserDomain                    string // names
	Project, ProjectName, ProjectDomain string // ids, and a name; empty when the token is for no project
	Roles                               []string
	Expires                             time.Time
}

// Identity is a cloud's Keystone, as somebody who asks whose tokens are. Its methods may
// be called at the same time.
type Identity struct {
	Domain string // id of that of the account's project

	client *gophercloud.ServiceClient
	asking chan struct{}
	mu     sync.Mutex // guards known
	known  map[[sha256.Size]byte]remembered
}

// remembered is a token that was asked about.
type remembered struct {
	Subject
	until time.Time
}

const (
	// rememberFor is how long a token is taken for good after Keystone was asked: a
	// revocation is noticed within this time.
	rememberFor = 30 * time.Second
	// mostRemembered bounds the memory for them.
	mostRemembered = 10_000
	// mostAsking bounds the questions that are under way.
	mostAsking = 16
	// longestToken is more than any kind that Keystone gives out has, in bytes.
	longestToken = 8 << 10
)

// OpenIdentity signs in with an account that may look tokens up: by default policy one
// with the role admin or service.
func OpenIdentity(ctx context.Context, o Options) (*Identity, error) {
	s, err := signIn(ctx, o)
	if err != nil {
		return nil, err
	}
	client, err := openstack.NewIdentityV3(s.provider, s.endpoint)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Message: "the cloud's catalog has no identity service for this region", Err: err}
	}
	return &Identity{Domain: s.domain, client: client, asking: make(chan struct{}, mostAsking), known: map[[sha256.Size]byte]remembered{}}, nil
}

// Whose asks whose a token is. Unauthorized when Keystone does not know it, or not any
// more; Unavailable when Keystone does not answer, or not to the account.
func (i *Identity) Whose(ctx context.Context, token string) (Subject, error) {
	if len(token) > longestToken || !printable(token) {
		return Subject{}, badToken()
	}
	key := sha256.Sum256([]byte(token))
	if s, ok := i.recall(key); ok {
		return s, nil
	}
	select {
	case i.asking <- struct{}{}:
		defer func() { <-i.asking }()
	case <-ctx.Done():
		return Subject{}, ctx.Err()
	}
	s, err := i.ask(ctx, token)
	if err == nil {
		i.remember(key, s)
	}
	return s, err
}

func badToken() error {
	return fault.New(fault.Unauthorized, "the token is not valid, or not any more: get a new one with `openstack token issue`")
}

// printable says whether a token can be the value of a header.
func printable(token string) bool {
	for _, b := range []byte(token) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return token != ""
}

func (i *Identity) ask(ctx context.Context, token string) (Subject, error) {
	answer := tokens.Get(ctx, i.client, token)
	switch {
	case gophercloud.ResponseCodeIs(answer.Err, http.StatusNotFound):
		return Subject{}, badToken()
	case gophercloud.ResponseCodeIs(answer.Err, http.StatusForbidden), gophercloud.ResponseCodeIs(answer.Err, http.StatusUnauthorized):
		return Subject{}, &fault.Error{Kind: fault.Unavailable, Message: "the broker's account may not look tokens up in Keystone", Err: answer.Err}
	case answer.Err != nil:
		return Subject{}, said("look a token up", answer.Err)
	}
	var t struct {
		User struct {
			Name   string
			Domain struct{ Name string }
		}
		Project struct {
			ID, Name string
			Domain   struct{ ID string }
		}
		Roles   []struct{ Name string }
		Expires time.Time `json:"expires_at"`
	}
	if err := answer.ExtractInto(&t); err != nil {
		return Subject{}, &fault.Error{Kind: fault.Unavailable, Message: "Keystone's answer about a token cannot be read", Err: err}
	}
	s := Subject{User: clean(t.User.Name), UserDomain: clean(t.User.Domain.Name), Project: t.Project.ID, ProjectName: t.Project.Name, ProjectDomain: t.Project.Domain.ID, Expires: t.Expires}
	for _, r := range t.Roles {
		s.Roles = append(s.Roles, r.Name)
	}
	if !time.Now().Before(s.Expires) {
		return Subject{}, badToken()
	}
	return s, nil
}

func (i *Identity) recall(key [sha256.Size]byte) (Subject, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	r, ok := i.known[key]
	return r.Subject, ok && time.Now().Before(r.until)
}

func (i *Identity) remember(key [sha256.Size]byte, s Subject) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	if len(i.known) >= mostRemembered {
		for k, r := range i.known {
			if len(i.known) >= mostRemembered/2 || !now.Before(r.until) {
				delete(i.known, k)
			}
		}
	}
	until := now.Add(rememberFor)
	if s.Expires.Before(until) {
		until = s.Expires
	}
	i.known[key] = remembered{s, until}
}

// Account is who calls a broker with tokens of Keystone.
type Account struct {
	session *session
	mu      sync.Mutex // guards all below
	expires time.Time
}

// SignIn signs in as every OpenStack tool does.
func SignIn(ctx context.Context, o Options) (*Account, error) {
	s, err := signIn(ctx, o)
	if err != nil {
		return nil, err
	}
	a := &Account{session: s}
	return a, a.read()
}

// Token is one that is good for a minute at least, if the account can sign in again.
func (a *Account) Token(ctx context.Context) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.session.provider
	if !a.expires.IsZero() && time.Until(a.expires) < time.Minute && p.ReauthFunc != nil {
		if err := p.Reauthenticate(ctx, ""); err != nil {
			return "", said("sign in again", err)
		}
		if err := a.read(); err != nil {
			return "", err
		}
	}
	return p.Token(), nil
}

// read finds out how long the token is good; of one that was given nobody says.
func (a *Account) read() error {
	result, ok := a.session.provider.GetAuthResult().(interface {
		ExtractToken() (*tokens.Token, error)
	})
	if !ok {
		return nil
	}
	t, err := result.ExtractToken()
	if err != nil {
		return said("read the token", err)
	}
	a.expires = t.ExpiresAt
	return nil
}
