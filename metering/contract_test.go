package metering_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// ours is a contract price of tenant-a's.
func ours(amount, from, until string) catalog.Price {
	p := price(amount, from)
	p.Tenant = "tenant-a"
	if until != "" {
		p.Until = at(until)
	}
	return p
}

// What a contract prices is on statements alone: an hour's record at the price for all would
// not be what is owed.
func TestATenantPaysItsContractAndOthersThePriceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var all []provision.Instance
		for _, tenant := range []topology.TenantID{"tenant-a", "tenant-b"} {
			i := instance(string("of-"+tenant), "2000-01-01T00:00:00Z active l", "2000-01-31T00:00:00Z deleted l")
			i.Tenant = tenant
			all = append(all, i)
		}
		prices := tariff{"l": {price("0.20", ""), ours("0.10", "2000-01-11T12:00:00Z", "2000-01-21T00:00:00Z")}}
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, all...), prices, daily)
		time.Sleep(february)
		require.Equal(t, 2, issueAll(t, m))
		require.Equal(t, []string{
			"1 tenant-a 01-01T00..02-01T00",
			"  of-tenant-a l instance usage: 907200 = 50.4", // 252 h × 0.20
			"  of-tenant-a l instance usage: 820800 = 22.8", // 228 h × 0.10
			"  of-tenant-a l instance usage: 864000 = 48",   // 240 h × 0.20
			"  total 121.2 EUR",
			"2 tenant-b 01-01T00..02-01T00",
			"  of-tenant-b l instance usage: 2592000 = 144", // 720 h × 0.20
			"  total 144 EUR",
		}, statements(t, m))
		hours := map[topology.TenantID]string{}
		for _, tenant := range []topology.TenantID{"tenant-a", "tenant-b"} {
			totals, err := m.Totals(t.Context(), metering.Filter{Tenant: tenant})
			require.NoError(t, err)
			hours[tenant] = totals[0].Amount.String()
		}
		require.Equal(t, map[topology.TenantID]string{"tenant-a": "98.4", "tenant-b": "144"}, hours, "without the time of the contract")

		first, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		e, err := m.Explain(t.Context(), 1, first.Lines[1].ID)
		require.NoError(t, err)
		require.True(t, e.Line.Contract)
		require.True(t, e.Matches)
		require.Equal(t, "0.1", e.Price.Amount.String())
	})
}
