package broker_test

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering"
)

func TestATenantHasItsOwnBudgetOnly(t *testing.T) {
	t.Parallel()
	var sold api.Service
	w := newWorld(t, func(c *broker.Config) {
		var err error
		c.Meter, err = metering.New(metering.Config{Store: c.Store, Instances: past{&sold}, Catalog: c.Catalog, Log: c.Log, Window: 24 * time.Hour,
			Derive: func(purpose string) []byte { return []byte(purpose) }})
		require.NoError(t, err)
	})
	ctx := t.Context()
	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: "acme"})
	other := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "umbrella"})
	b := api.Budget{Tenant: "umbrella", Currency: "EUR", Amount: decimal.New(5, 0), Thresholds: []int{100}, Webhook: "https://hooks.example/"}
	set, err := own.SetBudget(ctx, b)
	require.NoError(t, err)
	require.EqualValues(t, "acme", set.Tenant, "its own, whatever it names")
	require.NotEmpty(t, set.Key)
	all, err := other.Budgets(ctx, "acme")
	require.NoError(t, err)
	require.Empty(t, all)
	alerts, err := other.Alerts(ctx, "acme")
	require.NoError(t, err)
	require.Empty(t, alerts)
	all, err = w.admin.Budgets(ctx, "acme")
	require.NoError(t, err)
	require.Equal(t, []api.Budget{set}, all)
	vendor := w.user(api.NewUser{Name: "vera", Role: api.Vendor, Vendor: "example"})
	_, err = vendor.Budgets(ctx, "")
	require.ErrorIs(t, err, fault.Forbidden)
}
