package metering_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// reused is an id that tenant A gave up at 00:20 and tenant B took at 00:30, on
// another platform and for another service. Half of A's use is in B's document.
func reused() provision.Instance {
	i := instance("fw",
		"2000-01-01T00:00:00Z provisioning s", "2000-01-01T00:05:00Z active s",
		"2000-01-01T00:20:00Z deprovisioning s", "2000-01-01T00:21:00Z deleted s",
		"2000-01-01T00:30:00Z provisioning l", "2000-01-01T00:40:00Z active l")
	i.Name, i.Tenant, i.Platform, i.Service = "b's firewall", "tenant-b", "k8s", "service-2"
	for n := range i.History {
		e := &i.History[n]
		e.Tenant, e.Platform, e.Service = "tenant-a", "cf", "service-1"
		if n >= 4 {
			e.Tenant, e.Platform, e.Service = i.Tenant, i.Platform, i.Service
		}
	}
	return i
}

// offers is a catalog that knows which service a plan is of, as the real one does.
type offers map[catalog.ServiceID]tariff

func (o offers) Prices(ctx context.Context, service catalog.ServiceID, plan catalog.PlanID) ([]catalog.Price, error) {
	return o[service].Prices(ctx, service, plan)
}

func (o offers) Vendor(ctx context.Context, service catalog.ServiceID) (string, error) {
	return o[service].Vendor(ctx, service)
}

func TestAnIDUsedAgainIsBilledToWhomeverHadIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{reused()}}, offers{
			"service-1": {"s": {price("0.12", "")}}, "service-2": {"l": {price("0.60", "")}},
		}, metering.Config{})
		time.Sleep(2*time.Hour + time.Minute)
		closed, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Zero(t, closed.Unrated)
		require.Equal(t, 3, closed.Usage)

		require.Equal(t, []string{"tenant-a cf service-1 s fw: 900 s = 0.03"}, owed(t, m, "tenant-a"))
		require.Equal(t, []string{
			"tenant-b k8s service-2 l b's firewall: 1200 s = 0.2",
			"tenant-b k8s service-2 l b's firewall: 3600 s = 0.6",
		}, owed(t, m, "tenant-b"))
		requireEverySecondOnce(t, m, map[string]int64{"fw": 5700})
	})
}

func TestALifeIsMeteredAloneWhenItHasNoOwner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old := reused()
		for n := range old.History {
			old.History[n].Tenant, old.History[n].Platform, old.History[n].Service = "", "", ""
		}
		m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{old}}, tariff{"s": listPrices["l"], "l": listPrices["l"]}, metering.Config{})
		time.Sleep(time.Hour + time.Minute)
		_, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Len(t, owed(t, m, "tenant-b"), 2, "history that does not say whose it is, is the present owner's")
	})
}

// Three lives in one hour, the middle one failed: two records, of different ids.
func TestEveryLifeInAWindowHasItsOwnRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := instance("fw",
			"2000-01-01T00:00:00Z active s", "2000-01-01T00:10:00Z deleted s", "2000-01-01T00:11:00Z deleted s",
			"2000-01-01T00:15:00Z provisioning s", "2000-01-01T00:20:00Z failed s", "2000-01-01T00:21:00Z deleted s",
			"2000-01-01T00:50:00Z active s", "2000-01-01T01:00:00Z deleted s")
		m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{i}}, listPrices, metering.Config{})
		time.Sleep(3 * time.Hour)
		_, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		usage, err := m.Usage(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Len(t, usage, 2)
		require.NotEqual(t, usage[0].ID, usage[1].ID)
		requireEverySecondOnce(t, m, map[string]int64{"fw": 1200})
	})
}

// Whoever uses an id, however often and briefly: each pays for what was active
// under its own name, to the nanosecond.
func TestEveryTenantPaysForItsOwnTimeOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		i, active := tenancies(r, time.Now().UTC().Add(-7*24*time.Hour))
		disk, err := sqlitestore.Memory()
		require.NoError(r, err)
		defer disk.Close()
		m := newMeter(t, store.New(disk), &fleet{list: []provision.Instance{i}}, tariff{"s": {price("0.12", "")}}, metering.Config{Window: 3 * time.Hour})
		_, err = m.CatchUp(t.Context())
		require.NoError(r, err)
		billed, used := map[topology.TenantID]time.Duration{}, map[topology.TenantID]time.Duration{}
		bills, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(r, err)
		for _, b := range bills {
			billed[b.Tenant] += b.End.Sub(b.Start)
		}
		usage, err := m.Usage(t.Context(), metering.Filter{})
		require.NoError(r, err)
		for _, u := range usage {
			used[u.Tenant] += time.Duration(u.Seconds.Shift(9).IntPart())
		}
		require.Equal(r, active, billed)
		require.Equal(r, active, used)
	})
}

// tenancies draws an id's lives within some days, all over, and how long each
// tenant was active.
func tenancies(r *rapid.T, when time.Time) (provision.Instance, map[topology.TenantID]time.Duration) {
	i, active := instance("fw"), map[topology.TenantID]time.Duration{}
	for range rapid.IntRange(1, 4).Draw(r, "lives") {
		i.Tenant = rapid.SampledFrom([]topology.TenantID{"a", "b"}).Draw(r, "tenant")
		second := rapid.SampledFrom([]provision.State{provision.Active, provision.Failed}).Draw(r, "outcome")
		for _, state := range []provision.State{provision.Provisioning, second, provision.Deprovisioning, provision.Deleted} {
			i.History = append(i.History, provision.Event{
				Seq: len(i.History) + 1, At: when, State: state, Plan: "s", Tenant: i.Tenant, Platform: i.Platform, Service: i.Service,
			})
			pause := time.Duration(rapid.Int64Range(0, int64(6*time.Hour)).Draw(r, "pause"))
			if state == provision.Active && pause > 0 {
				active[i.Tenant] += pause
			}
			when = when.Add(pause)
		}
	}
	return i, active
}

func owed(t *testing.T, m *metering.Meter, tenant topology.TenantID) (list []string) {
	t.Helper()
	bills, err := m.Bills(t.Context(), metering.Filter{Tenant: tenant})
	require.NoError(t, err)
	for _, b := range bills {
		list = append(list, fmt.Sprintf("%s %s %s %s %s: %s s = %s",
			b.Tenant, b.Platform, b.Service, b.Plan, b.Name, b.Seconds, b.Amount))
	}
	return list
}
