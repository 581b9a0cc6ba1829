package metering_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The year of three tenants, one of them in a time zone of its own, with late usage, credits, refunds and a tax:
// whatever there is, before statements are issued the vendor is told what its own will say.
func TestAVendorsPreviewIsTheStatementThatComes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { previewsOfAYear(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func previewsOfAYear(t *testing.T, r *rand.Rand) {
	s := storetest.New(t)
	agreed(t, s, third)
	var fleet []provision.Instance
	for n := range 6 {
		i := instance(fmt.Sprintf("i%d", n), fmt.Sprintf("2000-01-%02dT00:00:00Z active s", 1+r.IntN(20)))
		i.Tenant = topology.TenantID(fmt.Sprintf("tenant-%c", 'a'+n%3))
		fleet = append(fleet, i)
	}
	m := newMeter(t, s, stored(t, s, fleet...), graduatedRequests(), daily)
	_, err := m.SetZone(t.Context(), "tenant-b", "Asia/Tokyo")
	require.NoError(t, err)
	_, err = m.SetTax(t.Context(), tax("VAT", "19", ""))
	require.NoError(t, err)
	corrected := 0
	for month, length := range []time.Duration{february, month, 31 * 24 * time.Hour, 30 * 24 * time.Hour} {
		time.Sleep(length - time.Hour)
		now := time.Now()
		for n := range 4 {
			at := now.Add(-time.Duration(25+r.IntN(24*30*(month+1))) * time.Hour)
			if at.Before(at2000(21)) {
				at = at2000(21)
			}
			_, err := m.Report(t.Context(), fleet[r.IntN(len(fleet))].ID, events(fmt.Sprintf("e%d-%d requests %d %s", month, n, 1+r.IntN(200), at.Format(time.RFC3339))))
			require.NoError(t, err)
		}
		refundSomething(t, m, r, month)
		require.Zero(t, issueAll(t, m))
		told, err := m.PreviewVendor(t.Context(), "maker")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		require.Positive(t, issueAll(t, m))
		all, err := m.Statements(t.Context(), metering.Filter{Vendor: "maker"})
		require.NoError(t, err)
		require.Len(t, all, month+1)
		issued, err := m.Statement(t.Context(), all[month].Number)
		require.NoError(t, err)
		require.Equal(t, issued.Period, told.Period)
		requireSameJSON(t, issued.Lines, told.Lines)
		requireSameJSON(t, issued.Totals, told.Totals)
		requireSameJSON(t, issued.Totals, told.Forecast)
		for _, l := range issued.Lines {
			if l.Original() != l.ID {
				corrected++
			}
		}
	}
	require.Positive(t, corrected, "corrections and refunds are shared, too")
	requireSound(t, m, 16)
}

func at2000(day int) time.Time { return time.Date(2000, 1, day, 0, 0, 0, 0, time.UTC) }

// refundSomething gives back a part of a line of some tenant's statement, if there is one.
func refundSomething(t *testing.T, m *metering.Meter, r *rand.Rand, month int) {
	t.Helper()
	all, err := m.Statements(t.Context(), metering.Filter{Tenant: "tenant-a"})
	require.NoError(t, err)
	if len(all) == 0 {
		return
	}
	s, err := m.Statement(t.Context(), all[r.IntN(len(all))].Number)
	require.NoError(t, err)
	for _, l := range s.Lines {
		if l.Rated() && l.Corrects == "" && l.Amount.IsPositive() {
			_, _ = m.Refund(t.Context(), s.Number, l.ID, credit(fmt.Sprintf("r%d", month), "1")) // unless too little of it is left
			return
		}
	}
}

func TestAVendorsPreviewTellsWhatItWillBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, daily)
		_, err := m.PreviewVendor(t.Context(), "maker")
		require.ErrorIs(t, err, fault.NotFound)
		require.ErrorContains(t, err, "no agreement")
		_, err = m.SetAgreement(t.Context(), share(1, 3, ""))
		require.NoError(t, err)
		_, err = m.PreviewVendor(t.Context(), "maker")
		require.ErrorContains(t, err, "nothing is metered yet")

		time.Sleep(10*24*time.Hour + time.Minute)
		require.Zero(t, issueAll(t, m))
		p, err := m.PreviewVendor(t.Context(), "maker")
		require.NoError(t, err)
		require.Equal(t, "19.23", p.Totals[0].Amount.String(), "0.08 + 0.06 + 0.03 + 57.18 / 3")
		require.Equal(t, "59.55", p.Forecast[0].Amount.String(), "as in TestAVendorGetsItsShareOfEveryLine")
		text, err := json.Marshal(p)
		require.NoError(t, err)
		for _, secret := range []string{"tenant-a", "one", "upgraded", "cf"} {
			require.NotContains(t, string(text), `"`+secret+`"`, "a vendor does not see to whom it sells")
		}
		all, err := m.Statements(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Empty(t, all, "nothing is issued by looking")
	})
}

func TestThePartsOfAPreviewAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, daily)
		_, err := m.SetTax(t.Context(), tax("VAT", "10", ""))
		require.NoError(t, err)
		_, err = m.Grant(t.Context(), credit("g", "5"))
		require.NoError(t, err)
		time.Sleep(10*24*time.Hour + time.Minute)
		require.Zero(t, issueAll(t, m))
		by, err := metering.ParseGrouping("instance,vendor,plan")
		require.NoError(t, err)
		told := preview(t, m)
		p := told.Summed(by, seller)
		var text []string
		amount, forecast := decimal.Zero, decimal.Zero
		for _, s := range p.Sums {
			text = append(text, fmt.Sprintf("%s %s %s: %s %s, %s", s.Instance, s.Plan, s.Dimension, s.Amount, s.Currency, s.Forecast))
			amount, forecast = amount.Add(s.Amount), forecast.Add(s.Forecast)
		}
		require.Equal(t, []string{
			"  VAT: 5.27 EUR, 17.36",
			"  credit: -5 EUR, -5",
			"one s instance: 57.36 EUR, 178.32", // an hour and a half, and what began on the 1st and goes on
			"upgraded l instance: 0.23 EUR, 0.23",
			"upgraded s instance: 0.1 EUR, 0.1",
		}, text)
		require.Equal(t, []string{told.Totals[0].Amount.String(), told.Forecast[0].Amount.String()}, []string{amount.String(), forecast.String()})
		require.Empty(t, p.Lines)
		require.NotEmpty(t, told.Lines)
		require.Equal(t, rating.ChargeTax, told.Lines[len(told.Lines)-1].Charge)
	})
}
