package openstack

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// keystone is an identity service with one account and the tokens that tests give out.
type keystone struct {
	*httptest.Server
	mu     sync.Mutex
	tokens map[string]thing // by their text
	status int              // of answers about tokens, when not 0
	signed int              // how often somebody has signed in
	asked  int
	lasts  time.Duration // of tokens from signing in
}

func newKeystone(t *testing.T) *keystone {
	k := &keystone{tokens: map[string]thing{}, lasts: time.Hour}
	k.Server = httptest.NewTLSServer(k)
	t.Cleanup(k.Close)
	return k
}

func (k *keystone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case r.URL.Path == "/" || r.URL.Path == "/v3/":
		answer(w, http.StatusOK, thing{"version": thing{"id": "v3.14", "status": "stable", "links": []thing{{"rel": "self", "href": k.URL + "/v3/"}}}})
	case r.Method == http.MethodPost && r.URL.Path == "/v3/auth/tokens":
		k.signed++
		name := fmt.Sprint("account-", k.signed)
		k.tokens[name] = token("service", "services", "default", time.Now().Add(k.lasts), "service")
		k.tokens[name]["catalog"] = []thing{{"type": "identity", "name": "keystone", "endpoints": []thing{{"interface": "public", "region": "one", "region_id": "one", "url": k.URL + "/v3"}}}}
		w.Header().Set("X-Subject-Token", name)
		answer(w, http.StatusCreated, thing{"token": k.tokens[name]})
	case k.tokens[r.Header.Get("X-Auth-Token")] == nil:
		answer(w, http.StatusUnauthorized, thing{"error": thing{"message": "sign in"}})
	case k.status != 0:
		answer(w, k.status, thing{"error": thing{"message": "made to fail"}})
	default:
		k.asked++
		found := k.tokens[r.Header.Get("X-Subject-Token")]
		if found == nil {
			answer(w, http.StatusNotFound, thing{"error": thing{"message": "no such token"}})
			return
		}
		answer(w, http.StatusOK, thing{"token": found})
	}
}

// token is one for a project, or for none when that is empty.
func token(user, project, domain string, expires time.Time, roles ...string) thing {
	t := thing{"methods": []string{"password"}, "user": thing{"id": user + "-id", "name": user, "domain": thing{"id": "default", "name": "Default"}},
		"expires_at": expires.UTC().Format("2006-01-02T15:04:05.000000Z"), "issued_at": time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")}
	if project != "" {
		t["project"] = thing{"id": project + "-id", "name": project, "domain": thing{"id": domain, "name": domain}}
	}
	var list []thing
	for _, r := range roles {
		list = append(list, thing{"id": r + "-id", "name": r})
	}
	t["roles"] = list
	return t
}

// options name the account in a clouds.yaml, and trust the server's certificate, which
// no system does.
func (k *keystone) options(t *testing.T) Options {
	dir := t.TempDir()
	clouds := filepath.Join(dir, "clouds.yaml")
	text, err := json.Marshal(thing{"clouds": thing{"it": thing{"region_name": "one",
		"auth": thing{"auth_url": k.URL + "/v3", "username": "service", "password": "secret", "project_name": "services", "user_domain_name": "Default", "project_domain_name": "Default"}}}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(clouds, text, 0o600))
	ca := filepath.Join(dir, "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.Certificate().Raw}), 0o600))
	return Options{Cloud: "it", File: clouds, CA: ca}
}

func (k *keystone) set(name string, t thing) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens[name] = t; t == nil {
		delete(k.tokens, name)
	}
}

func TestATokenTellsWhoAndForWhichProject(t *testing.T) {
	t.Parallel()
	k := newKeystone(t)
	i, err := OpenIdentity(t.Context(), k.options(t))
	require.NoError(t, err)
	require.Equal(t, "default", i.Domain)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	k.set("alices", token("alice", "acme", "default", until, "member", "reader"))
	k.set("none", token("alice", "", "", until))
	k.set("old", token("alice", "acme", "default", time.Now().Add(-time.Second), "member"))

	s, err := i.Whose(t.Context(), "alices")
	require.NoError(t, err)
	require.Equal(t, Subject{User: "alice", UserDomain: "Default", Project: "acme-id", ProjectName: "acme", ProjectDomain: "default", Roles: []string{"member", "reader"}, Expires: until}, s)
	s, err = i.Whose(t.Context(), "none")
	require.NoError(t, err)
	require.Empty(t, s.Project)
	for _, bad := range []string{"old", "unknown", "", "two words", "ü", "new\nline", strings.Repeat("x", longestToken+1)} {
		_, err = i.Whose(t.Context(), bad)
		require.ErrorIs(t, err, fault.Unauthorized, "%.20q", bad)
	}
}

func TestKeystoneThatFailsIsAway(t *testing.T) {
	t.Parallel()
	k := newKeystone(t)
	i, err := OpenIdentity(t.Context(), k.options(t))
	require.NoError(t, err)
	k.set("alices", token("alice", "acme", "default", time.Now().Add(time.Hour), "member"))
	for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusForbidden} {
		k.status = status
		_, err = i.Whose(t.Context(), "alices")
		require.ErrorIs(t, err, fault.Unavailable, status)
	}
	k.status = 0
	k.set("account-1", nil) // the account's own token was revoked
	_, err = i.Whose(t.Context(), "alices")
	require.NoError(t, err)
	require.Equal(t, 2, k.signed, "it signed in again")
}

// Keystone is asked once in half a minute about a token, and not beyond its end.
func TestATokenIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	k := newKeystone(t)
	i, err := OpenIdentity(t.Context(), k.options(t))
	require.NoError(t, err)
	k.set("alices", token("alice", "acme", "default", time.Now().Add(time.Hour), "member"))
	for range 5 {
		_, err = i.Whose(t.Context(), "alices")
		require.NoError(t, err)
	}
	require.Equal(t, 1, k.asked)
	k.set("alices", nil)
	_, err = i.Whose(t.Context(), "alices")
	require.NoError(t, err, "not noticed yet")

	synctest.Test(t, func(t *testing.T) {
		i := &Identity{known: map[[32]byte]remembered{}}
		i.remember([32]byte{1}, Subject{User: "long", Expires: time.Now().Add(time.Hour)})
		i.remember([32]byte{2}, Subject{User: "short", Expires: time.Now().Add(time.Second)})
		time.Sleep(time.Second)
		_, ok := i.recall([32]byte{2})
		require.False(t, ok, "it has expired")
		time.Sleep(rememberFor - 2*time.Second)
		_, ok = i.recall([32]byte{1})
		require.True(t, ok)
		time.Sleep(time.Second)
		_, ok = i.recall([32]byte{1})
		require.False(t, ok, "a revocation is noticed now")
		for n := range 3 * mostRemembered {
			i.remember([32]byte{byte(n), byte(n >> 8), byte(n >> 16), 9}, Subject{Expires: time.Now().Add(time.Hour)})
			require.LessOrEqual(t, len(i.known), mostRemembered)
		}
	})
}

func TestAnAccountsTokenIsRenewedInTime(t *testing.T) {
	t.Parallel()
	k := newKeystone(t)
	a, err := SignIn(t.Context(), k.options(t))
	require.NoError(t, err)
	first, err := a.Token(t.Context())
	require.NoError(t, err)
	again, err := a.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, again)
	k.lasts = 30 * time.Second // too short to begin something with
	a, err = SignIn(t.Context(), k.options(t))
	require.NoError(t, err)
	k.lasts = time.Hour
	next, err := a.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "account-3", next)
	last, err := a.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, next, last)
}
