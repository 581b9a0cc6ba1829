package main

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

const (
	countedInstances = 3

	countedWindow = 2 * time.Second
	countedSample = time.Second

	countedDimension = "leg.inside.received.bytes"
)

// countedLegs is brokers that read what passes instances' legs, and the cloud that counts it.
type countedLegs struct {
	*brokers
	cloud   *sim.Cloud
	carried map[topology.InstanceID]uint64
}

// newCounted has an instance for each of some tenants, whose inside legs are read.
func newCounted(t *testing.T, where string) *countedLegs {
	c := &countedLegs{
		brokers: newBrokers(t, 1, where, "BUMPWIRE_METERING_WINDOW="+countedWindow.String(), "BUMPWIRE_METERING_SAMPLE="+countedSample.String()),
		carried: map[topology.InstanceID]uint64{},
	}
	c.furnish(countedInstances)
	for _, p := range c.service.Plans {
		_, err := c.admin().SetPrice(t.Context(), string(c.service.ID), api.NewPrice{Plan: string(p.ID),
			Price: api.Price{Dimension: countedDimension, Unit: "gigabyte", Amount: decimal.New(1, -2), Currency: "EUR"}})
		require.NoError(t, err)
	}
	for n := range countedInstances {
		id := fmt.Sprint("counted-", n)
		made, err := c.osb().Provision(t.Context(), id, c.order(n))
		require.NoError(t, err)
		require.NoError(t, c.follow(t.Context(), id, made.Operation))
	}
	c.cloud = sim.New(sim.Options{Path: filepath.Join(c.dir, "data", "sim.json")})
	t.Cleanup(func() { require.NoError(t, c.cloud.Close()) })
	return c
}

// carry has each instance receive some bytes.
func (c *countedLegs) carry(most uint64) {
	c.t.Helper()
	for n := range countedInstances {
		tenant, id := topology.TenantID(fmt.Sprint("org-", n)), topology.InstanceID(fmt.Sprint("counted-", n))
		f, err := c.cloud.Observe(c.t.Context(), tenant)
		require.NoError(c.t, err)
		for _, l := range f.Appliances[0].Legs {
			if l.Role != topology.Inside || l.Pair != 1 {
				continue
			}
			bytes := 1 + rand.N(most)
			require.NoError(c.t, c.cloud.Carry(tenant, l.Port, topology.Traffic{Bytes: bytes, Packets: 1}, topology.Traffic{}))
			c.carried[id] += bytes
		}
	}
}

// used is what usage says that each instance received. No window has two records of the same part.
func (c *countedLegs) used() map[topology.InstanceID]uint64 {
	c.t.Helper()
	all, err := insist(c.t.Context(), func() ([]api.UsageRecord, error) { return c.admin().Usage(c.t.Context(), api.BillFilter{}) })
	require.NoError(c.t, err)
	sums, seen := map[topology.InstanceID]uint64{}, map[string]bool{}
	for _, u := range all {
		if u.Dimension != countedDimension {
			continue
		}
		key := fmt.Sprint(u.Instance, u.Window, u.Part)
		require.False(c.t, seen[key], key)
		seen[key] = true
		sums[u.Instance] += uint64(u.Quantity.IntPart())
	}
	return sums
}

// settle waits until all that was carried before is metered, and until it would show if any of
// it were metered again.
func (c *countedLegs) settle(before map[topology.InstanceID]uint64) {
	c.t.Helper()
	right := func() bool {
		used := c.used()
		for id, bytes := range c.carried {
			if used[id]-before[id] != bytes {
				return false
			}
		}
		return true
	}
	if !waitFor(right) {
		require.Equal(c.t, c.carried, c.used(), "beside %v of before", before)
	}
	closed := func() time.Time {
		s, err := c.admin().UsageSummary(c.t.Context(), api.BillFilter{}, "instance")
		require.NoError(c.t, err)
		return s.ClosedUntil
	}
	since := closed()
	require.True(c.t, waitFor(func() bool { return closed().Sub(since) > 3*countedWindow }), "windows go on being closed")
	require.True(c.t, right(), "%v, beside %v of before: %v", c.carried, before, c.used())
}

func waitFor(so func() bool) bool {
	for until := time.Now().Add(3 * time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if so() {
			return true
		}
	}
	return so()
}

// What passes legs while up to three brokers read their counters and one of them is killed again
// and again is metered once, all of it.
func TestCountersOfBrokersThatAreKilled(t *testing.T) {
	t.Parallel()
	total := kills(t)
	for round, where := range []string{"", storetest.MongoURI(t)} {
		c := newCounted(t, where)
		require.True(t, waitFor(func() bool { c.carry(9); return len(c.used()) == countedInstances }), "all are read")
		var before map[topology.InstanceID]uint64
		require.True(t, waitFor(func() bool { // what the first readings did not count will never be
			was := before
			before = c.used()
			time.Sleep(4 * countedWindow)
			return len(was) > 0 && fmt.Sprint(was) == fmt.Sprint(before)
		}))
		clear(c.carried)
		for killed := 0; killed < total/2; c.start() {
			c.carry(1_000_000)
			if len(c.live) < 3 && rand.N(3) == 0 {
				continue
			}
			time.Sleep(rand.N(300 * time.Millisecond)) // any moment of a round
			c.kill(rand.N(len(c.live)))
			killed++
		}
		c.carry(1_000_000)
		c.settle(before)
		t.Logf("round %d: %d killed, %v bytes", round+1, total/2, c.carried)
		c.stop()
	}
}
