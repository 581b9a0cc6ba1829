package broker_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// issued are the tokens that an identity service knows; none at all when it is away.
type issued map[string]broker.Subject

func (i issued) Whose(_ context.Context, token string) (broker.Subject, error) {
	if i == nil {
		return broker.Subject{}, &fault.Error{Kind: fault.Unavailable, Message: "Keystone does not answer"}
	}
	s, ok := i[token]
	if !ok {
		return s, fault.New(fault.Unauthorized, "the token is not valid")
	}
	return s, nil
}

var keystoneRoles = broker.TokenRoles{Operator: []string{"admin"}, Vendor: []string{"vendor"}, Tenant: []string{"member", "reader"}}

var tokens = issued{
	"op":     {Name: "root@Default for p0", Tenant: "p0", Vendor: "admin", Roles: []string{"member", "admin"}},
	"vera":   {Name: "vera@Default for p1", Tenant: "p1", Vendor: "example", Roles: []string{"vendor"}},
	"abroad": {Name: "vera@elsewhere for p9", Tenant: "p9", Roles: []string{"vendor"}},
	"alice":  {Name: "alice@Default for acme", Tenant: "acme", Vendor: "acme", Roles: []string{"reader"}},
	"bob":    {Name: "bob@Default for p3", Tenant: "p3", Vendor: "p3", Roles: []string{"member"}},
	"nobody": {Name: "nobody@Default for p4", Tenant: "p4", Vendor: "p4", Roles: []string{"stranger"}},
	"loose":  {Name: "loose@Default", Roles: []string{"member"}},
}

// shown sends requests with a token of Keystone.
type shown string

func (s shown) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Auth-Token", string(s))
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) keystone(token string) *api.Client {
	return &api.Client{URL: w.server.URL, HTTP: &http.Client{Transport: shown(token)}}
}

func withTokens(i broker.Tokens) func(*broker.Config) {
	return func(c *broker.Config) { c.Tokens, c.TokenRoles = i, keystoneRoles }
}

func TestATokenOfKeystoneIsWorthItsRoles(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t, withTokens(tokens))
	_, err := w.keystone("op").Users(ctx)
	require.NoError(t, err)

	own, err := w.keystone("vera").Packages(ctx, "")
	require.NoError(t, err)
	require.Len(t, own, 1)
	_, err = w.keystone("vera").Users(ctx)
	require.ErrorIs(t, err, fault.Forbidden)
	for who, says := range map[string]string{"abroad": "no role in its project", "nobody": "no role in its project", "loose": "for no project"} {
		_, err = w.keystone(who).Services(ctx, "")
		require.ErrorIs(t, err, fault.Forbidden, who)
		require.ErrorContains(t, err, says, who)
	}
	_, err = w.keystone("unknown").Services(ctx, "")
	require.ErrorIs(t, err, fault.Unauthorized)
}

func TestATokensProjectIsTheTenantThatIsSeen(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(t, withTokens(tokens))
	w.run()
	w.networks("p3")
	_, err := w.keystone("bob").CreateInstance(ctx, api.NewInstance{ID: "theirs", Service: w.service.Name, Plan: "small", Parameters: []byte(`{"networks": ["lan"]}`)})
	require.NoError(t, err)
	made, err := w.admin.Instance(ctx, "theirs")
	require.NoError(t, err)
	require.Equal(t, "p3", made.Tenant)
	for who, sees := range map[string]int{"bob": 1, "alice": 0} {
		all, err := w.keystone(who).Instances(ctx, api.InstanceFilter{})
		require.NoError(t, err)
		require.Len(t, all, sees, who)
	}
	_, err = w.keystone("alice").Instance(ctx, "theirs")
	require.ErrorIs(t, err, fault.NotFound)
	require.Contains(t, w.log.String(), "tenant/keystone:bob@Default for p3", "the audit trail says who")
	require.NotContains(t, w.log.String(), `X-Auth-Token`)
}

func TestATokenIsNotForPlatforms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTokens(tokens))
	platform := &api.OSB{URL: w.server.URL, HTTP: &http.Client{Transport: shown("op")}}
	require.ErrorIs(t, second(platform.Catalog(t.Context())), fault.Unauthorized)
}

func TestCredentialsAreOfOneKind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTokens(tokens))
	both := *w.admin
	both.HTTP = &http.Client{Transport: shown("alice")}
	_, err := both.Users(t.Context())
	require.ErrorIs(t, err, fault.Invalid)
}

func TestWithoutKeystoneItsTokensAreRefused(t *testing.T) {
	t.Parallel()
	_, err := newWorld(t).keystone("op").Users(t.Context())
	require.ErrorIs(t, err, fault.Unauthorized)
	require.ErrorContains(t, err, "takes no tokens of Keystone")
}

func TestUsersOfTheBrokerSignInWhileKeystoneIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withTokens(issued(nil)))
	_, err := w.keystone("op").Users(t.Context())
	require.ErrorIs(t, err, fault.Unavailable)
	_, err = w.admin.Users(t.Context())
	require.NoError(t, err)
}
