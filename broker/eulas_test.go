package broker_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

const licence = "Be <b>good</b> & pay."

var licenceDigest = fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(licence)))

// licensed publishes a version of the firewall that has a licence.
func (w *world) licensed() {
	w.t.Helper()
	const section = `<ovf:EulaSection><ovf:Info>Terms &lt;of use&gt;</ovf:Info><ovf:License>Be &lt;b>good&lt;/b> &amp; pay.</ovf:License></ovf:EulaSection>`
	w.edited("<ovf:VirtualHardwareSection>", section+"<ovf:VirtualHardwareSection>", "1.2.0", "2.0")
}

// edited publishes the firewall with changes to its descriptor: old and new text in turn.
func (w *world) edited(changes ...string) {
	w.t.Helper()
	descriptor, err := os.ReadFile(filepath.Join("..", "testdata", "firewall", "firewall.ovf"))
	require.NoError(w.t, err)
	edited := strings.NewReplacer(changes...).Replace(string(descriptor))
	dir := w.t.TempDir()
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "firewall.ovf"), []byte(edited), 0o600))
	var ova bytes.Buffer
	_, err = ovf.Build(w.t.Context(), dir, &ova, ovf.BuildOptions{})
	require.NoError(w.t, err)
	_, err = w.admin.Push(w.t.Context(), "example", &ova, -1, nil)
	require.NoError(w.t, err)
	w.service, err = w.admin.Publish(w.t.Context(), string(w.service.ID), api.Publication{})
	require.NoError(w.t, err)
}

func TestAPlatformIsToldWhichLicenceToAccept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.licensed()
	c, err := w.osb.Catalog(t.Context())
	require.NoError(t, err)
	require.Equal(t, []api.ServiceEULA{{Digest: licenceDigest, Title: "Terms <of use>"}}, c.Services[0].Metadata.EULAs)

	refused := w.put(one+incomplete, w.order())
	require.Equal(t, 400, refused.status, "platforms show its description and clean nothing up")
	require.Contains(t, refused.body["description"], licenceDigest)
	require.Equal(t, 404, w.get(one).status)

	accepting := map[string]any{"networks": []string{"lan"}, "accept_eulas": []string{licenceDigest}}
	require.Equal(t, 202, w.put(one+incomplete, with(w.order(), "parameters", accepting)).status)
	w.run()
	w.settled(one, "succeeded")
	require.Equal(t, 200, w.put(one+incomplete, with(w.order(), "parameters", accepting)).status, "the same again is the same")
	require.NotContains(t, w.get(one).text, "accept_eulas", "it is no setting of the instance")
}

func TestAnybodyMayReadALicenceWhoseDigestTheyKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.licensed()
	r := w.send("GET", "/v1/eulas/"+licenceDigest, nil, func(r *http.Request) { r.Header.Del("Authorization") })
	require.Equal(t, 200, r.status)
	require.Equal(t, licence, r.text)
	require.Equal(t, "text/plain; charset=utf-8", r.header.Get("Content-Type"))
	require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
	require.Equal(t, "default-src 'none'", r.header.Get("Content-Security-Policy"))
	require.Equal(t, 404, w.get("/v1/eulas/sha256:0").status)
	text, err := w.admin.EULAText(t.Context(), licenceDigest)
	require.NoError(t, err)
	require.Equal(t, licence, text)

	page := w.send("GET", "/", nil, func(r *http.Request) { r.SetBasicAuth(adminName, password) })
	require.Contains(t, page.text, `<a href="/v1/eulas/`+licenceDigest+`">Terms &lt;of use&gt;</a>`)
}

func TestATenantAcceptsForItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.licensed()
	ctx := t.Context()
	alice := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	bob := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "org-2"})
	vera := w.user(api.NewUser{Name: "vera", Role: api.Vendor, Vendor: "example"})

	before, err := alice.EULAs(ctx, "example-firewall", "")
	require.NoError(t, err)
	require.Equal(t, []api.EULA{{Digest: licenceDigest, Title: "Terms <of use>"}}, before)
	require.ErrorIs(t, second(alice.CreateInstance(ctx, api.NewInstance{Service: "example-firewall"})), fault.Invalid)

	all, err := alice.Accept(ctx, api.NewAcceptance{Digests: []string{licenceDigest}})
	require.NoError(t, err)
	require.Equal(t, "tenant/alice", all[0].By)
	require.Equal(t, tenant, all[0].Tenant)
	after, err := w.admin.EULAs(ctx, "example-firewall", tenant)
	require.NoError(t, err)
	require.Equal(t, &all[0], after[0].Accepted)
	require.NoError(t, second(alice.CreateInstance(ctx, api.NewInstance{Service: "example-firewall"})))

	none, err := bob.Acceptances(ctx, "")
	require.NoError(t, err)
	require.Empty(t, none)
	seen, err := vera.EULAs(ctx, "example-firewall", "")
	require.NoError(t, err)
	require.Nil(t, seen[0].Accepted, "a vendor sees no tenant's acceptances")
	for name, err := range map[string]error{
		"another tenant's list":       second(bob.Acceptances(ctx, tenant)),
		"for another tenant":          second(bob.Accept(ctx, api.NewAcceptance{Tenant: tenant, Digests: []string{licenceDigest}})),
		"another tenant's acceptance": second(bob.EULAs(ctx, "example-firewall", tenant)),
		"a vendor about a tenant":     second(vera.EULAs(ctx, "example-firewall", tenant)),
		"no such licence":             second(bob.Accept(ctx, api.NewAcceptance{Digests: []string{"sha256:0"}})),
		"no such service":             second(bob.EULAs(ctx, "none", "")),
	} {
		require.ErrorIs(t, err, fault.NotFound, name)
	}
	require.ErrorIs(t, second(bob.Accept(ctx, api.NewAcceptance{})), fault.Invalid)
	require.ErrorIs(t, second(w.admin.Accept(ctx, api.NewAcceptance{Digests: []string{licenceDigest}})), fault.Invalid, "an operator says for whom")
	require.ErrorIs(t, second(vera.Accept(ctx, api.NewAcceptance{Tenant: tenant, Digests: []string{licenceDigest}})), fault.Forbidden)
}
