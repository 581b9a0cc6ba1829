package cloudtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// redirected is a service in redirect mode for flows of networks of the given
// names, with so many replicas.
func (x *tenant) redirected(name string, match topology.Classifier, replicas int, networks ...string) topology.Service {
	s := x.service(name, 0)
	s.Mode = topology.Redirected
	for n := range replicas {
		s.Replicas = append(s.Replicas, topology.Replica{Number: n})
	}
	for _, n := range networks {
		s.Stitches = append(s.Stitches, topology.Stitch{Network: x.netID(n), Pair: 1, Match: &match})
	}
	return s
}

// oneOf requires that a host's packets pass one of the appliances of a service,
// the same each time, and gives it.
func (x *tenant) oneOf(network string, s topology.Service) topology.ApplianceID {
	x.Helper()
	var first topology.ApplianceID
	for range 3 {
		passed, reached, err := x.bed.Cloud.Trace(x.Context(), x.id, x.host(network).Name)
		require.NoError(x, err)
		require.True(x, reached, "the gateway answers on network %s", network)
		require.Len(x, passed, 1)
		if first == "" {
			first = passed[0]
		}
		require.Equal(x, first, passed[0], "a flow stays with its member")
	}
	for _, a := range x.observe().Appliances {
		if a.ID == first {
			require.Equal(x, s.Instance, a.Instance)
			return first
		}
	}
	require.FailNow(x, "the traffic passes something unknown", "%s", first)
	return ""
}

// Only what a rule classifies passes the service; the rest is as before, and after
// all is removed everything is.
func redirection(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V", "X")
	before := x.observe()
	echo := topology.Classifier{Protocols: []topology.Protocol{topology.ICMP, topology.ICMPv6}}
	web := topology.Classifier{Protocols: []topology.Protocol{topology.TCP}, Ports: []topology.Ports{{First: 80, Last: 90}}, DSCP: []uint8{0}}
	if bed.Stateless {
		web.DSCP = nil
	}

	lb := x.redirected("lb", echo, 1, "V")
	x.converge(lb)
	x.passes("V", lb)
	x.passes("X")
	inserted := x.observe()
	for _, s := range x.plan() {
		if s.Verb == topology.SetRedirect {
			back, _ := s.Inverse()
			require.NoError(t, x.do(t.Context(), back), "what is so already is done")
			require.Equal(t, inserted, x.observe())
		}
	}

	other := x.redirected("other", web, 1, "V", "X")
	x.converge(lb, other)
	x.passes("V", lb)
	x.passes("X")
	x.converge(other)
	x.passes("V")
	fw := x.service("fw", 10, "V")
	x.converge(lb, fw, other)
	x.passes("V", fw, lb)
	x.converge()
	require.Equal(t, before, x.observe(), "the tenant has back what it had")
	x.passes("V")
}

// alive does something while a host's flow goes on. One that had no packet for half a
// minute is forgotten (Linux's timeout for ICMP), and a guest may take longer to boot.
func (x *tenant) alive(network string, do func()) {
	x.Helper()
	host := x.host(network).Name
	ctx, stop := context.WithCancel(x.Context())
	var flow sync.WaitGroup
	flow.Go(func() {
		for beat := time.NewTicker(5 * time.Second); ; {
			select {
			case <-ctx.Done():
				beat.Stop()
				return
			case <-beat.C: // whether it came through is looked at afterwards
				_, _, _ = x.bed.Cloud.Trace(ctx, x.id, host)
			}
		}
	})
	defer flow.Wait()
	defer stop()
	do()
}

// Members come and go; a flow keeps its own as long as that is one.
func members(t *testing.T, bed Bed) {
	x := newTenant(t, bed, "a", "V")
	before := x.observe()
	lb := x.redirected("lb", topology.Classifier{}, 2, "V")
	x.converge(lb)
	mine := x.oneOf("V", lb)

	lb.Replicas = append(lb.Replicas, topology.Replica{Number: 2})
	x.alive("V", func() { x.converge(lb) })
	if now := x.oneOf("V", lb); bed.Stateless && now != mine {
		require.Equal(t, topology.ReplicaOf(lb.Instance, 0, 2), now, "only to the one that joins")
		mine = now
	} else {
		require.Equal(t, mine, now, "another member takes no flow from one")
	}

	for n := range lb.Replicas {
		lb.Replicas[n].Idle = topology.ReplicaOf(lb.Instance, 0, n) == mine
	}
	x.converge(lb)
	next := x.oneOf("V", lb)
	require.NotEqual(t, mine, next, "the flows of one that is taken out find another")

	for n := range lb.Replicas {
		lb.Replicas[n].Idle = true
	}
	x.converge(lb)
	_, reached, err := bed.Cloud.Trace(t.Context(), x.id, x.host("V").Name)
	require.NoError(t, err)
	require.False(t, reached, "without a member the flows stop")
	require.ErrorIs(t, bed.Cloud.DeleteNetwork(t.Context(), x.id, x.netID("V")), fault.Conflict)

	x.converge()
	require.Equal(t, before, x.observe())
	x.passes("V")
}
