package metering_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// steady counts a gigabyte each way at each reading.
type steady struct{ readings uint64 }

func (s *steady) Counters(_ context.Context, i provision.Instance) ([]topology.Counter, error) {
	t := topology.Traffic{Bytes: s.readings * 1_000_000_007, Packets: s.readings * 1_000_003}
	return []topology.Counter{
		{Port: topology.PortID(i.ID) + "-inside", Role: topology.Inside, Series: "1", Received: t, Sent: t},
		{Port: topology.PortID(i.ID) + "-outside", Role: topology.Outside, Series: "1", Received: t, Sent: t},
	}, nil
}

// BenchmarkSampling reads the counters of instances, as many as BUMPWIRE_SAMPLED says, once a window, and books what has
// passed into the tallies of the month, in which so many windows stand already: none, and those of half a month and of a whole one.
func BenchmarkSampling(b *testing.B) {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("BUMPWIRE_SAMPLED"), "200"))
	require.NoError(b, err)
	for _, before := range []int{0, 360, 720} {
		b.Run(fmt.Sprint(before), func(b *testing.B) { benchSampling(b, n, before) })
	}
}

func benchSampling(b *testing.B, n, before int) {
	const window, dimension = time.Second, "leg.inside.bytes"
	driver, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "month.db"))
	require.NoError(b, err)
	s, counters := store.New(driver), &steady{}
	defer func() { require.NoError(b, s.Close()) }()
	m, err := metering.New(metering.Config{
		Store: s, Instances: &fleet{}, Catalog: tariff{"s": {per(dimension, catalog.UnitByte, "0.001")}}, Log: slog.New(slog.DiscardHandler),
		Window: window, Sample: window, Counters: counters,
	})
	require.NoError(b, err)
	now := time.Now().UTC()
	begin := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var working errgroup.Group
	working.SetLimit(64)
	for k := range n {
		i := activeSince(fmt.Sprint("i-", k), begin.Format(time.RFC3339))
		working.Go(func() error {
			err := provision.Documents(s).Create(b.Context(), string(i.ID), i)
			if err != nil {
				return err
			}
			return metering.Load(b.Context(), s, i, dimension, decimal.New(2_000_000_014, 0), window, [2]time.Time{begin, begin.Add(time.Duration(before) * window)})
		})
	}
	require.NoError(b, working.Wait())
	require.NoError(b, driver.Folded(b.Context()))
	round := func() {
		for did := false; !did; time.Sleep(10 * time.Millisecond) { // a round has to be due
			counters.readings++
			did, err = m.Sample(b.Context())
			require.NoError(b, err)
		}
	}
	round() // from which on it counts
	used, took := 0.0, 0.0
	for b.Loop() {
		time.Sleep(window)
		cpu := processorTime(b)
		took += timed(b, func() error { round(); return driver.Folded(b.Context()) })
		used += processorTime(b) - cpu
	}
	samples := float64(b.N * n)
	b.ReportMetric(used*1e6/samples, "cpu-µs/sample")
	b.ReportMetric(samples/took, "samples/s")
	b.ReportMetric(0, "ns/op")
}
