package main

import (
	"net/http"
	"sync"

	"github.com/bumpwire/bumpwire/provision/cloud/openstack"
)

// withToken sends requests with a token of the account that clouds.yaml or the OS_
// variables name, as every OpenStack tool does.
type withToken struct {
	http.RoundTripper
	options openstack.Options
	mu      sync.Mutex // guards all below
	account *openstack.Account
}

// RoundTrip implements http.RoundTripper.
func (t *withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := t.token(r)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("X-Auth-Token", token)
	return t.RoundTripper.RoundTrip(r)
}

func (t *withToken) token(r *http.Request) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.account == nil {
		var err error
		if t.account, err = openstack.SignIn(r.Context(), t.options); err != nil {
			return "", err
		}
	}
	return t.account.Token(r.Context())
}
