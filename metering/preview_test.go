package metering_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func preview(t *testing.T, m *metering.Meter) metering.Preview {
	t.Helper()
	p, err := m.Preview(t.Context(), "tenant-a")
	require.NoError(t, err)
	return p
}

// requireSameJSON compares decimals by their digits.
func requireSameJSON(t *testing.T, want, got any) {
	t.Helper()
	a, err := json.Marshal(want)
	require.NoError(t, err)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	require.Equal(t, string(a), string(b))
}

func TestAPreviewIsTheStatementThatComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s, instance("i", "2000-01-01T00:00:00Z active s")), graduatedRequests(), daily)
		for month, late := range []string{"a requests 80 2000-01-05T00:00:00Z", "b requests 50 2000-01-06T00:00:00Z"} {
			time.Sleep([]time.Duration{february, 29 * 24 * time.Hour}[month] - 2*time.Minute)
			_, err := m.Report(t.Context(), "i", events(late))
			require.NoError(t, err)
			require.Zero(t, issueAll(t, m), "the day for what is late is not over")
			told := preview(t, m)
			time.Sleep(2 * time.Minute)
			require.Equal(t, 1, issueAll(t, m))
			issued, err := m.Statement(t.Context(), month+1)
			require.NoError(t, err)
			require.NotEmpty(t, issued.Lines)
			require.Equal(t, month > 0, issued.Lines[0].Corrects != "", "the second month corrects the first")
			require.Equal(t, issued.Period, told.Period)
			requireSameJSON(t, issued.Lines, told.Lines)
			requireSameJSON(t, issued.Totals, told.Totals)
			requireSameJSON(t, issued.Totals, told.Forecast)
		}
		requireSound(t, m, 2)
	})
}

func TestAPreviewHasWhatIsMeteredSoFar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMeter(t, storetest.New(t), &fleet{list: sample()}, listPrices, daily)
		_, err := m.Preview(t.Context(), "tenant-a")
		require.ErrorIs(t, err, fault.NotFound)
		_, err = m.Preview(t.Context(), "")
		require.ErrorIs(t, err, fault.Invalid)

		time.Sleep(10*24*time.Hour + time.Minute)
		require.Zero(t, issueAll(t, m))
		p := preview(t, m)
		require.Equal(t, at("2000-01-11T00:00:00Z"), p.Until)
		require.Equal(t, at("2000-02-01T00:00:00Z"), p.Period.End)
		require.Len(t, p.Totals, 1)
		require.Equal(t, "57.69", p.Totals[0].Amount.String()) // as in january, but 238.25 h × 0.24 = 57.18 in place of 178.14
		require.Equal(t, "178.65", p.Forecast[0].Amount.String(), "what january comes to, as nothing changes any more")
		all, err := m.Statements(t.Context(), metering.Filter{})
		require.NoError(t, err)
		require.Empty(t, all, "nothing is issued by looking")

		other, err := m.Preview(t.Context(), "tenant-b")
		require.NoError(t, err)
		require.Empty(t, other.Lines)
		require.NotNil(t, other.Totals)
	})
}

// Of 90 requests in nine of 30 days, 300 come: 100 at 1 and 200 at 0.5. Of the instance that
// ended nothing more comes; its 40 are raised to the minimum of 120.
func TestAForecastGoesOnThroughTheTiers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, stored(t, s,
			instance("i", "2000-01-02T00:00:00Z active s"),
			instance("ended", "2000-01-01T00:00:00Z active s", "2000-01-09T00:00:00Z deleted s")), graduatedRequests(), daily)
		time.Sleep(10*24*time.Hour + time.Minute)
		for id, report := range map[topology.InstanceID]string{"i": "a requests 90 2000-01-05T00:00:00Z", "ended": "b requests 40 2000-01-05T00:00:00Z"} {
			_, err := m.Report(t.Context(), id, events(report))
			require.NoError(t, err)
		}
		require.Zero(t, issueAll(t, m))
		p := preview(t, m)
		require.Equal(t, "240", p.Totals[0].Amount.String(), "90 and 40, both raised to the minimum")
		require.Equal(t, "320", p.Forecast[0].Amount.String(), "100 + 200 × 0.5, and 120")
	})
}

// A look at what would be issued notes nothing, also not what cannot be rated yet.
func TestAPreviewWritesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.New(t)
		m := newMeter(t, s, &fleet{list: []provision.Instance{instance("i", "2000-01-01T00:00:00Z active forgotten")}}, listPrices, daily)
		time.Sleep(10*24*time.Hour + time.Minute)
		require.Zero(t, issueAll(t, m))
		before := stamps(t, s)
		require.Empty(t, preview(t, m).Lines)
		require.Equal(t, before, stamps(t, s))
		time.Sleep(february)
		require.Zero(t, issueAll(t, m))
		require.NotEqual(t, before, stamps(t, s), "who issues notes it")
	})
}

// stamps are the notes of what is to be rated again.
func stamps(t *testing.T, s *store.Store) (list []string) {
	t.Helper()
	for a, err := range store.In[map[string]any](s, "rate-again", nil).All(t.Context(), "", "") {
		require.NoError(t, err)
		list = append(list, fmt.Sprint(a))
	}
	return list
}
