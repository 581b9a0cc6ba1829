//go:build linux

package linux

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// another is a second broker's cloud over the same scope and directory.
func another(t testing.TB, c *Cloud) *Cloud {
	t.Helper()
	d, err := New(t.Context(), Options{Scope: c.scope, Dir: c.dir})
	require.NoError(t, err)
	if _, ok := c.machines.(patchbay); ok {
		d.machines = patchbay{}
	}
	return d
}

func observe(t testing.TB, c *Cloud, tenant topology.TenantID) topology.Fabric {
	t.Helper()
	f, err := c.Observe(t.Context(), tenant)
	require.NoError(t, err)
	return f
}

func TestARestartedBrokerObservesTheSameFabric(t *testing.T) {
	t.Parallel()
	// Names too long for a link's alias must come back as well.
	for name, tenant := range map[string]topology.TenantID{
		"short names": "a",
		"long names":  topology.TenantID("tenant-" + strings.Repeat("long ", 60)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newPatched(t)
			village(t, c, tenant)
			before := observe(t, c, tenant)
			long := strings.Repeat("x", len(tenant))
			converge(t, c, tenant, c.bootPlain(t.Context(), tenant), inPath("wo"+long, 10), inPath("fw"+long, 20))
			inserted := observe(t, c, tenant)
			d := another(t, c)
			require.Equal(t, inserted, observe(t, d, tenant))
			hosts, err := d.Hosts(t.Context(), tenant)
			require.NoError(t, err)
			require.Len(t, hosts, 2)

			converge(t, d, tenant, d.bootPlain(t.Context(), tenant))
			require.Equal(t, before, observe(t, c, tenant))
			require.NoError(t, d.DeleteNetwork(t.Context(), tenant, "V"))
			left, err := c.Resources(t.Context())
			require.NoError(t, err)
			require.Empty(t, left)
			require.NoDirExists(t, c.tenantDir(tenant))
		})
	}
}

func TestWhatACrashLeftHalfMadeIsCompleted(t *testing.T) {
	t.Parallel()
	c := newPatched(t)
	// A namespace of which only the name was made.
	require.NoError(t, os.WriteFile(filepath.Join(c.names, c.fabricName("a")), nil, 0o444))
	_, err := c.Observe(t.Context(), "a")
	require.ErrorIs(t, err, fault.NotFound)
	village(t, c, "a")
	before := observe(t, c, "a")

	// Links that were made and not yet tagged.
	n := topology.Network{ID: "seg", Name: "seg", Role: topology.RoleSegment, Instance: "fw"}
	require.NoError(t, c.withFabric("a", func(v *view) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = linkName(kindNetwork, "seg")
		require.NoError(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}))
		return netlink.LinkAdd(c.machines.nic(legName("fw-0")))
	}))
	require.Equal(t, before, observe(t, c, "a"), "what is not whole does not count")
	step := topology.Step{Verb: topology.CreateNetwork, Network: &n}
	require.NoError(t, c.Do(t.Context(), "a", step))
	a := topology.Appliance{ID: "fw", Instance: "fw", Name: "fw"}
	leg := topology.Leg{Port: "fw-0", Role: topology.Outside, Pair: 1, At: "seg", MAC: "02:00:00:00:00:01"}
	port := topology.Step{Verb: topology.CreatePort, Appliance: &a, Leg: &leg}
	require.NoError(t, c.Do(t.Context(), "a", port))
	f := observe(t, c, "a")
	require.Len(t, f.Networks, 2)
	require.Equal(t, "02:00:00:00:00:01", f.Appliances[0].Legs[0].MAC)

	// And undone where nobody completes them.
	for _, s := range []topology.Step{port, step} {
		back, _ := s.Inverse()
		require.NoError(t, c.Do(t.Context(), "a", back))
	}
	require.NoError(t, c.withFabric("a", func(v *view) error { return netlink.LinkAdd(c.machines.nic(legName("fw-0"))) }))
	back, _ := port.Inverse()
	require.NoError(t, c.Do(t.Context(), "a", back))
	require.NoError(t, c.withFabric("a", func(v *view) error {
		_, err := netlink.LinkByName(legName("fw-0"))
		require.True(t, isGone(err), "%v", err)
		return nil
	}))
	require.Equal(t, before, observe(t, c, "a"))
}

func TestShortCutsOfAnInterruptedSwapAreRemovedByTheNextMove(t *testing.T) {
	t.Parallel()
	c := newPatched(t)
	village(t, c, "a")
	boot := c.bootPlain(t.Context(), "a")
	converge(t, c, "a", boot, inPath("fw", 20))
	require.NoError(t, c.withFabric("a", func(v *view) error {
		p, ok := v.pairOf(observe(t, c, "a"), "fw", 1)
		require.True(t, ok)
		plug, ok := v.find(kindPlug, "gateway-V")
		require.True(t, ok)
		require.NoError(t, shortCut(plug, p.out))
		require.NoError(t, shortCut(p.out, plug, macOf("any")))
		require.Equal(t, 2, countFilters(t, v))
		return nil
	}))
	passed, reached, err := c.Trace(t.Context(), "a", "h1")
	require.NoError(t, err)
	require.True(t, reached, "until then traffic goes on")
	require.Equal(t, []topology.ApplianceID{"fw"}, passed)

	converge(t, c, "a", boot)
	require.NoError(t, c.withFabric("a", func(v *view) error {
		require.Zero(t, countFilters(t, v))
		return nil
	}))
}

func countFilters(t testing.TB, v *view) (n int) {
	t.Helper()
	for _, l := range v.links {
		filters, err := netlink.FilterList(l, netlink.MakeHandle(0xffff, 0))
		if err == nil {
			n += len(filters)
		}
	}
	return n
}

func TestSweepTakesItsOwnScopeOnly(t *testing.T) {
	t.Parallel()
	c, other := newPatched(t), newPatched(t)
	for _, c := range []*Cloud{c, other} {
		village(t, c, "a")
		converge(t, c, "a", c.bootPlain(t.Context(), "a"), inPath("fw", 20))
	}
	theirs := observe(t, other, "a")
	require.NoError(t, c.Sweep(t.Context()))
	left, err := c.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
	files, err := os.ReadDir(c.dir)
	require.NoError(t, err)
	require.Empty(t, files)
	require.Equal(t, theirs, observe(t, other, "a"))
	_, err = c.Observe(t.Context(), "a")
	require.ErrorIs(t, err, fault.NotFound)
	require.NoError(t, c.Sweep(t.Context()), "nothing is no error")
}

func TestTraceFollowsABlockedWayUpToWhereItIs(t *testing.T) {
	t.Parallel()
	c := newPatched(t)
	village(t, c, "a")
	converge(t, c, "a", c.bootPlain(t.Context(), "a"), inPath("wo", 10), inPath("fw", 20))
	passed, reached, err := c.Trace(t.Context(), "a", "h6")
	require.NoError(t, err)
	require.True(t, reached)
	require.Equal(t, []topology.ApplianceID{"wo", "fw"}, passed)

	fw := observe(t, c, "a").Appliances[0]
	require.NoError(t, c.Do(t.Context(), "a", topology.Step{Verb: topology.Shutdown, Appliance: &fw}))
	passed, reached, err = c.Trace(t.Context(), "a", "h1")
	require.NoError(t, err)
	require.False(t, reached)
	require.Equal(t, []topology.ApplianceID{"wo"}, passed)
}

func TestTraceFindsItsOwnPacketsAmongManyOfTheTenants(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	converge(t, c, "a", c.bootPlain(t.Context(), "a"), inPath("wo", 10), inPath("fw", 20))
	for host, to := range map[string]string{"h1": "10.1.0.1", "h6": "fd01::1"} {
		e, err := c.openTrace(t.Context(), observe(t, c, "a"), host, cloud.Target{})
		require.NoError(t, err)
		stop := make(chan struct{})
		var flood sync.WaitGroup
		flood.Go(func() {
			frame := echoRequest(e.mac, e.via, e.from, netip.MustParseAddr(to), [2]byte{e.id[0], e.id[1] + 1}, []byte("the tenant's own"))
			for {
				for range 200 {
					_ = e.host.send(frame)
				}
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		})
		for range 20 {
			passed, reached, err := c.Trace(t.Context(), "a", host)
			require.NoError(t, err)
			require.True(t, reached)
			require.Equal(t, []topology.ApplianceID{"wo", "fw"}, passed)
		}
		close(stop)
		flood.Wait()
		e.close()
	}
}

func TestAConflictingHostIsRefused(t *testing.T) {
	t.Parallel()
	c := newPatched(t)
	village(t, c, "a")
	hosts, err := c.Hosts(t.Context(), "a")
	require.NoError(t, err)
	moved := hosts[0]
	moved.Address = hosts[1].Address
	require.ErrorIs(t, c.CreateHost(t.Context(), "a", moved), fault.Conflict)
	for _, name := range []string{"", "../etc", "a b", strings.Repeat("n", 64)} {
		err := c.CreateHost(t.Context(), "a", cloud.Host{Name: name, Network: "V", Address: hosts[0].Address})
		require.ErrorIs(t, err, fault.Invalid, name)
	}
	require.ErrorIs(t, c.InHost(t.Context(), "a", "nobody", func() error { return nil }), fault.NotFound)
	require.ErrorIs(t, c.InGateway(t.Context(), "nobody", func() error { return nil }), fault.NotFound)
}

func TestLostFactsAreNoTenantWithoutNetworks(t *testing.T) {
	t.Parallel()
	c := newPatched(t)
	long := topology.TenantID(strings.Repeat("long", 60))
	village(t, c, long)
	require.NoError(t, os.RemoveAll(c.factsDir(long)))
	_, err := c.Observe(t.Context(), long)
	require.Error(t, err)
	require.Equal(t, fault.Internal, fault.KindOf(err), "nothing may be planned on it: %v", err)
}

func TestACheckOfAnAbleMachineFindsNothing(t *testing.T) {
	t.Parallel()
	require.Empty(t, newPatched(t).Check(t.Context()))
}
