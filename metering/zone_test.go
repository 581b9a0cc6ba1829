package metering_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// ofTenant is an instance of a tenant, active from the beginning.
func ofTenant(tenant string) provision.Instance {
	i := instance("of-"+tenant, "2000-01-01T00:00:00Z active s")
	i.Tenant = topology.TenantID(tenant)
	return i
}

func setZone(t *testing.T, m *metering.Meter, tenant, zone, from string) {
	t.Helper()
	z, err := m.SetZone(t.Context(), topology.TenantID(tenant), zone)
	require.NoError(t, err)
	require.Equal(t, metering.Zone{Tenant: topology.TenantID(tenant), Zone: zone, From: at(from)}, z)
}

// periods are those of a tenant's statements.
func periods(t *testing.T, m *metering.Meter, tenant string) (list []string) {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{Tenant: topology.TenantID(tenant)})
	require.NoError(t, err)
	for _, s := range all {
		list = append(list, s.Period.Start.Format("01-02T15:04")+" "+s.Period.End.Format("01-02T15:04"))
	}
	return list
}

// billedHours is how long a tenant's only instance is on its statements, at 1 an hour.
func billedHours(t *testing.T, m *metering.Meter, tenant string) decimal.Decimal {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{Tenant: topology.TenantID(tenant)})
	require.NoError(t, err)
	sum := decimal.Zero
	for _, s := range all {
		sum = sum.Add(s.Totals[0].Amount)
	}
	return sum
}

var hourly = tariff{"s": []catalog.Price{price("1", "")}}

func TestStatementsCloseAtMonthEndsInTheTenantsZone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, f, hourly, daily)
		setZone(t, m, "tokyo", "Asia/Tokyo", "2000-01-31T15:00:00Z")
		setZone(t, m, "york", "America/New_York", "2000-02-01T05:00:00Z")
		setZone(t, m, "berlin", "Europe/Berlin", "2000-01-31T23:00:00Z")
		for _, tenant := range []string{"berlin", "tokyo", "utc", "york"} {
			f.add(ofTenant(tenant))
		}
		time.Sleep(february)
		require.Equal(t, 0, issueAll(t, m), "it is not over for all, and a day")
		time.Sleep(24 * time.Hour)
		require.Equal(t, 5, issueAll(t, m))
		time.Sleep(91 * 24 * time.Hour) // to the beginning of May
		issueAll(t, m)
		require.Equal(t, []string{"01-01T00:00 01-31T15:00", "01-31T15:00 02-29T15:00", "02-29T15:00 03-31T15:00", "03-31T15:00 04-30T15:00"}, periods(t, m, "tokyo"))
		require.Equal(t, []string{"01-01T00:00 02-01T05:00", "02-01T05:00 03-01T05:00", "03-01T05:00 04-01T05:00", "04-01T05:00 05-01T04:00"}, periods(t, m, "york"), "summer time begins on April 2nd")
		require.Equal(t, []string{"01-01T00:00 01-31T23:00", "01-31T23:00 02-29T23:00", "02-29T23:00 03-31T22:00", "03-31T22:00 04-30T22:00"}, periods(t, m, "berlin"), "and in Europe on March 26th")
		require.Equal(t, []string{"01-01T00:00 02-01T00:00", "02-01T00:00 03-01T00:00", "03-01T00:00 04-01T00:00", "04-01T00:00 05-01T00:00"}, periods(t, m, "utc"))
		for tenant, hours := range map[string]string{"tokyo": "2895", "york": "2908", "berlin": "2902", "utc": "2904"} { // 121 days are 2904 hours
			require.Equal(t, hours, billedHours(t, m, tenant).String(), tenant)
		}
		settled, err := m.Settle(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Equal(t, "11609", settled[0].Billed.String(), "vendors' statements have the shares of all")
		require.Equal(t, settled[0].Billed.String(), settled[0].Shared.Add(settled[0].Kept).String())
		requireSound(t, m, 20)
	})
}

func TestAZoneChangesWithTheNextPeriodWithoutGapOrOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, &fleet{list: []provision.Instance{ofTenant("t")}}, hourly, daily)
		time.Sleep(20 * 24 * time.Hour)
		setZone(t, m, "t", "Asia/Tokyo", "2000-02-29T15:00:00Z")
		setZone(t, m, "t", "Pacific/Auckland", "2000-02-29T11:00:00Z")
		setZone(t, m, "t", "Pacific/Auckland", "2000-02-29T11:00:00Z")
		time.Sleep(50 * 24 * time.Hour) // to March 11th
		issueAll(t, m)
		setZone(t, m, "t", "America/Los_Angeles", "2000-05-01T07:00:00Z")
		time.Sleep(90 * 24 * time.Hour) // to June 9th
		issueAll(t, m)
		require.Equal(t, []string{
			"01-01T00:00 02-01T00:00", "02-01T00:00 02-29T11:00", "02-29T11:00 03-31T12:00", "03-31T12:00 05-01T07:00", "05-01T07:00 06-01T07:00",
		}, periods(t, m, "t"))
		require.Equal(t, "3655", billedHours(t, m, "t").String(), "152 days and 7 hours")
		all, err := m.Zones(t.Context())
		require.NoError(t, err)
		require.Equal(t, []metering.Zone{{Tenant: "t", Zone: "America/Los_Angeles", From: at("2000-05-01T07:00:00Z")}}, all)
	})
}

// Usage of the last hours of a month in New York belongs to another month in UTC; what comes of it when both
// are issued is a correction.
func TestLateUsageIsOfTheTenantsOwnPeriod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s), graduatedRequests(), daily)
		setZone(t, m, "tenant-a", "America/New_York", "2000-02-01T05:00:00Z")
		m = newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s")), graduatedRequests(), metering.Config{})
		time.Sleep(35 * 24 * time.Hour)
		require.Equal(t, 1, issueAll(t, m))
		_, err := m.Report(t.Context(), "i", events("late requests 200 2000-02-01T03:00:00Z"))
		require.NoError(t, err)
		time.Sleep(29 * 24 * time.Hour)
		require.Equal(t, 1, issueAll(t, m))
		second, err := m.Statement(t.Context(), 2)
		require.NoError(t, err)
		corrected := decimal.Zero
		for _, l := range second.Lines {
			if l.Period.Start.Equal(at("2000-01-01T00:00:00Z")) {
				corrected = corrected.Add(l.Amount)
			}
		}
		require.Equal(t, "30", corrected.String(), "150 for 200 in place of the minimum of 120")
		requireSound(t, m, 2)
	})
}

func TestAZoneIsOneOfTheTzDatabase(t *testing.T) {
	t.Parallel()
	m := newMeter(t, storetest.New(t), &fleet{}, hourly, daily)
	for _, name := range []string{"", "Local", "Berlin", "../etc/passwd", "+02:00"} {
		_, err := m.SetZone(t.Context(), "t", name)
		require.ErrorIs(t, err, fault.Invalid, name)
	}
	_, err := m.SetZone(t.Context(), "", "UTC")
	require.ErrorIs(t, err, fault.Invalid)
}

// What "this month" means is the tenant's, and for nobody in particular the operator's.
func TestTheMonthInHandBeginsInTheTenantsZone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{}, hourly, daily)
		_, err := m.SetZone(t.Context(), "tokyo", "Asia/Tokyo")
		require.NoError(t, err)
		for _, c := range []struct{ tenant, at, begin string }{
			{"tokyo", "2000-03-31T14:59:59Z", "2000-02-29T15:00:00Z"},
			{"tokyo", "2000-03-31T15:00:00Z", "2000-03-31T15:00:00Z"},
			{"other", "2000-03-31T15:00:00Z", "2000-03-01T00:00:00Z"},
			{"", "2000-04-01T00:00:00Z", "2000-04-01T00:00:00Z"},
		} {
			begin, err := m.Month(t.Context(), topology.TenantID(c.tenant), at(c.at))
			require.NoError(t, err)
			require.True(t, begin.Equal(at(c.begin)), "%s at %s: %s", c.tenant, c.at, begin)
		}
	})
}
