package metering_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// arrival is usage, and at which closing it has come: 0 is that of January.
type arrival struct {
	instance, event string
	month, closing  int
}

func drawArrivals(r *rand.Rand) (list []arrival) {
	for n := range 4 + r.IntN(12) {
		month := r.IntN(3)
		day := time.Date(2000, time.Month(1+month), 2+r.IntN(26), r.IntN(24), 0, 0, 0, time.UTC)
		list = append(list, arrival{
			instance: []string{"a", "b"}[r.IntN(2)], month: month, closing: month + r.IntN(6-month),
			event: fmt.Sprintf("e%d requests %d %s", n, 1+r.IntN(90), day.Format(time.RFC3339)),
		})
	}
	return list
}

// billedBy is what each tenant was billed for each of its periods when usage came in an order.
func billedBy(t *testing.T, list []arrival) (sums map[string]string) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		setZone(t, newMeter(t, s, &fleet{}, graduatedRequests(), daily), "tenant-b", "Asia/Tokyo", "2000-01-31T15:00:00Z")
		b := instance("b", "2000-01-01T00:00:00Z active s", "2000-04-02T00:00:00Z deleted s")
		b.Tenant = "tenant-b"
		m := newMeter(t, s, stored(t, s, instance("a", "2000-01-01T00:00:00Z active s", "2000-03-20T00:00:00Z deleted s"), b), graduatedRequests(), daily)
		for closing := range 7 {
			time.Sleep(time.Until(time.Date(2000, time.Month(2+closing), 10, 0, 0, 0, 0, time.UTC)))
			for _, a := range list {
				if a.closing == closing {
					_, err := m.Report(t.Context(), topology.InstanceID(a.instance), events(a.event))
					require.NoError(t, err)
				}
			}
			issueAll(t, m)
		}
		sums = byPeriod(t, m)
	})
	return sums
}

func byPeriod(t *testing.T, m *metering.Meter) map[string]string {
	all, err := m.Statements(t.Context(), metering.Filter{})
	require.NoError(t, err)
	totals, sums := map[string]decimal.Decimal{}, map[string]string{}
	for _, s := range all {
		s, err := m.Statement(t.Context(), s.Number)
		require.NoError(t, err)
		for _, l := range s.Lines {
			k := fmt.Sprint(l.Tenant, " ", l.Period.Start)
			totals[k] = totals[k].Add(l.Amount)
			sums[k] = totals[k].String()
		}
	}
	return sums
}

// Whatever the order of arrival, and whatever was closed in between, statements come to what they would have
// come to had everything been there in time.
func TestLateInAnyOrderIsBilledAsOnTime(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 0))
		late := drawArrivals(r)
		punctual := make([]arrival, len(late))
		for n, a := range late {
			a.closing = a.month
			punctual[n] = a
		}
		r.Shuffle(len(late), func(a, b int) { late[a], late[b] = late[b], late[a] })
		want := billedBy(t, punctual)
		require.NotEmpty(t, want, "seed %d", seed)
		require.Equal(t, want, billedBy(t, late), "seed %d", seed)
	}
}
