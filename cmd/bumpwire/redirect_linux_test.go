//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud/linux"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// A platform asks for a cluster of real guests that the gateway sends X's pings
// through, and binds V to it. Another service cannot have the same flows. When a
// guest dies its hosts' pings go through the others, which notice nothing.
func TestARedirectedClusterOfRealAppliances(t *testing.T) {
	e := newEstate(t, realAppliance(t))
	hosts := map[string]*pinger{}
	for n := range 12 { // so many that each member has some
		name := fmt.Sprintf("x%d", n)
		_, err := e.admin.CreateHost(t.Context(), "acme", api.Host{Name: name, Network: "X", Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(20 + n)}), 24)})
		require.NoError(t, err)
		require.NoError(t, e.cloud.InHost(t.Context(), "acme", name, func() (err error) {
			hosts[name], err = listenPing(net.ParseIP(linux.PublicIPv4), 50)
			return err
		}))
		hosts[name].start(t.Context())
	}
	begin := time.Now()
	lb := e.wo
	lb.Parameters = []byte(`{"networks":["X"],"mode":"redirect","members":2,"match":{"protocols":["icmp"]}}`)
	e.order("lb", lb)()
	require.Contains(t, string(member1(t, e, "hX")), "lb")
	_, err := e.osb.Provision(t.Context(), "other", lb)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "some flows are both")

	b, err := e.osb.Bind(t.Context(), "lb", "v", api.OSBBind{ServiceID: lb.ServiceID, PlanID: lb.PlanID, Parameters: []byte(`{"network":"V"}`)})
	require.NoError(t, err)
	done, err := e.osb.WaitBinding(t.Context(), "lb", "v", b.Operation, nil)
	require.NoError(t, err)
	require.Equal(t, api.Succeeded, done.State, done.Description)
	require.Contains(t, string(member1(t, e, "hV")), "lb")
	inserted := time.Now()
	for name, p := range hosts {
		_, lost := p.count(begin, inserted.Add(-time.Second))
		require.LessOrEqual(t, lost, 1, "%s lost nothing when the rules came", name)
	}

	e.killGuest("lb+1")
	killed := time.Now()
	require.Eventually(t, func() bool { // all have had answers again for two seconds
		now := time.Now()
		for _, p := range hosts {
			_, lost := p.count(now.Add(-3*time.Second), now.Add(-time.Second))
			if lost > 0 {
				return false
			}
		}
		return now.Sub(killed) > 5*time.Second
	}, 2*time.Minute, 500*time.Millisecond, "another member takes the flows of the dead one")
	moved := time.Now()
	whole, hurt := 0, 0
	for name, p := range hosts {
		sent, lost := p.count(killed, moved.Add(-time.Second))
		t.Logf("%s: %d of %d lost in the %s until flows had moved", name, lost, sent, moved.Sub(killed))
		if lost <= 1 {
			whole++
			continue
		}
		hurt++
		require.Greater(t, lost, 5, "%s passed the dead member, or lost nothing", name)
	}
	require.Positive(t, whole)
	require.Positive(t, hurt)
	e.remove("lb", lb)
	require.Equal(t, e.base, e.observe())
	for _, p := range hosts {
		p.close(0)
	}
	require.Zero(t, e.count("process"))
}

// member1 is the one appliance that a host's packets pass.
func member1(t *testing.T, e *estate, host string) topology.ApplianceID {
	t.Helper()
	passed, reached := e.trace(host)
	require.True(t, reached)
	require.Len(t, passed, 1)
	return passed[0]
}

// killGuest ends an appliance's process as a crash would.
func (e *estate) killGuest(id topology.ApplianceID) {
	e.t.Helper()
	list, err := e.cloud.Resources(e.t.Context())
	require.NoError(e.t, err)
	for _, r := range list {
		slug := strings.NewReplacer("+", "", "~", "").Replace(string(id))
		if r.Kind == "process" && strings.Contains(r.Detail, "-"+slug+".") {
			pid, err := strconv.Atoi(r.ID)
			require.NoError(e.t, err)
			guest, err := os.FindProcess(pid)
			require.NoError(e.t, err)
			require.NoError(e.t, guest.Kill())
			_, _ = guest.Wait() // not our child; on a busy machine it takes its time to die
			e.t.Logf("killed %s, process %d", r.Detail, pid)
			return
		}
	}
	require.FailNow(e.t, "no guest", "%s in %v", id, list)
}
