package sim_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// get asks an appliance for its health over a connection of its own.
func get(t *testing.T, c *sim.Cloud, tenant topology.TenantID) (int, string, error) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, to string) (net.Conn, error) {
			return c.Dial(ctx, tenant, netip.MustParseAddrPort(to))
		},
	}}
	answer, err := client.Get("http://10.255.0.10:8080/health")
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body), nil
}

func TestHealthIsServedOnlyWhileTheApplianceIsUpAndOnlyToItsTenant(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	prepare(t, c)
	_, _, err := get(t, c, "a")
	require.ErrorIs(t, err, fault.Unavailable)

	insert(t, c)
	status, body, err := get(t, c, "a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status":"ok"}`, body)
	_, _, err = get(t, c, "b")
	require.ErrorIs(t, err, fault.NotFound)

	require.NoError(t, c.HangAppliance("a", "fw"))
	_, _, err = get(t, c, "a")
	require.ErrorIs(t, err, fault.Unavailable)
}

func TestNobodyConnectsAfterClose(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	prepare(t, c)
	insert(t, c)
	open, err := c.Dial(t.Context(), "a", netip.MustParseAddrPort("10.255.0.10:80"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	_, err = open.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = c.Dial(t.Context(), "a", netip.MustParseAddrPort("10.255.0.10:80"))
	require.ErrorIs(t, err, fault.Unavailable)
	require.Empty(t, steps(t, c, firewall), "what runs goes on running")
}

func TestAConnectionDiesWithItsAppliance(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{})
	prepare(t, c)
	insert(t, c)
	conn, err := c.Dial(t.Context(), "a", netip.MustParseAddrPort("10.255.0.10:80"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, c.KillAppliance("a", "fw"))
	_, err = conn.Write([]byte("GET /health HTTP/1.1\r\nHost: fw\r\n\r\n"))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}
