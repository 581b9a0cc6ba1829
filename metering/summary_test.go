package metering_test

import (
	"fmt"
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
)

// readings are those of an instance in the first hour of 2000, by dimension and plan.
func readings(i provision.Instance) map[string]string {
	u, _ := metering.Usage(i, metering.Window{Start: at("2000-01-01T00:00:00Z"), End: at("2000-01-01T01:00:00Z")})
	all := map[string]string{}
	for _, r := range u.Readings(map[catalog.PlanID]metering.Size{"s": {VCPUs: 2, MemoryBytes: 1000, Sides: 1}, "l": {VCPUs: 8, MemoryBytes: 4000, Sides: 2}}) {
		all[fmt.Sprint(r.Dimension, " ", r.Plan)] = r.Quantity.String()
	}
	return all
}

func TestTimeIsMeteredByStateAndSize(t *testing.T) {
	t.Parallel()
	plain := instance("i", "2000-01-01T00:30:00Z active s")
	require.Equal(t, map[string]string{
		"instance s": "1800", "state.active s": "1800", "members s": "1800", "vcpu s": "3600", "memory s": "1800000",
	}, readings(plain))

	sized := instance("i", "2000-01-01T00:30:00Z active s", "2000-01-01T00:40:00Z active s")
	sized.History[1].VCPUs, sized.History[1].MemoryBytes = 6, 3000
	require.Equal(t, map[string]string{
		"instance s": "1800", "state.active s": "1800", "members s": "1800",
		"vcpu s": "8400", "memory s": "4200000", // 600 × 2 as the plan has it now, 1200 × 6 as it was then; so of the memory
	}, readings(sized))

	i := instance("i", "1999-12-31T23:00:00Z active s", "2000-01-01T00:10:00Z active s", "2000-01-01T00:20:00Z active s",
		"2000-01-01T00:25:00Z active l", "2000-01-01T00:40:00Z active l", "2000-01-01T00:50:00Z deprovisioning l")
	i.History[0].Health = provision.HealthOK
	i.History[1].Health, i.History[1].Bound = provision.HealthDegraded, 2
	i.History[2].Health, i.History[2].Bound = provision.HealthBypassed, 3
	i.History[3].Health, i.History[3].Members = provision.HealthFailing, 4
	i.History[4].Members = 6
	i.History[5].Members, i.History[5].Bound = 6, 9
	require.Equal(t, map[string]string{
		"instance s": "1500", "state.active s": "600", "state.degraded s": "600", "state.bypassed s": "300",
		"members s": "1500", "bindings s": "2100", "vcpu s": "3000", "memory s": "1500000",
		"instance l": "1500", "state.active l": "600", "state.failing l": "900",
		"members l": "7200", "vcpu l": "28800", "memory l": "14400000",
	}, readings(i), "what was removed is not metered any more")
}

func TestUsageIsSummedByWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		other := instance("other", "2000-01-01T01:00:00Z active s")
		other.Tenant = "tenant-b"
		m := newMeter(t, s, stored(t, s, oneHour, upgraded, failed, other), perRequest, metering.Config{})
		time.Sleep(3*time.Hour + time.Minute)
		_, err := m.Report(t.Context(), "one", events("a requests 500 2000-01-01T00:30:00Z", "b requests 250 2000-01-01T01:30:00Z"))
		require.NoError(t, err)
		_, err = m.CatchUp(t.Context())
		require.NoError(t, err)
		sums := func(f metering.Filter, by string) (list []string) {
			g, err := metering.ParseGrouping(by)
			require.NoError(t, err)
			all, err := m.Summarise(t.Context(), f, g, seller)
			require.NoError(t, err)
			for _, x := range all {
				if x.Dimension == "instance" || x.Dimension == "requests" {
					list = append(list, fmt.Sprintf("%s%s%s %s %s %s %v", x.Tenant, x.Vendor, x.Instance, x.Dimension, x.Quantity, x.Unit, x.Amounts))
				}
			}
			return list
		}
		require.Equal(t, []string{" instance 24300 second [{EUR 0.903333}]", " requests 750 requests [{EUR 0.75}]"}, sums(metering.Filter{}, ""))
		require.Equal(t, []string{
			"tenant-a instance 17100 second [{EUR 0.663333}]", "tenant-a requests 750 requests [{EUR 0.75}]", "tenant-b instance 7200 second [{EUR 0.24}]",
		}, sums(metering.Filter{}, "tenant"))
		require.Equal(t, []string{"one instance 9900 second [{EUR 0.33}]", "one requests 750 requests [{EUR 0.75}]", "upgraded instance 7200 second [{EUR 0.333333}]"},
			sums(metering.Filter{Tenant: "tenant-a"}, "instance,dimension"))
		require.Equal(t, []string{"one instance 6300 second [{EUR 0.21}]", "one requests 750 requests [{EUR 0.75}]"},
			sums(metering.Filter{Instance: "one", To: at("2000-01-01T02:00:00Z")}, "instance"))
		require.Len(t, sums(metering.Filter{}, "vendor"), 2)
		require.Empty(t, sums(metering.Filter{Services: []catalog.ServiceID{}}, "vendor"), "of no service")

		bills, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(t, err)
		total := decimal.Zero
		for _, b := range bills {
			total = total.Add(b.Amount)
		}
		require.Equal(t, "1.653333", total.String(), "the sums are those of the bills")
	})
	_, err := metering.ParseGrouping("tenant,colour")
	require.ErrorIs(t, err, fault.Invalid)
}
