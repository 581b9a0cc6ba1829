//go:build linux

package main

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A symmetric service with guests that really boot, one in the office and one in the
// data centre, each behind a gateway of its own: what goes from one to the other
// passes both, and when the service is removed the tenant has what it had.
func TestASymmetricServiceWithRealAppliances(t *testing.T) {
	e := &estate{site: newSite(t)}
	e.start()
	for n, id := range []string{"office", "servers"} {
		at := netip.AddrFrom4([4]byte{10, byte(n + 1), 0, 0})
		_, err := e.admin.CreateNetwork(t.Context(), "acme", api.Network{
			ID: id, CIDR: netip.PrefixFrom(at, 24).String(), Gateways: []string{[]string{"west", "east"}[n]}})
		require.NoError(t, err)
		host := api.Host{Name: "h-" + id, Network: id, Address: netip.PrefixFrom(at.Next().Next(), 24)}
		_, err = e.admin.CreateHost(t.Context(), "acme", host)
		require.NoError(t, err)
	}
	e.base = e.observe()
	require.Len(t, e.base.Gateways, 2)
	crosses := func(want ...topology.ApplianceID) {
		t.Helper()
		for _, way := range [][2]string{{"h-office", "h-servers"}, {"h-servers", "h-office"}} {
			passed, reached, err := e.cloud.TraceTo(t.Context(), "acme", way[0], cloud.Target{Host: way[1]})
			require.NoError(t, err)
			require.True(t, reached, "%s reaches %s", way[0], way[1])
			require.Equal(t, want, passed)
			slices.Reverse(want) // the way back
		}
	}
	crosses()

	wan := e.offer(edited(t, realOptimiser(t), func(text string) string {
		text = strings.Replace(text, `topology="single"`, `topology="symmetric"`, 1)
		return strings.Replace(text, `zones="bridged"/>`, `zones="bridged"/><bw:Side name="branch"/><bw:Side name="datacenter"/>`, 1)
	}), `{"failure":"closed","sides":{"branch":{"networks":["office"]},"datacenter":{"networks":["servers"]}}}`)
	e.order("wan", wan)()
	crosses("wan@branch", "wan@datacenter")
	require.Equal(t, 2, e.count("process"))
	e.remove("wan", wan)
	crosses()
	require.Equal(t, e.base, e.observe())
	require.Zero(t, e.count("process"))
}
