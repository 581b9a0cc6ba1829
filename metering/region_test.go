package metering_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/metering/focus"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision"
)

// inRegion is an instance that has been in a region for all its life.
func inRegion(region string, i provision.Instance) provision.Instance {
	i.Region = region
	for n := range i.History {
		i.History[n].Tenant, i.History[n].Region = i.Tenant, region
	}
	return i
}

// called names the regions of documents: the first is north.
func called(stored string) string {
	if stored == "" {
		return "north"
	}
	return stored
}

// An id was used in the south first and is used in the north now; another one in the south only.
func TestRecordsSayInWhichRegionTheirInstanceIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := inRegion("south", instance("moved", "2000-01-01T00:00:00Z active s", "2000-01-02T00:00:00Z deleted s"))
		moved := inRegion("", instance("moved", "2000-01-01T00:00:00Z active s", "2000-01-02T00:00:00Z deleted s", "2000-01-03T00:00:00Z active s", "2000-01-05T00:00:00Z deleted s"))
		copy(moved.History, first.History)
		stays := inRegion("south", instance("stays", "2000-01-01T00:00:00Z active s"))
		s := storetest.New(t)
		agreed(t, s, third)
		m := newMeter(t, s, stored(t, s, moved, stays), perRequest, metering.Config{})
		time.Sleep(10 * 24 * time.Hour)
		_, err := m.Report(t.Context(), "stays", events("a requests 500 2000-01-05T00:30:00Z"))
		require.NoError(t, err)
		_, err = m.CatchUp(t.Context())
		require.NoError(t, err)

		sums := func(by string) (list []metering.Summary) {
			g, err := metering.ParseGrouping(by)
			require.NoError(t, err)
			list, err = m.Summarise(t.Context(), metering.Filter{To: at("2000-01-06T00:00:00Z")}, g, seller)
			require.NoError(t, err)
			return list
		}
		seconds := map[string]int64{}
		for _, x := range sums("region") {
			if x.Dimension == "instance" {
				seconds[called(x.Region)] = x.Quantity.IntPart()
			}
		}
		const day = 24 * 60 * 60
		require.Equal(t, map[string]int64{"north": 2 * day, "south": 6 * day}, seconds)
		whole := map[string]decimal.Decimal{}
		for _, x := range sums("") {
			whole[x.Dimension] = x.Quantity
		}
		for _, x := range sums("region,plan") {
			whole[x.Dimension] = whole[x.Dimension].Sub(x.Quantity)
		}
		for dimension, left := range whole {
			require.True(t, left.IsZero(), dimension)
		}
		bills, err := m.Bills(t.Context(), metering.Filter{})
		require.NoError(t, err)
		var exported bytes.Buffer
		require.NoError(t, metering.WriteCSV(&exported, metering.RegionNames(called).Bills(bills)))
		rows, err := csv.NewReader(&exported).ReadAll()
		require.NoError(t, err)
		require.Equal(t, "region", rows[0][len(rows[0])-1])
		for n, row := range rows[1:] {
			require.Equal(t, called(bills[n].Region), row[len(row)-1])
		}

		time.Sleep(february - 10*24*time.Hour)
		require.Equal(t, 2, issueAll(t, m))
		issued, err := m.Statement(t.Context(), 1)
		require.NoError(t, err)
		var where []string
		for _, l := range metering.RegionNames(called).Lines(issued.Lines) {
			where = append(where, strings.Join([]string{string(l.Instance), l.Dimension, l.Region}, " "))
		}
		require.Equal(t, []string{"moved instance south", "moved instance north", "stays instance south", "stays requests south"}, where)
		e, err := m.Explain(t.Context(), 1, issued.Lines[0].ID)
		require.NoError(t, err)
		require.True(t, e.Matches)
		requireSound(t, m, 2)

		var file bytes.Buffer
		require.NoError(t, focus.Write(&file, metering.Seller{}.LineCharges(metering.RegionNames(called).Lines(issued.Lines), issued.Period)))
		_, found, err := focus.Check(bytes.NewReader(file.Bytes()))
		require.NoError(t, err)
		require.Empty(t, found)
		require.Equal(t, 2, strings.Count(file.String(), ",north"), "its id and its name")
		_, found, err = focus.Check(strings.NewReader(strings.Replace(file.String(), ",north,north", ",,north", 1)))
		require.NoError(t, err)
		require.NotEmpty(t, found, "a name without an id")

		var page bytes.Buffer
		issued.Lines = metering.RegionNames(called).Lines(issued.Lines)
		require.NoError(t, metering.Seller{}.WriteStatement(&page, issued))
		require.Contains(t, page.String(), "moved: service-1, in north")
	})
}

// A credit is for no service, and so in no region.
func TestWhatIsForNoServiceIsInNoRegion(t *testing.T) {
	t.Parallel()
	lines := []rating.Line{{Charge: rating.ChargeCredit}, {Key: rating.Key{Service: "s"}}}
	named := metering.RegionNames(called).Lines(lines)
	require.Equal(t, []string{"", "north"}, []string{named[0].Region, named[1].Region})
	require.Empty(t, lines[1].Region, "what was given stays as it is")
}
