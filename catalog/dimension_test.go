package catalog_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
)

func TestAUnitOfWhatLastsIsWhatItCountsTimesSeconds(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]struct {
		base, size, level string // level is empty of what does not last
	}{
		"hour":           {"second", "3600", "1"},
		"vcpu-hour":      {"vcpu-second", "3600", "1"},
		"appliance-day":  {"appliance-second", "86400", "1"},
		"binding-second": {"binding-second", "1", "1"},
		"gibibyte-hour":  {"byte-second", "3865470566400", "1073741824"},
		"gigabyte":       {"byte", "1000000000", ""},
		"user-day":       {"user-day", "1", ""}, // a vendor's own, counted in itself
		"hour-hour":      {"hour-hour", "1", ""},
		"vcpu-":          {"vcpu-", "1", ""},
		"-hour":          {"-hour", "1", ""},
		"vcpu-day-hour":  {"vcpu-day-hour", "1", ""},
		"":               {"", "1", ""},
	} {
		base, size := catalog.BaseUnit(unit)
		require.Equal(t, want.base, base, unit)
		require.Equal(t, want.size, size.String(), unit)
		_, level, lasts := catalog.LevelUnit(unit)
		require.Equal(t, want.level != "", lasts, unit)
		if lasts {
			require.Equal(t, want.level, level.String(), unit)
		}
	}
}

func TestWhatTheBrokerMetersHasAPricePerItsOwnUnit(t *testing.T) {
	t.Parallel()
	for dimension, unit := range map[string]string{
		catalog.DimensionInstance: "hour", catalog.DimensionActive: "hour", catalog.DimensionDegraded: "day", catalog.DimensionFailing: "minute",
		catalog.DimensionBypassed: "hour", catalog.DimensionMembers: "appliance-hour", catalog.DimensionStandby: "appliance-day",
		catalog.DimensionBindings: "binding-hour", catalog.DimensionVCPUs: "vcpu-hour", catalog.DimensionMemory: "gibibyte-hour",
	} {
		p := catalog.Price{Dimension: dimension, Unit: unit, Amount: decimal.New(1, -2), Currency: "EUR"}
		require.Empty(t, p.Findings(), dimension)
		require.Equal(t, dimension == catalog.DimensionInstance, p.Hourly(), dimension)
		require.True(t, catalog.OwnDimension(dimension))
		p.Unit = "mile"
		require.Len(t, p.Findings(), 1, dimension)
		p.Model, p.Unit = catalog.ModelPercentage, "EUR"
		require.Len(t, p.Findings(), 1, dimension)
	}
	for dimension, unit := range map[string]string{
		"leg.inside.bytes": "gigabyte", "leg.outside.received.bytes": "gibibyte", "leg.management.sent.packets": "packet", "leg.ha.packets": "packet",
	} {
		p := catalog.Price{Dimension: dimension, Unit: unit, Amount: decimal.New(1, -2), Currency: "EUR"}
		require.Empty(t, p.Findings(), dimension)
		require.True(t, p.Hourly() && catalog.OwnDimension(dimension), dimension)
		p.Unit = "hour"
		require.Len(t, p.Findings(), 1, dimension)
	}
	for _, unknown := range []string{"state.asleep", "leg.inside", "leg.inside.flows", "leg.top.bytes", "leg.inside..bytes", "leg.inside.lost.bytes"} {
		p := catalog.Price{Dimension: unknown, Unit: "hour", Currency: "EUR"}
		require.Len(t, p.Findings(), 1, unknown)
		p = catalog.Price{Dimension: unknown, Model: catalog.ModelRecurring, Currency: "EUR"}
		require.Empty(t, p.Findings(), "the name of a fee")
	}
}
