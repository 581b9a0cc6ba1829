package metering_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

const gibibyte = 1 << 30

func per(dimension, unit, amount string) catalog.Price {
	return catalog.Price{Dimension: dimension, Unit: unit, Amount: decimal.RequireFromString(amount), Currency: "EUR"}
}

// everyMeter prices all that lasts, but that the instance is active.
var everyMeter = []catalog.Price{
	per(catalog.DimensionActive, "hour", "0.10"), per(catalog.DimensionDegraded, "hour", "0.09"), per(catalog.DimensionFailing, "hour", "0"),
	per(catalog.DimensionBypassed, "hour", "0.01"), per(catalog.DimensionSuspended, "hour", "0.02"), per(catalog.DimensionMembers, "appliance-hour", "0.05"), per(catalog.DimensionStandby, "appliance-day", "0.48"),
	per(catalog.DimensionBindings, "binding-hour", "0.001"), per(catalog.DimensionVCPUs, "vcpu-hour", "0.03"), per(catalog.DimensionMemory, "gibibyte-hour", "0.005"),
}

// A pair of which one stands by for 10 days; past which traffic gets for 12 hours; and one appliance
// for 20 days more.
func TestWhatLastsIsBilledByWhatThereWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := instance("i", "2000-01-01T00:00:00Z active s", "2000-01-11T00:00:00Z active s", "2000-01-11T12:00:00Z active s", "2000-01-31T12:00:00Z deleted s")
		pair := provision.Event{Members: 2, VCPUs: 4, MemoryBytes: 8 * gibibyte}
		for n, e := range []provision.Event{pair, pair, {VCPUs: 2, MemoryBytes: 4 * gibibyte, Bound: 1}} {
			at := &i.History[n]
			at.Members, at.VCPUs, at.MemoryBytes, at.Bound = e.Members, e.VCPUs, e.MemoryBytes, e.Bound
		}
		i.History[0].Standby, i.History[0].Bound = 1, 3
		i.History[1].Health = provision.HealthBypassed
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, i), tariff{"s": everyMeter}, daily)
		time.Sleep(february - 2*time.Minute)
		require.Zero(t, issueAll(t, m))
		told := preview(t, m)
		time.Sleep(2 * time.Minute)
		require.Equal(t, 1, issueAll(t, m))
		require.Equal(t, []string{
			"1 tenant-a 01-01T00..02-01T00",
			"  i s bindings usage: 4320000 = 1.2",           // 3 × 240 h + 1 × 480 h = 1200 h × 0.001
			"  i s members usage: 3542400 = 49.2",           // 2 × 240 h + 2 × 12 h + 480 h = 984 h × 0.05
			"  i s memory usage: 15214492149350400 = 19.68", // 8 × 252 h + 4 × 480 h = 3936 GiB·h × 0.005
			"  i s standby usage: 864000 = 4.8",             // 10 days × 0.48
			"  i s state.active usage: 2592000 = 72",        // 720 h × 0.10
			"  i s state.bypassed usage: 43200 = 0.12",      // 12 h × 0.01
			"  i s vcpu usage: 7084800 = 59.04",             // 4 × 252 h + 2 × 480 h = 1968 h × 0.03
			"  total 206.04 EUR",
		}, statements(t, m))
		issued, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		requireSameJSON(t, issued.Lines, told.Lines)
		for _, l := range issued.Lines {
			e, err := m.Explain(t.Context(), 1, l.ID)
			require.NoError(t, err)
			require.True(t, e.Matches, l.Dimension)
		}
		bills, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Empty(t, bills, "hours have records of the instance's own price alone")
		requireSound(t, m, 1)
	})
}

func TestAForecastHasWhatLastsGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := instance("i", "2000-01-01T00:00:00Z active s", "2000-01-02T00:00:00Z active s")
		i.History[0].VCPUs, i.History[1].VCPUs = 2, 4
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, i), tariff{"s": {price("0.10", ""), per(catalog.DimensionVCPUs, "vcpu-hour", "0.01")}}, daily)
		time.Sleep(11*24*time.Hour + time.Minute)
		require.Zero(t, issueAll(t, m))
		p := preview(t, m)
		require.Equal(t, "36.48", p.Totals[0].Amount.String())    // 264 h × 0.10 + (2 × 24 h + 4 × 240 h) × 0.01
		require.Equal(t, "103.68", p.Forecast[0].Amount.String()) // 744 h × 0.10 + (2 × 24 h + 4 × 720 h) × 0.01
	})
}

// What statements bill of an instance is what its usage records say that it had, however its
// history went: these count each window, those the levels between events.
func TestWhatIsBilledIsWhatIsMetered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(february - 2*time.Minute)
		for seed := range 60 { // rapid.Check asks for the real time, which is not to be had here
			i := rapid.Custom(eventful).Example(seed)
			s := storetest.New(t)
			m := newMeter(t, s, stored(t, s, i), tariff{"s": everyMeter, "l": everyMeter}, daily)
			issueAll(t, m)
			billed, times := map[string]string{}, decimal.Zero
			for _, l := range preview(t, m).Lines {
				billed[fmt.Sprint(l.Dimension, " ", l.Plan)] = l.Quantity.String()
				if len(l.Dimension) > 6 && l.Dimension[:6] == "state." {
					times = times.Add(l.Quantity)
				}
			}
			metered, active := map[string]decimal.Decimal{}, decimal.Zero
			usage, err := m.Usage(t.Context(), metering.Filter{})
			require.NoError(t, err)
			for _, u := range usage {
				active = active.Add(u.Seconds)
				for _, reading := range u.Readings(nil) {
					name := fmt.Sprint(reading.Dimension, " ", reading.Plan)
					metered[name] = metered[name].Add(reading.Quantity)
				}
			}
			for _, plan := range []string{"s", "l"} {
				delete(metered, catalog.DimensionInstance+" "+plan)
				delete(billed, catalog.DimensionVCPUs+" "+plan) // of which records know nothing
				delete(billed, catalog.DimensionMemory+" "+plan)
			}
			want := map[string]string{}
			for name, q := range metered {
				want[name] = q.String()
			}
			require.Equal(t, want, billed, "seed %d", seed)
			require.True(t, times.Equal(active), "times by state add up")
		}
	})
}

// eventful is an instance with anything noted in its history, in January.
func eventful(r *rapid.T) provision.Instance {
	i := instance("i")
	when := at("2000-01-01T00:00:00Z")
	for n := range rapid.IntRange(1, 12).Draw(r, "events") {
		e := provision.Event{
			Seq: n + 1, At: when, Tenant: i.Tenant, Platform: i.Platform, Service: i.Service,
			State:   rapid.SampledFrom([]provision.State{provision.Active, provision.Active, provision.Deprovisioning}).Draw(r, "state"),
			Plan:    rapid.SampledFrom([]catalog.PlanID{"s", "l"}).Draw(r, "plan"),
			Health:  rapid.SampledFrom([]provision.HealthStatus{"", provision.HealthOK, provision.HealthUnknown, provision.HealthDegraded, provision.HealthFailing, provision.HealthBypassed}).Draw(r, "health"),
			Members: rapid.IntRange(0, 3).Draw(r, "members"), Standby: rapid.IntRange(0, 1).Draw(r, "standby"), Bound: rapid.IntRange(0, 2).Draw(r, "bound"),
		}
		i.History = append(i.History, e)
		when = when.Add(time.Duration(rapid.Int64Range(0, int64(60*time.Hour)).Draw(r, "pause")))
	}
	return i
}
