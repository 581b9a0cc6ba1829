//go:build linux

package main

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A guest is killed: the broker has traffic get past it, boots it anew, tells it the
// binding's login, and has traffic pass it again, with nobody asking for anything.
func TestAKilledApplianceIsGotPastBootedAnewAndPutBack(t *testing.T) {
	s := newSite(t)
	s.start()
	service, plan := s.tenant()
	accepted, err := s.admin.CreateInstance(t.Context(), api.NewInstance{ID: "fw", Tenant: "acme", Service: service, Plan: plan,
		Parameters: []byte(`{"networks":["lan"],"failure":"open","availability":"respin","firewall.block-tcp-ports":"23"}`)})
	require.NoError(t, err)
	require.NoError(t, api.Wait(t.Context(), func(ctx context.Context) (api.Operation, error) { return s.admin.Operation(ctx, accepted.Instance) }, 50*time.Millisecond, nil))
	bound, err := s.admin.CreateBinding(t.Context(), "fw", api.NewBinding{ID: "b"})
	require.NoError(t, err)
	require.NoError(t, api.Wait(t.Context(), func(ctx context.Context) (api.Operation, error) {
		return s.admin.BindingOperation(ctx, "fw", bound.Binding)
	}, 50*time.Millisecond, nil))
	b, err := s.admin.Binding(t.Context(), "fw", "b")
	require.NoError(t, err)
	s.turns("ok")
	before, err := s.cloud.Observe(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.login(b.Credentials))

	killed := time.Now()
	guest := s.guest()
	require.NoError(t, syscall.Kill(guest, syscall.SIGKILL))
	s.passes()
	s.turns("ok", "failing", "bypassed", "ok")
	s.tell(killed)
	s.passes("fw")
	require.NotEqual(t, guest, s.guest())
	require.Equal(t, http.StatusOK, s.login(b.Credentials), "it knows the login that was handed out")
	after, err := s.cloud.Observe(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, 1, after.Appliances[0].Start)
	after.Appliances[0].Start = 0
	require.Equal(t, before, after, "the same legs, MACs and addresses")

	gone, err := s.admin.DeleteInstance(t.Context(), "fw")
	require.NoError(t, err)
	require.NoError(t, api.Wait(t.Context(), func(ctx context.Context) (api.Operation, error) { return s.admin.Operation(ctx, gone.Instance) }, 50*time.Millisecond, nil))
	require.NoError(t, s.admin.DeleteNetwork(t.Context(), "acme", "lan"))
}

// turns waits until the instance's health has been like that, one after the other.
func (s *site) turns(want ...string) {
	s.t.Helper()
	var got []string
	require.Eventually(s.t, func() bool {
		events, err := s.admin.Events(context.Background(), "fw")
		got = nil
		for _, e := range events {
			if e.Health != "" && e.Health != "unknown" && (len(got) == 0 || got[len(got)-1] != e.Health) {
				got = append(got, e.Health)
			}
		}
		return err == nil && slices.Equal(want, got)
	}, 2*time.Minute, 20*time.Millisecond, "%v", want)
}

// tell logs when what happened after a moment.
func (s *site) tell(since time.Time) {
	s.t.Helper()
	events, err := s.admin.Events(s.t.Context(), "fw")
	require.NoError(s.t, err)
	for _, e := range events {
		if e.At.After(since) {
			s.t.Logf("%7s after it was killed: %s", e.At.Sub(since).Round(time.Millisecond), e.Message)
		}
	}
}

// passes waits until the host's packets pass these appliances and no others.
func (s *site) passes(want ...topology.ApplianceID) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		passed, reached, err := s.cloud.Trace(context.Background(), "acme", "h")
		return err == nil && reached && slices.Equal(want, passed)
	}, 2*time.Minute, 5*time.Millisecond)
}

// login is what the appliance answers to somebody with credentials.
func (s *site) login(c *api.Credentials) int {
	s.t.Helper()
	to := netip.AddrPortFrom(netip.MustParseAddr(c.Host), uint16(c.Port))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return s.cloud.Dial(ctx, "acme", to)
	}}}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+to.String()+"/counters", nil)
	require.NoError(s.t, err)
	r.SetBasicAuth(c.Username, c.Password)
	answer, err := client.Do(r)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	return answer.StatusCode
}
