package metering_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The golden bill is checked by hand:
//
//	one       00:15-01:00     2700 s × 0.12/3600 = 0.09
//	          01:00-01:45     2700 s × 0.12/3600 = 0.09
//	          01:45-02:00      900 s × 0.24/3600 = 0.06      the price changes
//	          02:00-03:00     3600 s × 0.24/3600 = 0.24
//	upgraded  00:30-01:00     1800 s × 0.12/3600 = 0.06
//	          01:00-01:20     1200 s × 0.12/3600 = 0.04
//	          01:20-02:00     2400 s × 0.20/3600 = 0.133333…  the plan changes
//	          02:00-02:30     1800 s × 0.20/3600 = 0.1        it is removed
//	=cmd|…    02:10:00-05        5 s × 0.24/3600 = 0.000333…
//	yankee    02:00:00.5-03   3599.5 s × 1.50/3600 = 1.499791666…
func TestGoldenBill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		moment := instance("=cmd|moment", "2000-01-01T02:10:00Z active s", "2000-01-01T02:10:05Z deprovisioning s")
		yankee := instance("yankee", "2000-01-01T02:00:00.5Z active d")
		yankee.Tenant, yankee.Name, moment.Name = "tenant-b", "The Yankee, \"2nd\"", "+1 moment"
		prices := tariff{"s": listPrices["s"], "l": listPrices["l"], "d": {price("1.50", "")}}
		prices["d"][0].Currency = "USD"
		m := newMeter(t, storetest.New(t), &fleet{list: append(sample(), moment, yankee)}, prices, metering.Config{})
		time.Sleep(3*time.Hour + time.Minute)
		_, err := m.CatchUp(t.Context())
		require.NoError(t, err)

		bills, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(t, err)
		var text strings.Builder
		require.NoError(t, metering.WriteCSV(&text, bills))
		golden(t, "bill.csv", text.String())
		rows, err := csv.NewReader(strings.NewReader(text.String())).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 11)

		text.Reset()
		require.NoError(t, metering.WriteJSON(&text, bills))
		golden(t, "bill.json", text.String())
		var back []metering.BillingRecord
		require.NoError(t, json.Unmarshal([]byte(text.String()), &back))
		require.Equal(t, fmt.Sprint(bills), fmt.Sprint(back))

		totals, err := m.Totals(t.Context(), metering.Filter{})
		require.NoError(t, err)
		text.Reset()
		for _, total := range totals {
			fmt.Fprintf(&text, "%s %s %s in %d\n", total.Tenant, total.Amount, total.Currency, total.Records)
		}
		require.Equal(t, "tenant-a 0.813666 EUR in 9\ntenant-b 1.499792 USD in 1\n", text.String())
	})
}

func TestNoBillsAreAnEmptyList(t *testing.T) {
	t.Parallel()
	m := newMeter(t, storetest.New(t), &fleet{}, tariff{}, metering.Config{})
	bills, err := m.Bills(t.Context(), metering.Filter{})
	require.NoError(t, err)
	require.NotNil(t, bills)
	var text strings.Builder
	require.NoError(t, metering.WriteJSON(&text, bills))
	require.JSONEq(t, "[]", text.String())
	text.Reset()
	require.NoError(t, metering.WriteCSV(&text, bills))
	require.Equal(t, 1, strings.Count(text.String(), "\n"), "the header")
}

func TestListingsAreNarrowedByWhatTheFilterSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{}
		for _, tenant := range []string{"a", "b"} {
			for n := range 3 {
				i := instance(fmt.Sprintf("%s-%d", tenant, n), "2000-01-01T00:00:00Z active s")
				i.Tenant, i.Service = topology.TenantID("tenant-"+tenant), catalog.ServiceID("service-"+tenant)
				f.add(i)
			}
		}
		m := newMeter(t, storetest.New(t), f, listPrices, metering.Config{Window: time.Hour})
		time.Sleep(4*time.Hour + time.Minute)
		_, err := m.CatchUp(t.Context())
		require.NoError(t, err)

		for _, c := range []struct {
			name   string
			filter metering.Filter
			bills  int // one more per instance where the price changes
			usage  int
		}{
			{"everything", metering.Filter{}, 6 * 5, 6 * 4},
			{"a tenant", metering.Filter{Tenant: "tenant-a"}, 3 * 5, 3 * 4},
			{"an instance", metering.Filter{Instance: "b-1"}, 5, 4},
			{"an instance of another tenant", metering.Filter{Tenant: "tenant-a", Instance: "b-1"}, 0, 0},
			{"a service", metering.Filter{Service: "service-b"}, 3 * 5, 3 * 4},
			{"from", metering.Filter{From: at("2000-01-01T02:00:00Z")}, 6 * 2, 6 * 2},
			{"from a moment later", metering.Filter{From: at("2000-01-01T02:00:00.000000001Z")}, 6, 6},
			{"to is exclusive", metering.Filter{To: at("2000-01-01T02:00:00Z")}, 6 * 3, 6 * 2},
			{"an hour of a tenant", metering.Filter{Tenant: "tenant-b", From: at("2000-01-01T01:00:00Z"), To: at("2000-01-01T02:00:00Z")}, 3 * 2, 3},
			{"a limit", metering.Filter{Limit: 7}, 7, 7},
			{"nobody", metering.Filter{Tenant: "tenant-c"}, 0, 0},
		} {
			bills, err := m.Bills(t.Context(), c.filter)
			require.NoError(t, err)
			require.Len(t, bills, c.bills, c.name)
			usage, err := m.Usage(t.Context(), c.filter)
			require.NoError(t, err)
			require.Len(t, usage, c.usage, c.name)
		}

		var paged []metering.BillingRecord
		for after := ""; ; {
			page, err := m.Bills(t.Context(), metering.Filter{After: after, Limit: 4})
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			paged, after = append(paged, page...), page[len(page)-1].ID
		}
		whole, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Equal(t, whole, paged)

		one, err := m.Bill(t.Context(), whole[0].ID)
		require.NoError(t, err)
		require.Equal(t, whole[0], one)
		_, err = m.Bill(t.Context(), "no such bill")
		require.ErrorIs(t, err, fault.NotFound)
	})
}
