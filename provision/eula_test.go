package provision_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

// licensed publishes a version of the firewall with these licences.
func (w *world) licensed(t testing.TB, version string, texts ...string) {
	t.Helper()
	sections := ""
	for n, text := range texts {
		sections += fmt.Sprintf("<ovf:EulaSection><ovf:Info>Licence %d</ovf:Info><ovf:License>%s</ovf:License></ovf:EulaSection>", n+1, text)
	}
	w.edited(t, nil, "<ovf:VirtualHardwareSection>", sections+"<ovf:VirtualHardwareSection>", "1.2.0", version)
}

// edited publishes the firewall with changes to its descriptor, old and new text in
// turn, and further files.
func (w *world) edited(t testing.TB, files map[string]string, changes ...string) {
	t.Helper()
	descriptor, err := os.ReadFile(filepath.Join("..", "testdata", "firewall", "firewall.ovf"))
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "firewall.ovf"), []byte(strings.NewReplacer(changes...).Replace(string(descriptor))), 0o600))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	var ova bytes.Buffer
	_, err = ovf.Build(t.Context(), dir, &ova, ovf.BuildOptions{})
	require.NoError(t, err)
	c := w.catalog(t, w.driver)
	_, _, err = c.Push(t.Context(), "example", &ova)
	require.NoError(t, err)
	w.service, err = c.Publish(t.Context(), w.service.ID, nil)
	require.NoError(t, err)
}

func digestOf(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

// accepting is the order with these licences accepted in its parameters.
func accepting(r provision.ProvisionRequest, texts ...string) provision.ProvisionRequest {
	digests := []string{}
	for _, text := range texts {
		digests = append(digests, digestOf(text))
	}
	r.Parameters = raw(map[string]any{"networks": []string{"lan"}, "accept_eulas": digests})
	r.Origin.Identity = "cloudfoundry/user-1"
	return r
}

func TestNothingIsProvisionedUntilEveryLicenceIsAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.licensed(t, "2.0", "Be good.", "Pay.")
	b := w.broker(t, w.driver)
	for _, r := range []provision.ProvisionRequest{w.order("fw", "lan"), accepting(w.order("fw"), "Be good.")} {
		_, err := b.Provision(t.Context(), r)
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, `"Licence 2" (`+digestOf("Pay.")+`)`)
		require.ErrorContains(t, err, "accept_eulas")
		_, err = b.Preview(t.Context(), r)
		require.ErrorIs(t, err, fault.Invalid, "what would be refused has no plan")
	}
	_, err := b.Provision(t.Context(), accepting(w.order("fw"), "Be good.", "Pay.", "Something else."))
	require.ErrorContains(t, err, "must be one of", "only these licences can be accepted")
	w.requireBase(t)

	b.provisioned(t, accepting(w.order("fw"), "Be good.", "Pay."))
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Len(t, i.EULAs, 2)
	require.Equal(t, digestOf("Pay."), i.EULAs[1].Digest)
	require.Equal(t, "cf", i.EULAs[1].By)
	require.Equal(t, "cloudfoundry/user-1", i.EULAs[1].For)
	require.False(t, i.EULAs[1].At.IsZero() || i.EULAs[1].At.After(i.History[0].At))
	require.Contains(t, i.History[2].Message, "licence "+digestOf("Pay.")+" was accepted at ")
	require.Equal(t, "cf", i.History[2].By)
	require.Equal(t, "cloudfoundry/user-1", i.History[2].For)

	_, err = b.Provision(t.Context(), w.order("second", "dmz"))
	require.ErrorIs(t, err, fault.Invalid, "what one request accepts counts for one instance")
}

func TestATenantsAcceptanceCountsForAllItsInstances(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.licensed(t, "2.0", "Be good.", "Pay.")
	b := w.broker(t, w.driver)
	none, err := b.Acceptances(t.Context(), tenant)
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = b.Accept(t.Context(), tenant, "tenant/alice", []string{digestOf("Be good."), digestOf("Never seen.")})
	require.ErrorIs(t, err, fault.NotFound)
	none, err = b.Acceptances(t.Context(), tenant)
	require.NoError(t, err)
	require.Empty(t, none, "all or nothing")

	first, err := b.Accept(t.Context(), tenant, "tenant/alice", []string{digestOf("Be good.")})
	require.NoError(t, err)
	both, err := b.Accept(t.Context(), tenant, "operator/root", []string{digestOf("Be good."), digestOf("Pay."), digestOf("Pay.")})
	require.NoError(t, err)
	require.Equal(t, first[0], both[0], "an acceptance is never altered")
	require.Len(t, both, 2)
	_, err = b.Provision(t.Context(), func() provision.ProvisionRequest { r := w.order("other", "lan"); r.Tenant = "somebody else"; return r }())
	require.ErrorContains(t, err, "must be accepted", "each tenant accepts for itself")

	again := w.broker(t, w.driver) // it is on disk
	again.provisioned(t, w.order("fw", "lan"))
	i, err := again.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, both, i.EULAs)
	require.Equal(t, []string{"tenant/alice", "operator/root"}, []string{i.History[1].By, i.History[2].By})
}

func TestAVersionWithAChangedTextAsksAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.licensed(t, "2.0", "Be good.", "Pay.")
	b := w.broker(t, w.driver)
	_, err := b.Accept(t.Context(), tenant, "tenant/alice", []string{digestOf("Be good."), digestOf("Pay.")})
	require.NoError(t, err)
	w.licensed(t, "3.0", "Be good.", "Pay more.")
	_, err = b.Provision(t.Context(), w.order("fw", "lan"))
	require.ErrorContains(t, err, digestOf("Pay more."))
	require.NotContains(t, err.Error(), digestOf("Be good."), "what has not changed is not asked for again")
	b.provisioned(t, accepting(w.order("fw"), "Pay more."))
	w.licensed(t, "4.0")
	b.provisioned(t, w.order("free", "dmz"))
}

func TestAnUpdateToAChangedTextAsksForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.licensed(t, "2.0", "Be good.", "Pay.")
	b := w.broker(t, w.driver)
	b.provisioned(t, accepting(w.order("fw"), "Be good.", "Pay."))
	w.licensed(t, "3.0", "Be good.", "Pay more.")

	r := w.patch("fw")
	r.Version = "3.0.0"
	_, err := b.Update(t.Context(), r)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, digestOf("Pay more."))
	require.NotContains(t, err.Error(), digestOf("Be good."))

	r.Parameters = raw(map[string]any{"accept_eulas": []string{digestOf("Pay more.")}})
	r.Origin.Identity = "cloudfoundry/user-2"
	out, err := b.Update(t.Context(), r)
	require.NoError(t, err)
	b.wait(t, out.Operation)
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, []string{digestOf("Be good."), digestOf("Pay more.")}, []string{i.EULAs[0].Digest, i.EULAs[1].Digest})
	require.Equal(t, "cloudfoundry/user-2", i.EULAs[1].For)
	noted := 0
	for _, e := range i.History {
		if strings.Contains(e.Message, digestOf("Pay more.")) {
			noted++
			require.Equal(t, "cloudfoundry/user-2", e.For)
		}
	}
	require.Equal(t, 1, noted)
}
