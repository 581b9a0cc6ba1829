package metering_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// monthInstances is how many instances BenchmarkMonth has first, unless BUMPWIRE_MONTH says; then it
// has twice as many.
const monthInstances = 20

// BenchmarkMonth closes a month of hourly windows, of instances with ten events each and an hourly
// count of bytes, ten instances a tenant, and issues the statements. Of two sizes, for
// what time is per instance.
func BenchmarkMonth(b *testing.B) {
	n := monthInstances
	if text := os.Getenv("BUMPWIRE_MONTH"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(b, err)
	}
	for _, n := range []int{n, 2 * n} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for range b.N {
				benchMonth(b, n)
			}
		})
	}
}

func benchMonth(b *testing.B, n int) {
	b.StopTimer()
	driver, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "month.db"))
	require.NoError(b, err)
	s := store.New(driver)
	defer func() { require.NoError(b, s.Close()) }()
	month := lastMonth()
	f := &fleet{}
	for k := range n {
		i := busy(topology.InstanceID(fmt.Sprint("i-", k)), month)
		i.Tenant = topology.TenantID(fmt.Sprint("tenant-", k/10))
		stored(b, s, i)
		f.add(i)
	}
	bytes := price("0.01", "")
	bytes.Dimension, bytes.Unit = "bytes", "gigabyte"
	prices := tariff{"s": {price("0.12", ""), bytes}, "l": {price("0.24", ""), bytes}}
	m, err := metering.New(metering.Config{Store: s, Instances: f, Catalog: prices, Log: newLog(b), Lateness: time.Nanosecond})
	require.NoError(b, err)

	b.StartTimer()
	b.ReportMetric(timed(b, func() error { return countBytes(b, m, f.list, month) })/float64(n), "report-s/instance")
	b.ReportMetric(timed(b, func() error { _, err := m.Close(b.Context(), month[1].Add(time.Hour)); return err })/float64(n), "close-s/instance")
	var issued int
	b.ReportMetric(timed(b, func() (err error) { issued, err = m.Issue(b.Context()); return err })/float64(n), "issue-s/instance")
	b.StopTimer()
	require.Equal(b, (n+9)/10, issued)
	b.ReportMetric(peakMiB(), "peak-MiB")
}

// lastMonth is the beginning and the end of the month before this one, in UTC.
func lastMonth() [2]time.Time {
	now := time.Now().UTC()
	end := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	return [2]time.Time{end.AddDate(0, -1, 0), end}
}

// busy is an instance that changes its plan every third day of a month, ten events in all.
func busy(id topology.InstanceID, month [2]time.Time) provision.Instance {
	i := provision.Instance{ID: id, Platform: "cf", Service: "service-1"}
	for n := range 10 {
		e := provision.Event{Seq: n + 1, At: month[0].Add(time.Duration(n) * 3 * 24 * time.Hour), State: provision.Active, Plan: catalog.PlanID([]string{"s", "l"}[n%2])}
		if n == 9 {
			e.At, e.State = month[1], provision.Deleted
		}
		i.History = append(i.History, e)
	}
	return i
}

func countBytes(b *testing.B, m *metering.Meter, all []provision.Instance, month [2]time.Time) error {
	for _, i := range all {
		var counts []metering.Event
		for at := month[0]; at.Before(month[1]); at = at.Add(time.Hour) {
			counts = append(counts, metering.Event{ID: at.String(), Dimension: "bytes", Quantity: decimal.New(123_456_789, 0), Time: at})
		}
		if _, err := m.Report(b.Context(), i.ID, counts); err != nil {
			return err
		}
	}
	return nil
}

func timed(b *testing.B, do func() error) float64 {
	b.Helper()
	begin := time.Now()
	require.NoError(b, do())
	return time.Since(begin).Seconds()
}

// peakMiB is the most memory that the process has had.
func peakMiB() float64 {
	var u syscall.Rusage
	if runtime.GOOS != "linux" || syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return float64(u.Maxrss) / 1024
}
