package catalog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

func TestOnlyPricesOfWhatCanBeMeteredAreTakenFromAPackage(t *testing.T) {
	t.Parallel()
	in := ovf.NetworkService{Prices: []ovf.Price{
		{Dimension: "instance", Unit: "hour", Amount: "0.12", Currency: "EUR"},
		{Dimension: "vcpu", Unit: "vcpu-hour", Amount: "0.03", Currency: "EUR"},
		{Dimension: "vcpu", Unit: "hour", Amount: "0.03", Currency: "EUR"},
		{Dimension: "leg.inside.bytes", Unit: "gigabyte", Amount: "0.01", Currency: "EUR"},
		{Dimension: "state.asleep", Unit: "hour", Amount: "0.01", Currency: "EUR"},
		{Dimension: "requests", Unit: "request", Amount: "0.001", Currency: "EUR"},
	}}
	dimensions := func() (list []string) {
		for _, p := range suggestedPrices(in, "small") {
			list = append(list, p.Dimension)
		}
		return list
	}
	require.Equal(t, []string{"instance", "vcpu", "leg.inside.bytes"}, dimensions())
	in.UsageKeyProperty = "usage.key"
	require.Equal(t, []string{"instance", "vcpu", "leg.inside.bytes", "requests"}, dimensions(), "an appliance that learns its key can report")
}
