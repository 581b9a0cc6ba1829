package metering_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// perRequest is a tariff in which requests are sold as well.
var perRequest = tariff{
	"s": {price("0.12", ""), {Dimension: "requests", Unit: "request", Amount: decimal.RequireFromString("0.001"), Currency: "EUR"}},
	"l": {price("0.20", ""), {Dimension: "requests", Unit: "request", Amount: decimal.RequireFromString("0.0005"), Currency: "EUR"}},
}

// stored keeps instances where a meter looks for who reports.
func stored(t testing.TB, s *store.Store, all ...provision.Instance) *fleet {
	t.Helper()
	f := &fleet{}
	for _, i := range all {
		require.NoError(t, provision.Documents(s).Create(context.Background(), string(i.ID), i))
		f.add(i)
	}
	return f
}

// event is written as "id dimension quantity time".
func event(text string) metering.Event {
	f := strings.Fields(text)
	return metering.Event{ID: f[0], Dimension: f[1], Quantity: decimal.RequireFromString(f[2]), Time: at(f[3])}
}

func events(texts ...string) (list []metering.Event) {
	for _, text := range texts {
		list = append(list, event(text))
	}
	return list
}

// told is what became of events, a line each.
func told(fates []metering.Fate) (list []string) {
	for _, f := range fates {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.ID, f.Outcome, f.Reason)))
	}
	return list
}

// reportedUsage are the records of what was reported, a line each.
func reportedUsage(t require.TestingT, m *metering.Meter) (list []string) {
	usage, err := m.Usage(context.Background(), metering.Filter{})
	require.NoError(t, err)
	for _, u := range usage {
		if u.Dimension != catalog.DimensionInstance {
			list = append(list, fmt.Sprintf("%s %s %s %s part %d: %s", u.Tenant, u.Instance, u.Plan, u.Window.Start.Format("15:04"), u.Part, u.Quantity))
		}
	}
	return list
}

func TestEveryEventLearnsItsFate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, upgraded), perRequest, metering.Config{Retention: time.Hour})
		time.Sleep(100 * time.Minute)
		_, err := m.Report(t.Context(), "upgraded", events("b requests 2 2000-01-01T00:45:00Z"))
		require.NoError(t, err)
		for _, c := range []struct{ event, want string }{
			{"a requests 1.5 2000-01-01T01:35:00Z", "a accepted"},
			{"b requests 2.0 2000-01-01T01:45:00+01:00", "b duplicate"},
			{"b requests 3 2000-01-01T00:45:00Z", "b conflict another event was accepted with this id"},
			{"b requests 2 2000-01-01T00:45:01Z", "b conflict another event was accepted with this id"},
			{"c requests 1 2000-01-01T01:45:00Z", "c accepted"},
			{"d requests 1 2000-01-01T01:45:00.000000001Z", "d refused the time is more than 5m0s in the future"},
			{"e requests 1 2000-01-01T00:39:59Z", "e refused the time is more than 0 days ago"},
			{"f pages 1 2000-01-01T01:00:00Z", `f refused the plan has no dimension "pages"`},
			{"g instance 1 2000-01-01T01:00:00Z", `g refused the dimension "instance" is metered by the broker and cannot be reported`},
			{"h requests -1 2000-01-01T01:00:00Z", "h refused a quantity is 0 to 10^15 with at most 9 decimal places"},
			{"i requests 1e9999 2000-01-01T01:00:00Z", "i refused a quantity is 0 to 10^15 with at most 9 decimal places"},
			{"j requests 0.0000000001 2000-01-01T01:00:00Z", "j refused a quantity is 0 to 10^15 with at most 9 decimal places"},
			{"k requests 0 2000-01-01T01:00:00Z", "k accepted"},
		} {
			fates, err := m.Report(t.Context(), "upgraded", events(c.event))
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, told(fates))
		}
		fates, err := m.Report(t.Context(), "upgraded", []metering.Event{{Dimension: "requests", Time: time.Now()}, {ID: "x", Dimension: "requests"}})
		require.NoError(t, err)
		require.Equal(t, []string{"refused an event's id has 1 to 128 bytes of text", "x refused the time is missing: when it was used"}, told(fates))

		fates, err = m.Report(t.Context(), "upgraded", events("b requests 3 2000-01-01T00:45:00Z"))
		require.NoError(t, err)
		require.Equal(t, "3", fates[0].Given.Quantity.String())
		require.Equal(t, "2", fates[0].Stored.Quantity.String(), "a conflict shows both")

		_, err = m.Report(t.Context(), "nobody", nil)
		require.ErrorIs(t, err, fault.NotFound)
		_, err = m.Report(t.Context(), "upgraded", make([]metering.Event, metering.MaxEvents+1))
		require.ErrorIs(t, err, fault.TooLarge)
	})
}

func TestNothingIsReportedOfTimesInWhichNobodyPays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, oneHour, failed), perRequest, metering.Config{})
		time.Sleep(20 * time.Minute)
		fates, err := m.Report(t.Context(), "one", events("a requests 1 2000-01-01T00:14:59Z", "b requests 1 2000-01-01T00:15:00Z"))
		require.NoError(t, err)
		require.Equal(t, []string{"a refused the instance was not active then", "b accepted"}, told(fates))
		fates, err = m.Report(t.Context(), "failed", events("a requests 1 2000-01-01T00:15:00Z"))
		require.NoError(t, err)
		require.Equal(t, []string{"a refused the instance was not active then"}, told(fates))
	})
}

func TestReportedQuantitiesAreCountedByWindowAndPlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, upgraded), perRequest, metering.Config{})
		time.Sleep(3*time.Hour + time.Minute)
		_, err := m.Report(t.Context(), "upgraded", events(
			"a requests 1 2000-01-01T00:30:00Z", "b requests 2 2000-01-01T00:59:59.999999999Z",
			"c requests 10 2000-01-01T01:00:00Z", "d requests 100 2000-01-01T01:20:00Z", "e requests 0.5 2000-01-01T01:59:00Z", "f requests 0 2000-01-01T02:00:00Z"))
		require.NoError(t, err)
		closed, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 6, closed.Usage, "three hours and three quantities")
		counted := []string{"tenant-a upgraded s 00:00 part 1: 3", "tenant-a upgraded s 01:00 part 1: 10", "tenant-a upgraded l 01:00 part 1: 100.5"}
		require.ElementsMatch(t, counted, reportedUsage(t, m))

		bills, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(t, err)
		var amounts []string
		for _, b := range bills {
			if b.Dimension == "requests" {
				amounts = append(amounts, fmt.Sprintf("%s × %s = %s", b.Quantity, b.UnitPrice, b.Amount))
			}
		}
		require.ElementsMatch(t, []string{"3 × 0.001 = 0.003", "10 × 0.001 = 0.01", "100.5 × 0.0005 = 0.05025"}, amounts)

		fates, err := m.Report(t.Context(), "upgraded", events("a requests 1 2000-01-01T00:30:00Z", "late requests 4 2000-01-01T00:31:00Z"))
		require.NoError(t, err)
		require.Equal(t, []string{"a duplicate", "late accepted"}, told(fates))
		time.Sleep(time.Hour)
		_, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, append(counted, "tenant-a upgraded s 00:00 part 2: 4"), reportedUsage(t, m), "what comes late is a record of its own")

		var findings store.Findings
		_, err = metering.Check(t.Context(), s, &findings)
		require.NoError(t, err)
		require.Empty(t, findings)
	})
}

func TestAnIdUsedAgainReportsForItselfOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		twice := instance("i", "2000-01-01T00:00:00Z active s", "2000-01-01T00:20:00Z deleted s", "2000-01-01T00:40:00Z active s")
		for n := range twice.History {
			twice.History[n].Tenant = "tenant-a"
		}
		twice.History[2].Tenant = "tenant-b"
		first := twice
		first.History = twice.History[:2]
		f := stored(t, s, first)
		m := newMeter(t, s, f, perRequest, metering.Config{})
		time.Sleep(30 * time.Minute)
		_, err := m.Report(t.Context(), "i", events("boot requests 1 2000-01-01T00:10:00Z"))
		require.NoError(t, err)

		f.list[0] = twice
		_, err = provision.Documents(s).Update(t.Context(), "i", func(provision.Instance) (provision.Instance, error) { return twice, nil })
		require.NoError(t, err)
		time.Sleep(20 * time.Minute)
		fates, err := m.Report(t.Context(), "i", events("boot requests 5 2000-01-01T00:45:00Z", "old requests 1 2000-01-01T00:11:00Z"))
		require.NoError(t, err)
		require.Equal(t, []string{"boot accepted", "old refused the instance was not active then"}, told(fates))
		time.Sleep(time.Hour)
		_, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"tenant-a i s 00:00 part 1: 1", "tenant-b i s 00:00 part 1: 5"}, reportedUsage(t, m))
	})
}

// TestNothingReportedIsLostOrCountedTwice has brokers that die at any write, before or
// after it is done, while appliances send again what was not acknowledged and others
// count at the same time.
func TestNothingReportedIsLostOrCountedTwice(t *testing.T) {
	t.Parallel()
	type round struct {
		batch              []metering.Event
		reporting, closing []int
	}
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of every bubble
	rapid.Check(t, func(r *rapid.T) {
		sum := decimal.Zero
		rounds := make([]round, rapid.IntRange(1, 6).Draw(r, "rounds"))
		for n := range rounds {
			batch := make([]metering.Event, rapid.IntRange(1, 12).Draw(r, "events"))
			for k := range batch {
				batch[k] = metering.Event{
					ID: fmt.Sprintf("%d-%d", n, k), Dimension: "requests", Quantity: decimal.New(int64(rapid.IntRange(0, 999).Draw(r, "quantity")), -2),
					Time: begin.Add(time.Duration(rapid.IntRange(0, 179).Draw(r, "minute")) * time.Minute),
				}
				sum = sum.Add(batch[k].Quantity)
			}
			deaths := rapid.SliceOfN(rapid.IntRange(2, 40), 0, 4)
			rounds[n] = round{batch, deaths.Draw(r, "deaths of who takes reports"), deaths.Draw(r, "deaths of who counts")}
		}
		counted, billed := decimal.Zero, decimal.Zero
		synctest.Test(t, func(t *testing.T) { // the leases of the dead end by themselves
			time.Sleep(5 * time.Hour)
			driver := storetest.Memory(t)
			i := instance("i", begin.Format(time.RFC3339)+" active s", begin.Add(90*time.Minute).Format(time.RFC3339)+" active l")
			f := stored(t, store.New(driver), i)
			for _, each := range rounds {
				var both sync.WaitGroup
				both.Go(func() {
					untilDone(driver, f, each.reporting, func(m *metering.Meter) error {
						_, err := m.Report(context.Background(), "i", each.batch)
						return err
					})
				})
				both.Go(func() { untilDone(driver, f, each.closing, closeAll) })
				both.Wait()
			}
			require.NoError(t, closeAll(meterOn(driver, f)))
			m := meterOn(driver, f)
			usage, err := m.Usage(context.Background(), metering.Filter{})
			require.NoError(t, err)
			for _, u := range usage {
				counted = counted.Add(u.Quantity)
			}
			bills, err := m.Bills(context.Background(), metering.Filter{})
			require.NoError(t, err)
			for _, b := range bills {
				billed = billed.Add(b.Quantity)
			}
		})
		require.Equal(r, sum.String(), counted.String())
		require.Equal(r, sum.String(), billed.String())
	})
}

func closeAll(m *metering.Meter) error {
	_, err := m.CatchUp(context.Background())
	return err
}

func meterOn(driver store.Driver, f *fleet) *metering.Meter {
	m, err := metering.New(metering.Config{Store: store.New(driver), Instances: f, Catalog: perRequest, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return m
}

// untilDone does something with broker after broker, each of which dies at some write,
// until one lives long enough.
func untilDone(driver store.Driver, f *fleet, deaths []int, do func(*metering.Meter) error) {
	for _, at := range deaths {
		faulty := storetest.NewFaulty(driver, func(op storetest.Op) storetest.Outcome {
			switch {
			case op.Write && op.N == at/2:
				return storetest.DiesBefore + storetest.Outcome(at%2)
			}
			return storetest.Works
		})
		if do(meterOn(faulty, f)) == nil {
			return
		}
	}
	if err := do(meterOn(driver, f)); err != nil {
		panic(err)
	}
}

// BenchmarkReport counts events per second, on disk in SQLite: new ones, and ones that
// are there already.
func BenchmarkReport(b *testing.B) {
	for _, c := range []struct {
		name           string
		writers, batch int
	}{{"batches", 4, metering.MaxEvents}, {"singles", 64, 1}} {
		b.Run(c.name+"/new", func(b *testing.B) {
			w := newReporters(b, c.writers)
			b.ResetTimer()
			w.report(b, b.N, c.batch, metering.Accepted)
		})
		b.Run(c.name+"/duplicate", func(b *testing.B) {
			w := newReporters(b, c.writers)
			w.report(b, b.N, metering.MaxEvents, metering.Accepted)
			b.ResetTimer()
			w.report(b, b.N, c.batch, metering.Duplicate)
		})
	}
}

// reporters are instances whose appliances report at the same time.
type reporters struct {
	m       *metering.Meter
	writers int
	begin   time.Time
}

func newReporters(b *testing.B, writers int) reporters {
	b.Helper()
	driver, err := sqlitestore.Open(b.Context(), filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	s := store.New(driver)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	w := reporters{meterOn(driver, &fleet{}), writers, time.Now().Add(-time.Hour).UTC()}
	for n := range writers {
		stored(b, s, instance(fmt.Sprint("i-", n), w.begin.Format(time.RFC3339)+" active s"))
	}
	return w
}

// report has each writer report its share of n events, so many at a time.
func (w reporters) report(b *testing.B, n, batch int, want metering.Outcome) {
	b.Helper()
	var all sync.WaitGroup
	share := (n + w.writers - 1) / w.writers
	begin := time.Now()
	for k := range w.writers {
		all.Go(func() {
			for from := 0; from < share; from += batch {
				events := make([]metering.Event, min(batch, share-from))
				for n := range events {
					events[n] = metering.Event{
						ID: fmt.Sprint("event-", from+n), Dimension: "requests", Quantity: decimal.New(int64(from+n), -2),
						Time: w.begin.Add(time.Duration(from+n) % 3600 * time.Second),
					}
				}
				fates, err := w.m.Report(b.Context(), topology.InstanceID(fmt.Sprint("i-", k)), events)
				if err != nil || fates[0].Outcome != want {
					b.Errorf("%v %v", err, fates)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(share*w.writers)/time.Since(begin).Seconds(), "events/s")
}
