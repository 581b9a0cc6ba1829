//go:build linux

package linux

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// prepared builds an appliance up to its boot, boots it, and answers its await.
func prepared(t testing.TB, c *Cloud) (await topology.Step) {
	t.Helper()
	village(t, c, "a")
	have := observe(t, c, "a")
	want, err := topology.Compose(have, []topology.Service{inPath("fw", 20)})
	require.NoError(t, err)
	steps, err := topology.Plan(have, want)
	require.NoError(t, err)
	for _, s := range steps {
		switch s.Verb {
		case topology.Boot:
			require.NoError(t, c.Boot(t.Context(), "a", *s.Appliance, cloud.Server{}))
		case topology.Await:
			return s
		default:
			require.NoError(t, c.Do(t.Context(), "a", s))
		}
	}
	require.FailNow(t, "nothing to wait for")
	return await
}

func TestAnApplianceIsReadyOnceBothDirectionsPass(t *testing.T) {
	t.Parallel()
	c := newPatched(t)
	await := prepared(t, c)
	ready := func() { // on a busy machine a probe may be late
		t.Helper()
		patiently(t, func(ctx context.Context) error { return c.Do(ctx, "a", await) })
	}
	ready()

	for _, dead := range []topology.LegRole{topology.Inside, topology.Outside} {
		leg, _ := legOf(*await.Appliance, dead, 1)
		set := func(do func(netlink.Link) error) {
			require.NoError(t, c.withFabric("a", func(*view) error {
				end, err := netlink.LinkByName(socketName(legName(leg.Port)))
				require.NoError(t, err)
				return do(end)
			}))
		}
		set(netlink.LinkSetNoMaster)
		var notYet *cloud.NotYet
		require.ErrorAs(t, c.Do(t.Context(), "a", await), &notYet, "with a dead %s leg", dead)
		require.Positive(t, notYet.After)
		require.Contains(t, notYet.Reason, "fw")
		set(func(end netlink.Link) error {
			wire, err := netlink.LinkByName(wirePrefix(machine{"a", *await.Appliance}) + "1")
			require.NoError(t, err)
			return netlink.LinkSetMaster(end, wire)
		})
		ready()
	}
}

func TestProbesDisturbNoHost(t *testing.T) {
	t.Parallel()
	c := newPatched(t)
	await := prepared(t, c)
	ready := func() { // on a busy machine a probe may be late
		t.Helper()
		patiently(t, func(ctx context.Context) error { return c.Do(ctx, "a", await) })
	}
	var host *socket
	require.NoError(t, c.InHost(t.Context(), "a", "h1", func() error {
		l, err := netlink.LinkByName("eth0")
		require.NoError(t, err)
		host, err = openSocket(l.Attrs().Index, onlyARP())
		return err
	}))
	defer host.close()
	for range 10 {
		ready()
	}
	heard, err := host.receive(time.Now().Add(50*time.Millisecond), func(s sighting) bool { return !s.out })
	require.NoError(t, err)
	require.False(t, heard, "a host heard a probe")

	// The watch does hear what is sent to hosts.
	require.NoError(t, c.withFabric("a", func(v *view) error {
		a, err := v.prepareAnnouncement([]gatePort{{defaultGateway, "gateway-V"}})
		require.NoError(t, err)
		defer a.close()
		return a.send()
	}))
	heard, err = host.receive(time.Now().Add(time.Minute), func(s sighting) bool { return !s.out })
	require.NoError(t, err)
	require.True(t, heard)
}
