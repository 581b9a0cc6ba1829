package catalog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
)

func contract(tenant, amount string) catalog.Price {
	return catalog.Price{Dimension: "instance", Unit: "hour", Currency: "EUR", Tenant: tenant, Amount: decimal.RequireFromString(amount)}
}

func TestAContractIsBesideThePricesForAll(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	service := s.publish(t, "example", ova(t))
	plan := service.Plans[0]
	before, err := s.Prices(t.Context(), service.ID, plan.ID)
	require.NoError(t, err)
	_, err = s.SetContract(t.Context(), service.ID, plan.ID, contract("acme", "0.08"))
	require.NoError(t, err)
	_, err = s.SetContract(t.Context(), service.ID, plan.ID, contract("umbrella", "0.07"))
	require.NoError(t, err)
	_, err = s.SetContract(t.Context(), service.ID, service.Plans[1].ID, contract("acme", "0.5"))
	require.NoError(t, err)

	prices, err := s.Prices(t.Context(), service.ID, plan.ID)
	require.NoError(t, err)
	require.Equal(t, before, prices[:len(before)])
	for tenant, amount := range map[string]string{"acme": "0.08", "umbrella": "0.07", "stranger": before[0].Amount.String()} {
		p, ok := catalog.PriceFor(prices, tenant, "instance", time.Now())
		require.True(t, ok)
		require.Equal(t, amount, p.Amount.String(), tenant)
	}
	shown, err := s.Service(t.Context(), service.ID)
	require.NoError(t, err)
	require.Equal(t, service.Plans[0].Prices, shown.Plans[0].Prices, "whoever reads the catalog does not see it")
	all, err := s.Contracts(t.Context(), service.ID)
	require.NoError(t, err)
	require.Len(t, all, 3)

	again := openShelf(t, s.dir, s.d)
	kept, err := again.Prices(t.Context(), service.ID, plan.ID)
	require.NoError(t, err)
	require.Equal(t, len(prices), len(kept))
	var found store.Findings
	index, err := catalog.Check(t.Context(), store.New(s.d), nil, &found)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Len(t, index.Prices(service.ID, plan.ID), len(prices))
}

func TestAContractsPricesFollowEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t)
		service := s.publish(t, "example", ova(t))
		set := func(change func(*catalog.Price)) error {
			p := contract("acme", "0.08")
			change(&p)
			_, err := s.SetContract(t.Context(), service.ID, service.Plans[0].ID, p)
			return err
		}
		now := time.Now().UTC()
		for name, change := range map[string]func(*catalog.Price){
			"in the past":              func(p *catalog.Price) { p.From = now.Add(-time.Minute) },
			"ends before it begins":    func(p *catalog.Price) { p.From, p.Until = now.Add(time.Hour), now.Add(time.Minute) },
			"for nobody":               func(p *catalog.Price) { p.Tenant = "" },
			"in no currency":           func(p *catalog.Price) { p.Currency = "EURO" },
			"of what is not metered":   func(p *catalog.Price) { p.Dimension = "state.asleep" },
			"of a model without tiers": func(p *catalog.Price) { p.Model = catalog.ModelGraduated },
		} {
			require.ErrorIs(t, set(change), fault.Invalid, name)
		}
		require.NoError(t, set(func(p *catalog.Price) { p.From = now.Add(time.Hour) }))
		require.ErrorIs(t, set(func(*catalog.Price) {}), fault.Invalid, "before the one that is announced")
		require.ErrorIs(t, set(func(p *catalog.Price) { p.From, p.Currency = now.Add(2*time.Hour), "USD" }), fault.Invalid)
		require.NoError(t, set(func(p *catalog.Price) { p.From, p.Until = now.Add(2*time.Hour), now.Add(3*time.Hour) }))
		_, err := s.SetContract(t.Context(), service.ID, "none", contract("acme", "1"))
		require.ErrorIs(t, err, fault.NotFound)
	})
}
