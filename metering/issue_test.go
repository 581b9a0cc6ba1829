package metering_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// february is when the statements of January are due: after a day for what is late.
const february = 32*24*time.Hour + time.Minute

// daily has windows of a day, so that a month is not many.
var daily = metering.Config{Window: 24 * time.Hour}

// issueAll closes what is over and issues the statements.
func issueAll(t require.TestingT, m *metering.Meter) int {
	closed, err := m.CatchUp(context.Background())
	require.NoError(t, err)
	return closed.Statements
}

// closeOnly closes what is over, by that time, and issues nothing.
func closeOnly(t require.TestingT, m *metering.Meter) {
	_, err := m.Close(context.Background(), at("2000-02-02T00:00:00Z"))
	require.NoError(t, err)
}

// statements are all, with their lines, in words.
func statements(t require.TestingT, m *metering.Meter) (list []string) {
	all, err := m.Statements(context.Background(), metering.Filter{})
	require.NoError(t, err)
	for _, s := range all {
		s, err := m.Statement(context.Background(), s.Number)
		require.NoError(t, err)
		list = append(list, fmt.Sprintf("%d %s %s..%s", s.Number, s.Tenant, s.Period.Start.Format("01-02T15"), s.Period.End.Format("01-02T15")))
		for _, l := range s.Lines {
			what := string(l.Charge)
			if l.Tier > 0 {
				what += fmt.Sprint(" ", l.Tier)
			}
			if l.Corrects != "" {
				what = "correction of " + what
			}
			list = append(list, fmt.Sprintf("  %s %s %s %s: %s = %s", l.Instance, l.Plan, l.Dimension, what, l.Quantity, l.Amount))
		}
		if s.Vendor != "" {
			list[len(list)-1-len(s.Lines)] += "to " + s.Vendor
		}
		for _, sum := range s.Totals {
			list = append(list, fmt.Sprintf("  total %s %s", sum.Amount, sum.Currency))
		}
	}
	return list
}

func requireSound(t require.TestingT, m *metering.Meter, count int) {
	chain, err := m.Verify(context.Background())
	require.NoError(t, err)
	require.Empty(t, chain.Findings)
	require.Equal(t, count, chain.Statements)
}

// One is active from 0:15 on the 1st: 1.5 h at 0.12 and then, until February, 742.25 h at
// 0.24. Upgraded is 50 min at 0.12 and 70 min at 0.20.
var january = []string{
	"1 tenant-a 01-01T00..02-01T00",
	"  one s instance usage: 5400 = 0.18",      // 1.5 × 0.12
	"  one s instance usage: 2672100 = 178.14", // 742.25 × 0.24
	"  upgraded l instance usage: 4200 = 0.23", // 70/60 × 0.20 = 0.2333…
	"  upgraded s instance usage: 3000 = 0.1",  // 50/60 × 0.12
	"  total 178.65 EUR",
}

func TestAMonthsStatementIsIssuedOnceItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, daily)
		require.Zero(t, issueAll(t, m), "nothing is over")
		time.Sleep(february - 2*time.Minute)
		require.Zero(t, issueAll(t, m), "the day for what is late is not over")
		time.Sleep(2 * time.Minute)
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, january, statements(t, m))
		require.Zero(t, issueAll(t, m), "once")

		time.Sleep(29 * 24 * time.Hour) // 2000 is a leap year: 696 h × 0.24
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, append(january, "2 tenant-a 02-01T00..03-01T00", "  one s instance usage: 2505600 = 167.04", "  total 167.04 EUR"), statements(t, m))
		requireSound(t, m, 2)
	})
}

func TestAMonthWithoutUsageHasNoStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{failed, upgraded}}, listPrices, daily)
		time.Sleep(100 * 24 * time.Hour)
		require.Equal(t, 1, issueAll(t, m), "of January; a provision that failed is never billed")
	})
}

func TestMonthsEndInTheBillingZone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		kolkata, err := time.LoadLocation("Asia/Kolkata")
		require.NoError(t, err)
		f := &fleet{list: []provision.Instance{instance("i", "2000-01-31T18:00:00Z active l", "2000-01-31T20:00:00Z deleted l")}}
		m := newMeter(t, storetest.New(t), f, listPrices, metering.Config{Window: 24 * time.Hour, Zone: kolkata})
		time.Sleep(70 * 24 * time.Hour)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, []string{ // February begins at 18:30 UTC: half an hour, and an hour and a half, × 0.20
			"1 tenant-a 12-31T18..01-31T18", "  i l instance usage: 1800 = 0.1", "  total 0.1 EUR",
			"2 tenant-a 01-31T18..02-29T18", "  i l instance usage: 5400 = 0.3", "  total 0.3 EUR",
		}, statements(t, m))
	})
}

// graduatedRequests are sold by tiers, with a minimum.
func graduatedRequests() tariff {
	end := decimal.New(100, 0)
	return tariff{"s": {price("0", ""), {
		Dimension: "requests", Unit: "request", Currency: "EUR", Model: catalog.ModelGraduated, Minimum: decimal.New(120, 0),
		Tiers: []catalog.Tier{{UpTo: &end, Amount: decimal.New(1, 0)}, {Amount: decimal.New(5, -1)}},
	}}}
}

func TestWhatIsReportedLateIsCorrectedInTheNextStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")), graduatedRequests(), daily)
		time.Sleep(february)
		_, err := m.Report(t.Context(), "i", events("a requests 80 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		require.Equal(t, 1, issueAll(t, m))
		first := []string{
			"1 tenant-a 01-01T00..02-01T00",
			"  i s instance usage: 2678400 = 0",
			"  i s requests usage 1: 80 = 80",
			"  i s requests minimum: 2678400 = 40", // 120 − 80
			"  total 120 EUR",
		}
		require.Equal(t, first, statements(t, m))
		bills, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(t, err)
		for _, b := range bills {
			require.Equal(t, "instance", b.Dimension, "tiers have no meaning in an hour")
		}
		var findings store.Findings
		_, err = metering.Check(t.Context(), s, &findings)
		require.NoError(t, err)
		require.Empty(t, findings)
		_, err = m.Report(t.Context(), "i", events("b requests 50 2000-01-20T00:00:00Z", "c requests 30 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(29 * 24 * time.Hour)
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, append(first,
			"2 tenant-a 02-01T00..03-01T00",
			"  i s requests correction of usage 1: 20 = 20",        // 160 are 100 and 60
			"  i s requests correction of usage 2: 60 = 30",        // 60 × 0.5
			"  i s requests correction of minimum: -2678400 = -40", // 130 are above the minimum
			"  total 10 EUR", // 130 − 120
		), statements(t, m))
		requireSound(t, m, 2)
		time.Sleep(31 * 24 * time.Hour)
		require.Zero(t, issueAll(t, m), "what is corrected stays so")
	})
}

func TestStatementsSurviveDeathAtAnyWrite(t *testing.T) {
	t.Parallel()
	var all []provision.Instance
	for n := range 3 {
		i := upgraded
		i.ID, i.Tenant = topology.InstanceID(fmt.Sprint("i", n)), topology.TenantID(fmt.Sprint("tenant-", n))
		all = append(all, i)
	}
	for name, outcome := range map[string]storetest.Outcome{
		"fails before": storetest.FailsBefore, "fails after": storetest.FailsAfter, "dies before": storetest.DiesBefore, "dies after": storetest.DiesAfter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(february)
				var want []string
				for write := 0; ; write++ {
					disk := storetest.Memory(t)
					agreed(t, store.New(disk), third)
					closeOnly(t, newMeter(t, store.New(disk), &fleet{list: all}, listPrices, daily))
					faulty := storetest.NewFaulty(disk, func(op storetest.Op) storetest.Outcome {
						if op.Write && op.N == write {
							return outcome
						}
						return storetest.Works
					})
					_, err := newMeter(t, store.New(faulty), &fleet{list: all}, listPrices, daily).Issue(t.Context())
					if write > 0 && faulty.Writes() >= write {
						require.ErrorIs(t, err, fault.Unavailable)
					}
					m := newMeter(t, store.New(disk), &fleet{list: all}, listPrices, daily)
					issueAll(t, m)
					requireSound(t, m, 4)
					if want == nil {
						want = statements(t, m)
					}
					require.Equal(t, want, statements(t, m), "write %d", write)
					if write > 0 && faulty.Writes() < write {
						require.Equal(t, 4*2+1+1, write, "a page and a statement for each tenant and for the vendor, and the mark")
						return
					}
				}
			})
		})
	}
}

func TestSeveralBrokersNumberStatementsWithoutGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, f := storetest.New(t), &fleet{}
		for n := range 20 {
			i := upgraded
			i.ID, i.Tenant = topology.InstanceID(fmt.Sprint("i", n)), topology.TenantID(fmt.Sprint("tenant-", n))
			f.add(i)
		}
		time.Sleep(february)
		agreed(t, s, third)
		closeOnly(t, newMeter(t, s, f, listPrices, daily))
		var working sync.WaitGroup
		for range 5 {
			m := newMeter(t, s, f, listPrices, daily)
			working.Go(func() { issueAll(t, m) })
		}
		working.Wait()
		m := newMeter(t, s, f, listPrices, daily)
		requireSound(t, m, 21)
		all, err := m.Statements(t.Context(), metering.Filter{})
		require.NoError(t, err)
		tenants := map[topology.TenantID]bool{}
		for _, one := range all {
			require.False(t, tenants[one.Tenant], "%s has two", one.Tenant)
			tenants[one.Tenant] = true
		}
		require.Len(t, tenants, 21, "with the vendor, as nobody")
		require.Equal(t, "maker", all[20].Vendor)
	})
}

func TestVerifySeesWhatWasAltered(t *testing.T) {
	t.Parallel()
	type pages struct {
		Lines []map[string]any `json:"lines"`
	}
	for name, c := range map[string]struct {
		alter func(t *testing.T, s *store.Store)
		says  string
	}{
		"an amount": {func(t *testing.T, s *store.Store) {
			_, err := store.In[metering.Statement](s, "statements", nil).Update(t.Context(), "000000000002", func(x metering.Statement) (metering.Statement, error) {
				x.Totals[0].Amount = x.Totals[0].Amount.Neg()
				return x, nil
			})
			require.NoError(t, err)
		}, "2 it is not what was issued"},
		"one taken away": {func(t *testing.T, s *store.Store) {
			require.NoError(t, store.In[metering.Statement](s, "statements", nil).Delete(t.Context(), "000000000002"))
		}, "3 its number is 3, after 1"},
		"the first taken away": {func(t *testing.T, s *store.Store) {
			require.NoError(t, store.In[metering.Statement](s, "statements", nil).Delete(t.Context(), "000000000001"))
		}, "2 its number is 2, after 0"},
		"a line": {func(t *testing.T, s *store.Store) {
			statement, err := store.In[metering.Statement](s, "statements", nil).Get(t.Context(), "000000000003")
			require.NoError(t, err)
			_, err = store.In[pages](s, "statement-pages", nil).Update(t.Context(), statement.Pages[0], func(p pages) (pages, error) {
				p.Lines[0]["instance"] = "another"
				return p, nil
			})
			require.NoError(t, err)
		}, "3 lines from 1 on are not those that were issued"},
		"lines taken away": {func(t *testing.T, s *store.Store) {
			statement, err := store.In[metering.Statement](s, "statements", nil).Get(t.Context(), "000000000003")
			require.NoError(t, err)
			require.NoError(t, store.In[pages](s, "statement-pages", nil).Delete(t.Context(), statement.Pages[0]))
		}, "3 it has 0 lines, not 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, f := storetest.New(t), &fleet{}
				for n := range 3 {
					i := upgraded
					i.ID, i.Tenant = topology.InstanceID(fmt.Sprint("i", n)), topology.TenantID(fmt.Sprint("tenant-", n))
					f.add(i)
				}
				m := newMeter(t, s, f, listPrices, daily)
				time.Sleep(february)
				require.Equal(t, 3, issueAll(t, m))
				requireSound(t, m, 3)
				c.alter(t, s)
				chain, err := m.Verify(t.Context())
				require.NoError(t, err)
				var said []string
				for _, f := range chain.Findings {
					said = append(said, fmt.Sprint(f.Number, " ", f.Message))
				}
				require.Contains(t, strings.Join(said, "\n"), c.says)
			})
		})
	}
}

func TestALineIsExplainedByItsPriceAndItsUsage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s")), graduatedRequests(), daily)
		time.Sleep(february)
		_, err := m.Report(t.Context(), "i", events("a requests 80 2000-01-05T00:00:00Z", "b requests 10 2000-01-06T00:00:00Z"))
		require.NoError(t, err)
		require.Equal(t, 1, issueAll(t, m))
		statement, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		for _, l := range statement.Lines {
			e, err := m.Explain(t.Context(), 1, l.ID)
			require.NoError(t, err)
			require.True(t, e.Matches, "%s %s", l.Dimension, l.Charge)
			require.Equal(t, l.Dimension, e.Price.Dimension)
			require.Len(t, e.Usage, 1, "as long as plan and price stay")
			requireTrail(t, e)
			if l.Dimension == "requests" {
				require.Equal(t, []string{"2000-01-05 80: a", "2000-01-06 10: b"}, trail(e))
			} else {
				require.Equal(t, []string{"1 active s"}, trail(e))
			}
		}
		_, err = m.Report(t.Context(), "i", events("late requests 1 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(24 * time.Hour)
		require.Zero(t, issueAll(t, m))
		e, err := m.Explain(t.Context(), 1, statement.Lines[1].ID)
		require.NoError(t, err)
		require.False(t, e.Matches, "more has come since")
		require.Equal(t, "91", e.Usage[0].Quantity.String())
		requireTrail(t, e)
		require.Equal(t, []string{"2000-01-05 81: a late", "2000-01-06 10: b"}, trail(e))
		_, err = m.Explain(t.Context(), 1, "none")
		require.ErrorIs(t, err, fault.NotFound)
		_, err = m.Explain(t.Context(), 2, "none")
		require.ErrorIs(t, err, fault.NotFound)
	})
}
