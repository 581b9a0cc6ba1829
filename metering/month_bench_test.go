package metering_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
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
	"github.com/bumpwire/bumpwire/provision/work"
)

// monthInstances is how many instances BenchmarkMonth has, unless BUMPWIRE_MONTH says, such as "1000 10000 100000".
const monthInstances = "20 40"

// monthReports is how many of them report their bytes; those of the others are in the store as if they had.
const monthReports = 10

// BenchmarkMonth closes a month of hourly windows, of instances with ten events each and an hourly
// count of bytes, ten instances a tenant, and issues the statements. Of several sizes, for
// what time is per instance. Memory is the most that the process had while it closed and issued,
// and the broker was written to without a pause: then the store keeps the most in memory.
func BenchmarkMonth(b *testing.B) {
	for size := range strings.FieldsSeq(cmp.Or(os.Getenv("BUMPWIRE_MONTH"), monthInstances)) {
		n, err := strconv.Atoi(size)
		require.NoError(b, err)
		b.Run(size, func(b *testing.B) {
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
	month, m := lastMonth(), monthMeter(b, s)
	reporting := loadMonth(b, s, n, monthReports, month)
	report := timed(b, func() error { return countBytes(b, m, reporting, month) })
	require.NoError(b, driver.Folded(b.Context()))
	forgetPeak()
	rest := unrest(b, s)

	b.StartTimer()
	before := processorTime(b)
	closing := timed(b, func() error { _, err := m.Close(b.Context(), month[1].Add(time.Hour)); return err })
	var issued int
	issuing := timed(b, func() (err error) { issued, err = m.Issue(b.Context()); return err })
	b.StopTimer()
	b.ReportMetric(processorTime(b)-before, "cpu-s")
	rest()
	require.Equal(b, (n+9)/10, issued)
	b.ReportMetric(report*1000/float64(len(reporting)), "report-ms/instance")
	b.ReportMetric(closing, "close-s")
	b.ReportMetric(issuing, "issue-s")
	b.ReportMetric(issuing*1000/float64(n), "issue-ms/instance")
	b.ReportMetric(peakMiB(b), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// monthMeter prices time and bytes.
func monthMeter(b testing.TB, s *store.Store) *metering.Meter {
	quiet, bytes := slog.New(slog.DiscardHandler), price("0.01", "")
	bytes.Dimension, bytes.Unit = "bytes", "gigabyte"
	m, err := metering.New(metering.Config{
		Store: s, Instances: provision.New(provision.Config{Store: s, Log: quiet, Engine: work.New(s, quiet, work.Options{})}),
		Catalog: tariff{"s": {price("0.12", ""), bytes}, "l": {price("0.24", ""), bytes}}, Log: quiet, Lateness: time.Nanosecond,
	})
	require.NoError(b, err)
	return m
}

// loadMonth stores n instances, and answers the first ones, which have yet to report.
func loadMonth(b testing.TB, s *store.Store, n, reports int, month [2]time.Time) (reporting []provision.Instance) {
	var working errgroup.Group
	working.SetLimit(64)
	for k := range n {
		i := busy(topology.InstanceID(fmt.Sprint("i-", k)), month)
		i.Tenant = topology.TenantID(fmt.Sprint("tenant-", k/10))
		if k < reports {
			reporting = append(reporting, i)
		}
		working.Go(func() error {
			err := provision.Documents(s).Create(b.Context(), string(i.ID), i)
			if err == nil && k >= reports {
				err = metering.Load(b.Context(), s, i, "bytes", decimal.New(123_456_789, 0), time.Hour, month)
			}
			return err
		})
	}
	require.NoError(b, working.Wait())
	return reporting
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

// unrest writes a document again and again until it is ended, with pauses that are too short for the store to tidy up in.
func unrest(b *testing.B, s *store.Store) (end func()) {
	ctx, stop := context.WithCancel(b.Context())
	var working sync.WaitGroup
	working.Go(func() {
		for c := store.In[int](s, "unrest", nil); ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			_, _ = c.Upsert(ctx, "n", func(n int, _ bool) (int, error) { return n + 1, nil })
		}
	})
	return func() { stop(); working.Wait() }
}

func timed(b *testing.B, do func() error) float64 {
	b.Helper()
	begin := time.Now()
	require.NoError(b, do())
	return time.Since(begin).Seconds()
}

// processorTime is what the process has used, in seconds.
func processorTime(b *testing.B) float64 {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// forgetPeak has the kernel count the most memory anew.
func forgetPeak() {
	runtime.GC()
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // without it, the peak is that of the preparations, too
}

// peakMiB is the most memory that the process has had since; 0 where the kernel does not tell.
func peakMiB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	_, err = fmt.Sscan(rest, &kib)
	require.NoError(b, err)
	return kib / 1024
}
