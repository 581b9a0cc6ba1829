package openstack

import (
	"context"
	"net/http"
	"os"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// A real Keystone lets the broker in by application credential and by trust, and again
// when a token was revoked in mid-work; not any more when the credential is gone.
func TestALabLetsTheBrokerInAgain(t *testing.T) {
	d := onLab(t)
	account, _, _, err := credentials(labOptions(os.Getenv(labCloud)))
	require.NoError(t, err)
	user, err := d.provider.GetAuthResult().(tokens.CreateResult).ExtractUser()
	require.NoError(t, err)
	ctx := context.WithoutCancel(t.Context())

	credential, err := applicationcredentials.Create(t.Context(), d.identity, user.ID, applicationcredentials.CreateOpts{Name: d.scope}).Extract()
	require.NoError(t, err)
	trust, err := trusts.Create(t.Context(), d.identity, trusts.CreateOpts{TrustorUserID: user.ID, TrusteeUserID: user.ID, ProjectID: d.project, Roles: []trusts.Role{{Name: "member"}}}).Extract()
	require.NoError(t, err)
	ends := map[string]func(){
		"application credential": func() { _ = applicationcredentials.Delete(ctx, d.identity, user.ID, credential.ID).ExtractErr() },
		"trust":                  func() { _ = trusts.Delete(ctx, d.identity, trust.ID).ExtractErr() },
	}
	for _, end := range ends {
		t.Cleanup(end)
	}
	for name, auth := range map[string]thing{
		"application credential": {"application_credential_id": credential.ID, "application_credential_secret": credential.Secret},
		"trust":                  {"user_id": user.ID, "password": account.Password, "trust_id": trust.ID},
	} {
		auth["auth_url"] = account.IdentityEndpoint
		o := labOptions("it")
		o.File = writtenTo(t, thing{"auth": auth, "region_name": d.endpoint.Region})
		mine := newTestDriver(t, o, kit{})
		require.Equal(t, d.project, mine.project, name)
		ask := func() error { // Keystone itself: other services remember for a while that a token is good
			_, err := projects.Get(t.Context(), mine.identity, mine.project).Extract()
			return said("look the project up", err)
		}
		require.NoError(t, ask(), name)
		old := mine.provider.Token()
		revoke(t, mine, old)
		require.NoError(t, ask(), "%s: again", name)
		require.NotEqual(t, old, mine.provider.Token())
		ends[name]() // and its tokens with it
		require.ErrorIs(t, ask(), fault.Unauthorized, name)
	}
}

// revoke ends a token by itself.
func revoke(t *testing.T, d *Driver, token string) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, d.identity.ServiceURL("auth", "tokens"), nil)
	require.NoError(t, err)
	r.Header.Set("X-Auth-Token", token)
	r.Header.Set("X-Subject-Token", token)
	answer, err := d.provider.HTTPClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNoContent, answer.StatusCode)
}
