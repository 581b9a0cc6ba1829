package catalog_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

func TestEachMistakeInAPriceIsFoundAtItsPlace(t *testing.T) {
	t.Parallel()
	const good = `"dimension":"traffic","unit":"gigabyte","currency":"EUR"`
	for _, c := range []struct{ price, path, says string }{
		{`{"unit":"gigabyte","currency":"EUR"}`, "dimension", "not a name"},
		{`{"dimension":"Traffic!","unit":"gigabyte","currency":"EUR"}`, "dimension", "not a name"},
		{`{"dimension":"traffic","unit":"gigabyte","currency":"EURO"}`, "currency", "ISO 4217"},
		{`{"dimension":"traffic","unit":"gigabyte","currency":"DEM"}`, "currency", "ISO 4217"},
		{`{"dimension":"traffic","unit":"gigabyte","currency":"XAU"}`, "currency", "ISO 4217"},
		{`{` + good + `,"model":"cheap"}`, "model", `"cheap" is not`},
		{`{` + good + `,"model":"graduated"}`, "tiers", "needs tiers"},
		{`{` + good + `,"model":"volume","amount":1,"tiers":[{"amount":1}]}`, "amount", "stand in its tiers"},
		{`{` + good + `,"amount":1,"tiers":[{"amount":1}]}`, "tiers", "only graduated and volume"},
		{`{` + good + `,"model":"graduated","tiers":[{"up_to":1,"amount":1}]}`, "tiers[0].up_to", "must be without an end"},
		{`{` + good + `,"model":"graduated","tiers":[{"amount":1},{"amount":1}]}`, "tiers[0].up_to", "only the last"},
		{`{` + good + `,"model":"graduated","tiers":[{"up_to":0,"amount":1},{"amount":1}]}`, "tiers[0].up_to", "0 is not above 0"},
		{`{` + good + `,"model":"graduated","tiers":[{"up_to":5,"amount":1},{"up_to":4,"amount":1},{"amount":1}]}`, "tiers[1].up_to", "4 is not above 5"},
		{`{` + good + `,"model":"graduated","tiers":[{"up_to":5,"amount":-1},{"amount":1}]}`, "tiers[0].amount", "negative"},
		{`{` + good + `,"model":"graduated","tiers":[{"up_to":1e99,"amount":1},{"amount":1}]}`, "tiers[0].up_to", "at most 10^12"},
		{`{` + good + `,"model":"graduated","tiers":[` + strings.Repeat(`{"amount":1},`, 100) + `{"amount":1}]}`, "tiers", "101 tiers"},
		{`{` + good + `,"model":"package"}`, "size", "needs a size"},
		{`{` + good + `,"size":1}`, "size", "only package"},
		{`{` + good + `,"amount":-1}`, "amount", "negative"},
		{`{` + good + `,"amount":1e9999}`, "amount", "at most 10^12"},
		{`{` + good + `,"amount":1e-9999}`, "amount", "9 decimal places"},
		{`{` + good + `,"minimum":-1}`, "minimum", "negative"},
		{`{` + good + `,"included":0.1234567891}`, "included", "9 decimal places"},
		{`{` + good + `,"prorate":true}`, "prorate", "nothing to prorate"},
		{`{` + good + `,"trial":-1}`, "trial", "up to 3650 days"},
		{`{` + good + `,"trial":4000}`, "trial", "up to 3650 days"},
		{`{` + good + `,"until":"2026-01-01T00:00:00Z"}`, "until", "only a tenant's ends"},
		{`{` + good + `,"tenant":"acme","from":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, "until", "before it begins"},
		{`{"dimension":"traffic","currency":"EUR"}`, "unit", "per unit"},
		{`{"dimension":"instance","unit":"gigabyte","currency":"EUR"}`, "unit", "metered by time"},
		{`{"dimension":"payments","unit":"USD","currency":"EUR","model":"percentage","amount":1}`, "unit", "is the currency"},
		{`{"dimension":"fee","unit":"hour","currency":"EUR","model":"recurring","amount":1}`, "unit", "not per unit"},
		{`{"dimension":"fee","currency":"EUR","model":"recurring","amount":1,"included":5}`, "included", "no quantity"},
		{`{"dimension":"fee","currency":"EUR","model":"flat","amount":1,"minimum":5}`, "minimum", "no minimum"},
		{`{"dimension":"fee","currency":"EUR","model":"once","amount":1,"trial":5}`, "trial", "has no trial"},
	} {
		var p catalog.Price
		require.NoError(t, json.Unmarshal([]byte(c.price), &p), c.price)
		findings := p.Findings()
		require.NotEmpty(t, findings, c.price)
		require.Contains(t, fmt.Sprint(findings), c.path+": ", c.price)
		require.Contains(t, fmt.Sprint(findings), c.says, c.price)
		require.ErrorIs(t, catalog.PricesError(findings), fault.Invalid)
		require.Less(t, len(catalog.PricesError(findings).Error()), 400, "hostile numbers are not written out")
	}
}

func TestVersionsOfPricesFitEachOther(t *testing.T) {
	t.Parallel()
	euro := func(from, more string) string {
		return `{"dimension":"instance","unit":"hour","amount":1,"currency":"EUR","from":"` + from + `T00:00:00Z"` + more + `}`
	}
	dollar := func(from, more string) string { return strings.ReplaceAll(euro(from, more), "EUR", "USD") }
	for _, c := range []struct {
		prices []string
		want   string
	}{
		{[]string{euro("2026-01-01", ""), euro("2026-02-01", "")}, "[]"},
		{[]string{euro("2026-01-01", ""), dollar("2026-01-01", `,"tenant":"acme"`), euro("2026-01-01", `,"tenant":"umbrella"`)}, "[]"},
		{[]string{euro("2026-02-01", ""), euro("2026-01-01", "")}, "[prices[1].from: it does not begin after prices[0], which it follows]"},
		{[]string{euro("2026-02-01", ""), euro("2026-02-01", "")}, "[prices[1].from: it does not begin after prices[0], which it follows]"},
		{[]string{euro("2026-01-01", ""), dollar("2026-02-01", "")}, `[prices[1].currency: it is in "USD" and prices[0] in "EUR"; a plan has one currency for a tenant]`},
	} {
		var list []catalog.Price
		require.NoError(t, json.Unmarshal([]byte("["+strings.Join(c.prices, ",")+"]"), &list))
		require.Equal(t, c.want, fmt.Sprint(append([]catalog.PriceFinding{}, catalog.CheckPrices(list)...)))
	}
}

// A price that was stored before there were models means what it meant, and is written
// as it was.
func TestAStoredPriceKeepsItsMeaning(t *testing.T) {
	t.Parallel()
	const stored = `{"dimension":"instance","unit":"hour","amount":"0.12","currency":"EUR","from":"2026-01-01T00:00:00Z"}`
	var p catalog.Price
	require.NoError(t, json.Unmarshal([]byte(stored), &p))
	require.Empty(t, p.Findings())
	require.Equal(t, catalog.ModelUnit, p.Model)
	again, err := json.Marshal(p)
	require.NoError(t, err)
	require.Equal(t, stored, string(again))
}

func TestAContractPriceGoesBeforeThePriceForAll(t *testing.T) {
	t.Parallel()
	var list []catalog.Price
	require.NoError(t, json.Unmarshal([]byte(`[
		{"dimension":"instance","unit":"hour","amount":1,"currency":"EUR","from":"2026-01-01T00:00:00Z"},
		{"dimension":"instance","unit":"hour","amount":2,"currency":"EUR","from":"2026-02-01T00:00:00Z","until":"2026-03-01T00:00:00Z","tenant":"acme"},
		{"dimension":"instance","unit":"hour","amount":3,"currency":"EUR","from":"2026-02-15T00:00:00Z"}]`), &list))
	for _, c := range []struct{ tenant, at, want string }{
		{"acme", "2025-12-31T23:59:59Z", "none"}, {"acme", "2026-01-31T23:59:59Z", "1"}, {"acme", "2026-02-01T00:00:00Z", "2"},
		{"acme", "2026-02-20T00:00:00Z", "2"}, {"acme", "2026-03-01T00:00:00Z", "3"}, {"umbrella", "2026-02-01T00:00:00Z", "1"}, {"", "2026-02-20T00:00:00Z", "3"},
	} {
		got := "none"
		if p, ok := catalog.PriceFor(list, c.tenant, "instance", moment(t, c.at)); ok {
			got = p.Amount.String()
		}
		require.Equal(t, c.want, got, "%s at %s", c.tenant, c.at)
	}
}

func moment(t *testing.T, s string) (at time.Time) {
	require.NoError(t, at.UnmarshalText([]byte(s)))
	return at
}
