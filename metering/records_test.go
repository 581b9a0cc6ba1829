package metering_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// Windows are counted without making their records; whoever lists these finds as many,
// whatever the lengths of windows were.
func TestAsManyRecordsAreCountedAsThereAre(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		i, _ := tenancies(r, time.Now().UTC().Add(-7*24*time.Hour))
		disk, err := sqlitestore.Memory()
		require.NoError(r, err)
		defer disk.Close()
		change := time.Now().UTC().Add(-time.Duration(rapid.Int64Range(0, int64(7*24*time.Hour)).Draw(r, "price")))
		prices := tariff{"s": {price("0.12", ""), price("0.24", change.Format(time.RFC3339Nano))}}
		var m *metering.Meter
		var counted metering.Closed
		lengths := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{time.Hour, 3 * time.Hour, 24 * time.Hour}), 1, 3).Draw(r, "lengths")
		for n, length := range lengths {
			m = newMeter(t, store.New(disk), &fleet{list: []provision.Instance{i}}, prices, metering.Config{Window: length})
			until := time.Now().UTC().Add(-time.Duration(len(lengths)-n) * 36 * time.Hour).Truncate(length)
			closed, err := m.Close(context.Background(), until)
			require.NoError(r, err)
			counted.Usage, counted.Bills = counted.Usage+closed.Usage, counted.Bills+closed.Bills
		}
		usage, err := m.Usage(context.Background(), metering.Filter{})
		require.NoError(r, err)
		require.Len(r, usage, counted.Usage)
		bills, err := m.Bills(context.Background(), metering.Filter{})
		require.NoError(r, err)
		require.Len(r, bills, counted.Bills)
		for _, b := range bills {
			found, err := m.Bill(context.Background(), b.ID)
			require.NoError(r, err)
			require.Equal(r, b, found)
		}
	})
}

func TestWindowsThatWereClosedBeforeTheirLengthWasKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, &fleet{list: sample()}, listPrices, metering.Config{})
		time.Sleep(2*time.Hour + time.Minute)
		closeAll := func() {
			_, err := m.CatchUp(t.Context())
			require.NoError(t, err)
		}
		closeAll()
		_, err := store.In[map[string]any](s, "metering", nil).Update(t.Context(), "progress", func(p map[string]any) (map[string]any, error) {
			delete(p, "eras")
			return p, nil
		})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		closeAll()
		require.ElementsMatch(t, threeHours, lines(t, m))
	})
}
