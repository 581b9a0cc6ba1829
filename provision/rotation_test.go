package provision_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// newRotatable is a world whose firewall can have several logins.
func newRotatable(t testing.TB, o sim.Options) *world {
	t.Helper()
	w := newWorld(t, o)
	const login = `passwordProperty="management.password"`
	w.edited(t, nil, login, login+` accounts="/accounts/{user}"`, "1.2.0", "1.3.0")
	require.True(t, w.service.Insertion.Rotatable())
	return w
}

func (w *world) rotation(i topology.InstanceID, id, predecessor provision.BindingID) provision.BindRequest {
	return provision.BindRequest{Instance: i, ID: id, Predecessor: predecessor, Platform: "cf", AcceptsIncomplete: true}
}

// bind carries a binding through and gives what it hands out.
func (b *broker) bind(t testing.TB, r provision.BindRequest) provision.Credentials {
	t.Helper()
	out, err := b.Bind(t.Context(), r)
	require.NoError(t, err)
	require.True(t, out.Progress)
	require.Zero(t, out.Credentials)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	_, given, err := b.Binding(t.Context(), r.Platform, r.Instance, r.ID)
	require.NoError(t, err)
	return given.Credentials
}

func (b *broker) unbind(t testing.TB, r provision.RemoveRequest) {
	t.Helper()
	out, err := b.Unbind(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
}

// works says whether the appliance knows a login.
func (b *broker) works(t testing.TB, c provision.Credentials) bool {
	t.Helper()
	to := netip.AddrPortFrom(netip.MustParseAddr(c.Host), uint16(c.Port))
	one := http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return b.cloud.Dial(ctx, tenant, to)
	}}
	req, err := http.NewRequest(http.MethodGet, "http://"+to.String()+"/whoami", nil)
	require.NoError(t, err)
	req.SetBasicAuth(c.Username, c.Password)
	resp, err := one.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode == http.StatusOK
}

func TestEachBindingHasItsOwnLogin(t *testing.T) {
	t.Parallel()
	w := newRotatable(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))

	one := b.bind(t, w.binding("fw", "one", ""))
	two := b.bind(t, w.binding("fw", "two", ""))
	require.NotEqual(t, one.Username, two.Username)
	require.NotEqual(t, one.Password, two.Password)
	require.True(t, b.works(t, one))
	require.True(t, b.works(t, two))

	again, err := b.Bind(t.Context(), w.binding("fw", "one", ""))
	require.NoError(t, err)
	require.True(t, again.Existed)
	require.Equal(t, one, again.Credentials)

	b.unbind(t, w.removal("fw", "one"))
	require.False(t, b.works(t, one), "an unbound login is revoked")
	require.True(t, b.works(t, two), "and no other")
	_, err = b.Bind(t.Context(), provision.BindRequest{Instance: "fw", ID: "sync", Platform: "cf", Service: w.service.ID, Plan: w.plan("small")})
	require.ErrorIs(t, err, fault.AsyncRequired)
}

// OSB B13 to B15.
func TestRotationWorksBesideWhatItReplaces(t *testing.T) {
	t.Parallel()
	w := newRotatable(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	old := b.bind(t, w.binding("fw", "old", "dmz"))
	next := b.bind(t, w.rotation("fw", "new", "old"))
	require.NotEqual(t, old.Password, next.Password)
	require.True(t, b.works(t, old))
	require.True(t, b.works(t, next))
	stored, given, err := b.Binding(t.Context(), "cf", "fw", "new")
	require.NoError(t, err)
	require.JSONEq(t, `{"network":"dmz"}`, string(stored.Parameters), "parameters are inherited")
	require.Zero(t, given.Expires)

	again, err := b.Bind(t.Context(), w.rotation("fw", "new", "old"))
	require.NoError(t, err)
	require.Equal(t, next, again.Credentials)
	for what, r := range map[string]provision.BindRequest{
		"the same id with another predecessor":    w.rotation("fw", "new", "other"),
		"the same id as a binding of its own":     w.binding("fw", "new", "dmz"),
		"the predecessor's id with a predecessor": w.rotation("fw", "old", "new"),
	} {
		_, err := b.Bind(t.Context(), r)
		require.ErrorIs(t, err, fault.Conflict, what)
	}

	b.unbind(t, w.removal("fw", "old"))
	require.False(t, b.works(t, old))
	require.True(t, b.works(t, next))
	require.Equal(t, "host-dmz → fw → gateway", w.path(t, "host-dmz"), "the successor holds the network")
	_, err = b.Bind(t.Context(), w.rotation("fw", "third", "old"))
	require.ErrorIs(t, err, fault.Invalid, "a removed binding cannot be rotated")
	b.unbind(t, w.removal("fw", "new"))
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

func TestOnlyWhatCanBeRotatedIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	_, err := b.Bind(t.Context(), w.binding("fw", "one", ""))
	require.NoError(t, err, "a package without accounts shares one login, at once")
	_, err = b.Bind(t.Context(), w.rotation("fw", "two", "one"))
	require.ErrorIs(t, err, fault.Invalid)
	require.Contains(t, fault.Message(err), "cannot be rotated")
}

// A machine forgets its logins when it dies; whatever change boots it again
// brings them back.
func TestLoginsOutliveTheMachine(t *testing.T) {
	t.Parallel()
	w := newRotatable(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	one := b.bind(t, w.binding("fw", "one", ""))
	require.NoError(t, w.cloud.KillAppliance(tenant, "fw"))
	b.bind(t, w.binding("fw", "two", "dmz"))
	require.True(t, b.works(t, one))
}

func TestABindingFailsWithItsLogin(t *testing.T) {
	t.Parallel()
	w := newRotatable(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	w.cloud.Inject(sim.Fault{Verb: sim.Dial, Times: -1})
	out, err := b.Bind(t.Context(), w.binding("fw", "one", "dmz"))
	require.NoError(t, err)
	require.Equal(t, work.Undone, b.wait(t, out.Operation).Status, "nobody was told the login, so nothing is left to a person")
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))
	w.cloud.Heal()
	_, err = b.Unbind(t.Context(), w.removal("fw", "one"))
	require.NoError(t, err)
	b.bind(t, w.binding("fw", "one", "dmz"))
}
