package openstack

import (
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// way is one to sign in: what clouds.yaml says of the account, and what Keystone is
// asked for.
type way struct{ auth, asks thing }

var renewable = map[string]way{
	"password": {
		thing{"username": "ann", "password": "secret", "user_domain_name": "people", "project_name": "acme", "project_domain_name": "work"},
		thing{"identity": map[string]any{"methods": []any{"password"}, "password": map[string]any{"user": map[string]any{"name": "ann", "password": "secret", "domain": map[string]any{"name": "people"}}}},
			"scope": map[string]any{"project": map[string]any{"name": "acme", "domain": map[string]any{"name": "work"}}}},
	},
	"application credential": {
		thing{"application_credential_id": "4f", "application_credential_secret": "hush", "project_name": "acme", "project_domain_name": "work"},
		thing{"identity": map[string]any{"methods": []any{"application_credential"}, "application_credential": map[string]any{"id": "4f", "secret": "hush"}}},
	},
	"application credential by name": {
		thing{"application_credential_name": "broker", "application_credential_secret": "hush", "username": "ann", "user_domain_name": "people"},
		thing{"identity": map[string]any{"methods": []any{"application_credential"}, "application_credential": map[string]any{"name": "broker", "secret": "hush",
			"user": map[string]any{"name": "ann", "domain": map[string]any{"name": "people"}}}}},
	},
	"trust": {
		thing{"user_id": "7c", "password": "secret", "trust_id": "9e"},
		thing{"identity": map[string]any{"methods": []any{"password"}, "password": map[string]any{"user": map[string]any{"id": "7c", "password": "secret"}}},
			"scope": map[string]any{"OS-TRUST:trust": map[string]any{"id": "9e"}}},
	},
}

// signedInBy is a tenant on a cloud whose account signs in in a way.
func signedInBy(t *testing.T, w way) *site {
	f := newFake(t)
	auth := maps.Clone(w.auth)
	auth["auth_url"] = f.URL + "/v3"
	d := newTestDriver(t, Options{Cloud: "it", File: written(t, f, thing{"auth": auth})}, kit{})
	s := siteOn(t, f, d)
	s.d.prepare, s.d.discard, s.d.listed = s.d.equip, s.d.strip, s.d.inventory
	f.put("flavors", thing{"id": "9", "name": "huge", "vcpus": 64, "ram": 1 << 20, "disk": 1000, "os-flavor-access:is_public": true})
	return s
}

// A service comes and goes, with image, volumes and server, while the token has expired
// at every single call: the account signs in again, for the same project or trust, and
// nothing is missed or done twice.
func TestWorkOutlivesItsTokens(t *testing.T) {
	t.Parallel()
	for name, w := range renewable {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := signedInBy(t, w)
			before, made := s.all(), len(s.fake.signedIn)
			require.NoError(t, s.boot(machine(), s.fw))
			steady := len(s.fake.calls)
			require.NoError(t, s.boot(machine()))
			require.Equal(t, before, s.all())
			require.Len(t, s.fake.signedIn, made, "no token had expired")

			s.fake.mu.Lock()
			s.fake.fleeting = true
			s.fake.mu.Unlock()
			require.NoError(t, s.boot(machine(), s.fw))
			require.Equal(t, "1 images, 2 volumes, 2 flavors, 0 server_groups, 1 servers", s.kinds())
			require.NoError(t, s.boot(machine()))
			require.Equal(t, bare, s.kinds())
			require.Equal(t, before, s.all())
			require.Greater(t, len(s.fake.signedIn), steady, "with each call at least")
			for _, body := range s.fake.signedIn {
				require.EqualValues(t, w.asks, body["auth"])
			}
		})
	}
}

func TestPlugsMoveOverOVNWithTokensThatExpire(t *testing.T) {
	t.Parallel()
	s := newOVNSite(t)
	before, north := s.all(), s.north()
	s.fake.fleeting = true
	s.converge(s.fw, s.wo)
	s.converge()
	require.Equal(t, before, s.all())
	require.Equal(t, north, s.north())
}

// While Keystone is away work waits, as for any other service; an account that is not
// let in again fails it.
func TestAnAccountThatCannotSignInAgain(t *testing.T) {
	t.Parallel()
	s := signedInBy(t, renewable["application credential"])
	s.fake.fleeting = true
	for status, kind := range map[int]fault.Kind{
		http.StatusUnauthorized: fault.Unauthorized, http.StatusForbidden: fault.Unauthorized, http.StatusNotFound: fault.Unauthorized,
		http.StatusInternalServerError: fault.Unavailable, http.StatusServiceUnavailable: fault.Unavailable, http.StatusTooManyRequests: fault.TooMany,
	} {
		s.fake.mu.Lock()
		s.fake.fixed["v3/auth/tokens"] = status
		s.fake.mu.Unlock()
		_, err := s.d.Observe(t.Context(), s.tenant)
		require.Equal(t, kind, fault.KindOf(err), "%d: %v", status, err)
		require.NotContains(t, err.Error(), "hush")
		s.fake.mu.Lock()
		delete(s.fake.fixed, "v3/auth/tokens")
		s.fake.mu.Unlock()
		_, err = s.d.Observe(t.Context(), s.tenant)
		require.NoError(t, err, "it is back")
	}
}

// Keystone itself says 404 to the token of a credential that was deleted: that is no
// tenant without networks.
func TestADeletedCredentialIsNoMissingProject(t *testing.T) {
	t.Parallel()
	s := signedInBy(t, renewable["application credential"])
	for _, what := range []string{"Application Credential", "trust"} {
		s.fake.denied = "Could not find " + what + ": e3c8."
		_, err := s.d.Observe(t.Context(), s.tenant)
		require.ErrorIs(t, err, fault.Unauthorized)
	}
	s.fake.denied = ""
	_, err := s.d.Observe(t.Context(), "00000000000000000000000000000000")
	require.ErrorIs(t, err, fault.NotFound)
}

func TestATokenAloneIsNotRenewed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.token = 1
	d := newTestDriver(t, Options{Cloud: "it", File: written(t, f, thing{"auth": thing{"auth_url": f.URL + "/v3", "token": "token-1"}})}, kit{})
	f.put("networks", thing{"project_id": f.list("projects")[0]["id"], "name": "lan"})
	_, err := d.Observe(t.Context(), "service")
	require.NoError(t, err)
	f.token = 2
	_, err = d.Observe(t.Context(), "service")
	require.ErrorIs(t, err, fault.Unauthorized)
	require.Empty(t, f.signedIn)
}
