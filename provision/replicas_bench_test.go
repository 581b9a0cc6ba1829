package provision_test

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// BenchmarkReplicas is the time that one broker and three brokers on one store take
// over 1,000 changes of as many tenants, when every call of the cloud takes 50 ms, and
// the share of the three. All were accepted by the first.
func BenchmarkReplicas(b *testing.B) {
	for b.Loop() {
		one, three := provisionAll(b, 1), provisionAll(b, 3)
		b.ReportMetric(one.Seconds(), "s/1-broker")
		b.ReportMetric(three.Seconds(), "s/3-brokers")
		b.ReportMetric(three.Seconds()/one.Seconds(), "share")
	}
}

func provisionAll(b *testing.B, replicas int) time.Duration {
	const changes = 1000
	w := newWorld(b, sim.Options{Latency: 50 * time.Millisecond})
	path := filepath.Join(b.TempDir(), "store.db")
	var err error
	w.driver, err = sqlitestore.Open(b.Context(), path)
	require.NoError(b, err)
	defer w.driver.Close()
	w.publish(b, filepath.Join("..", "testdata", "firewall"))
	tenants := make([]topology.TenantID, changes)
	for n := range tenants {
		tenants[n] = topology.TenantID(fmt.Sprintf("t-%d", n))
		cidr := netip.MustParsePrefix("10.0.0.0/24")
		require.NoError(b, w.cloud.CreateNetwork(b.Context(), tenants[n], topology.Network{
			ID: "lan", Name: "lan", Role: topology.RoleTenant, Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}}))
	}
	brokers := []*broker{w.broker(b, w.driver)}
	for range replicas - 1 {
		own, err := sqlitestore.Open(b.Context(), path)
		require.NoError(b, err)
		defer own.Close()
		brokers = append(brokers, w.broker(b, own))
	}
	begun := time.Now()
	operations := make([]work.ChangeID, changes)
	var asking errgroup.Group
	asking.SetLimit(100)
	for n, t := range tenants {
		asking.Go(func() error {
			r := w.order(topology.InstanceID("fw-"+t), "lan")
			r.Tenant = t
			out, err := brokers[0].Provision(b.Context(), r)
			operations[n] = out.Operation
			return err
		})
	}
	require.NoError(b, asking.Wait())
	for _, op := range operations {
		c, err := brokers[0].engine.Wait(b.Context(), op)
		require.NoError(b, err)
		require.Equal(b, work.Done, c.Status)
	}
	took := time.Since(begun)
	for _, each := range brokers {
		each.stop()
	}
	return took
}
