package metering_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

// promise credits 10 percent below 99 and 25 percent below 95.
func promise(plan catalog.PlanID) rating.Promise {
	level := func(below, credit int64) rating.Level {
		return rating.Level{Below: decimal.New(below, 0), Credit: decimal.New(credit, 0)}
	}
	return rating.Promise{Service: "service-1", Plan: plan, Levels: []rating.Level{level(99, 10), level(95, 25)}}
}

// unwell is an instance of January that was as told for so long from the 10th on.
func unwell(id string, health provision.HealthStatus, lasted time.Duration) provision.Instance {
	i := instance(id, "2000-01-01T00:00:00Z active l", "2000-01-10T00:00:00Z active l", "2000-01-10T00:00:00Z active l", "2000-02-01T00:00:00Z deleted l")
	i.History[2].At = i.History[1].At.Add(lasted)
	i.History[1].Health, i.History[2].Health = health, provision.HealthOK
	return i
}

// afterSuspension is an instance of January that worked for a while but for six hours at its end, and then was suspended.
func afterSuspension(id string, worked, suspended time.Duration) provision.Instance {
	i := instance(id, "2000-01-01T00:00:00Z active l", "2000-01-01T00:00:00Z active l", "2000-01-01T00:00:00Z active l", "2000-02-01T00:00:00Z deleted l")
	i.History[1].At = i.History[0].At.Add(worked - 6*time.Hour)
	i.History[2].At = i.History[0].At.Add(worked)
	i.History[3].At = i.History[2].At.Add(suspended)
	i.History[1].Health, i.History[2].Health = provision.HealthFailing, provision.HealthSuspended
	return i
}

func TestABrokenPromiseIsCredited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		agreed(t, s, third)
		const percent = 744 * time.Hour / 100
		m := newMeter(t, s, &fleet{list: []provision.Instance{
			unwell("a-kept", provision.HealthFailing, percent), // 99 percent is not below 99
			unwell("b-missed", provision.HealthFailing, percent+time.Nanosecond),
			unwell("c-long", provision.HealthFailing, 6*percent),
			unwell("d-bypassed", provision.HealthBypassed, 6*percent),
			unwell("e-degraded", provision.HealthDegraded, 6*percent),
			afterSuspension("f-suspended", 3*24*time.Hour, 28*24*time.Hour),
		}}, listPrices, daily)
		p := promise("l")
		p.Bypassed = true
		_, err := m.SetPromise(t.Context(), p)
		require.NoError(t, err)
		time.Sleep(february)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, []string{
			"1 tenant-a 01-01T00..02-01T00",
			"  a-kept l instance usage: 2678400 = 148.8",
			"  b-missed l availability service-level: 26784.000000001 = -14.88", // 10 percent
			"  b-missed l instance usage: 2678400 = 148.8",
			"  c-long l availability service-level: 160704 = -37.2", // 25 percent
			"  c-long l instance usage: 2678400 = 148.8",
			"  d-bypassed l availability service-level: 160704 = -37.2",
			"  d-bypassed l instance usage: 2678400 = 148.8",
			"  e-degraded l instance usage: 2678400 = 148.8",
			"  f-suspended l availability service-level: 21600 = -37.2", // of 3 days the quarter of one: 91.7 percent
			"  f-suspended l instance usage: 2678400 = 148.8",
			"  total 766.32 EUR", // 6 × 148.80 − 126.48
		}, statements(t, m)[:12])
		require.Equal(t, "255.44", requireAllShared(t, m, third), "a third: what is given back is shared as what it was billed by")
		requireSound(t, m, 2)
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		e, err := m.Explain(t.Context(), 1, first.Lines[1].ID)
		require.NoError(t, err)
		require.NotNil(t, e.Promise)
		require.True(t, e.Matches)
		require.NotEmpty(t, e.Usage)

		var b bytes.Buffer
		require.NoError(t, focus.Write(&b, metering.Seller{}.LineCharges(first.Lines, first.Period)))
		_, findings, err := focus.Check(&b)
		require.NoError(t, err)
		require.Empty(t, findings)
	})
}

// What comes late is credited, too, as a correction; a forecast has the credit that is due if all goes well from now on.
func TestServiceCreditsAreCorrectedAndForecast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := instance("i", "2000-01-01T00:00:00Z active s", "2000-01-03T00:00:00Z active s", "2000-01-04T00:00:00Z active s", "2000-02-01T00:00:00Z deleted s")
		i.History[1].Health, i.History[2].Health = provision.HealthFailing, provision.HealthOK
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, i), graduatedRequests(), daily)
		_, err := m.SetPromise(t.Context(), promise("s"))
		require.NoError(t, err)
		time.Sleep(10*24*time.Hour + time.Minute)
		_, err = m.Report(t.Context(), "i", events("a requests 200 2000-01-05T00:00:00Z"))
		require.NoError(t, err)
		require.Zero(t, issueAll(t, m))
		told := preview(t, m)
		require.Equal(t, "112.5", told.Totals[0].Amount.String(), "150, of which a day in ten gives back 25 percent")
		require.Equal(t, "324", told.Forecast[0].Amount.String(), "620 come to 100 and 520 × 0.5, less 10 percent: a day in 31")

		time.Sleep(february - 10*24*time.Hour)
		require.Equal(t, 1, issueAll(t, m))
		_, err = m.Report(t.Context(), "i", events("b requests 20 2000-01-06T00:00:00Z"))
		require.NoError(t, err)
		time.Sleep(month)
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, []string{
			"1 tenant-a 01-01T00..02-01T00",
			"  i s availability service-level: 86400 = -15",
			"  i s instance usage: 2678400 = 0",
			"  i s requests usage 1: 100 = 100",
			"  i s requests usage 2: 100 = 50",
			"  total 135 EUR",
			"2 tenant-a 02-01T00..03-01T00",
			"  i s availability correction of service-level: 0 = -1",
			"  i s requests correction of usage 2: 20 = 10",
			"  total 9 EUR",
		}, statements(t, m))
		requireSound(t, m, 2)
	})
}

// A service-level credit and refunds together give back what was paid, and no more.
func TestARefundIsNoMoreThanAServiceCreditLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, unwell("i", provision.HealthFailing, 6*74*time.Hour)), listPrices, daily)
		_, err := m.SetPromise(t.Context(), promise("l"))
		require.NoError(t, err)
		time.Sleep(february)
		require.Equal(t, 1, issueAll(t, m))
		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, []string{"-37.2", "148.8"}, []string{first.Lines[0].Amount.String(), first.Lines[1].Amount.String()})
		_, err = m.Refund(t.Context(), 1, first.Lines[0].ID, credit("r", ""))
		require.ErrorIs(t, err, fault.Conflict, "what was given back is not given back again")
		_, err = m.Refund(t.Context(), 1, first.Lines[1].ID, credit("r", "148.8"))
		require.ErrorContains(t, err, "111.6 EUR can still be refunded")
		given, err := m.Refund(t.Context(), 1, first.Lines[1].ID, credit("r", "100"))
		require.NoError(t, err)
		require.Equal(t, "100", given.Amount.String())
		given, err = m.Refund(t.Context(), 1, first.Lines[1].ID, credit("rest", ""))
		require.NoError(t, err)
		require.Equal(t, "11.6", given.Amount.String())
		_, err = m.Refund(t.Context(), 1, first.Lines[1].ID, credit("more", "0.01"))
		require.ErrorIs(t, err, fault.Conflict)
	})
}

func TestUnsoundPromisesAreRefused(t *testing.T) {
	t.Parallel()
	m := newMeter(t, storetest.New(t), &fleet{}, listPrices, daily)
	for name, levels := range map[string][]rating.Level{
		"upside down":    {{Below: decimal.New(95, 0), Credit: decimal.New(10, 0)}, {Below: decimal.New(99, 0), Credit: decimal.New(25, 0)}},
		"less for worse": {{Below: decimal.New(99, 0), Credit: decimal.New(25, 0)}, {Below: decimal.New(95, 0), Credit: decimal.New(10, 0)}},
		"more than all":  {{Below: decimal.New(99, 0), Credit: decimal.New(101, 0)}},
		"nothing":        {{Below: decimal.New(99, 0)}},
	} {
		p := promise("l")
		p.Levels = levels
		_, err := m.SetPromise(t.Context(), p)
		require.ErrorIs(t, err, fault.Invalid, name)
	}
	_, err := m.SetPromise(t.Context(), promise("none"))
	require.ErrorIs(t, err, fault.NotFound)
}
