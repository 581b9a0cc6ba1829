package catalog_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
)

func TestPricesAreToldToPeopleAndToPlatforms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ price, words, costs string }{
		{`{"dimension":"instance","unit":"hour","amount":"0.12"}`, "0.12 EUR/hour", "0.12 HOUR"},
		{`{"dimension":"instance","unit":"hour","amount":"0","trial":14}`, "0 EUR/hour, free for 14 days", ""},
		{`{"dimension":"traffic","unit":"gigabyte","amount":"0.08","included":"10","minimum":"5"}`, "0.08 EUR/gigabyte, 10 included, at least 5 EUR/month", "0.08 GIGABYTE; 5 MONTHLY AT LEAST"},
		{
			`{"dimension":"traffic","unit":"gigabyte","model":"graduated","tiers":[{"up_to":"100","amount":"0.10"},{"up_to":"1000","amount":"0.08"},{"amount":"0.05"}]}`,
			"graduated: 0.1 up to 100, 0.08 up to 1000, 0.05 above, EUR/gigabyte", "0.1 GIGABYTE UP TO 100; 0.08 GIGABYTE UP TO 1000; 0.05 GIGABYTE OVER 1000",
		},
		{`{"dimension":"calls","unit":"call","model":"package","size":"1000","amount":"2.5"}`, "2.5 EUR per 1000 call", "2.5 1000 CALL"},
		{`{"dimension":"payments","unit":"EUR","model":"percentage","amount":"2.5"}`, "2.5 % of payments", "0.025 EUR OF PAYMENTS"},
		{`{"dimension":"support","model":"recurring","amount":"31"}`, "31 EUR/month", "31 MONTHLY"},
		{`{"dimension":"reports","model":"flat","amount":"5"}`, "5 EUR/month", "5 MONTHLY"},
		{`{"dimension":"setup","model":"once","amount":"99"}`, "99 EUR once", "99 ONCE"},
	} {
		p := catalog.Price{Currency: "EUR"}
		require.NoError(t, json.Unmarshal([]byte(c.price), &p))
		require.Empty(t, p.Findings(), c.price)
		require.Equal(t, c.words, p.Words())
		var costs []string
		for _, cost := range catalog.Costs([]catalog.Price{p}, moment(t, "2026-01-01T00:00:00Z")) {
			require.Equal(t, "EUR", cost.Currency)
			costs = append(costs, fmt.Sprint(cost.Amount, " ", cost.Unit))
		}
		require.Equal(t, c.costs, strings.Join(costs, "; "))
	}
}

func TestCostsAreThoseInForceForEverybody(t *testing.T) {
	t.Parallel()
	var list []catalog.Price
	require.NoError(t, json.Unmarshal([]byte(`[
		{"dimension":"instance","unit":"hour","amount":1,"currency":"EUR"},
		{"dimension":"setup","model":"once","amount":9,"currency":"EUR","from":"2026-03-01T00:00:00Z"},
		{"dimension":"instance","unit":"hour","amount":2,"currency":"EUR","from":"2026-02-01T00:00:00Z"},
		{"dimension":"instance","unit":"hour","amount":7,"currency":"EUR","tenant":"acme"}]`), &list))
	require.Equal(t, "[{1 EUR HOUR}]", fmt.Sprint(catalog.Costs(list, moment(t, "2026-01-01T00:00:00Z"))))
	require.Equal(t, "[{2 EUR HOUR} {9 EUR ONCE}]", fmt.Sprint(catalog.Costs(list, moment(t, "2026-03-01T00:00:00Z"))))
}
