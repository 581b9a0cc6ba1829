package metering_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// provided is a firewall that the provider inserted for tenant A at a quarter past
// midnight, by the history that an instance writes.
func provided(bill provision.Payer) provision.Instance {
	i := instance("fw", "2000-01-01T00:00:00Z provisioning s", "2000-01-01T00:15:00Z active s")
	i.Name, i.Tenant, i.Platform, i.Service = "guard", "tenant-a", "operator/admin", "service-1"
	i.Provider = &provision.Provider{Everywhere: true, Bill: bill}
	for n := range i.History {
		e := &i.History[n]
		e.Tenant, e.Platform, e.Service, e.Bill = i.Tenant, i.Platform, i.Service, bill
	}
	return i
}

func TestWhoPaysForTheProvidersServices(t *testing.T) {
	t.Parallel()
	line := "operator/admin service-1 s guard: 2700 s = 0.09"
	for bill, want := range map[provision.Payer]struct {
		tenant, operator []string
		usage            topology.TenantID // whose
		serves           topology.TenantID
	}{
		provision.TenantPays:   {tenant: []string{"tenant-a " + line}, usage: "tenant-a"},
		provision.OperatorPays: {operator: []string{"@operator " + line}, usage: provision.OperatorAccount, serves: "tenant-a"},
		provision.NobodyPays:   {usage: "tenant-a"},
	} {
		t.Run(string(bill), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{provided(bill)}},
					offers{"service-1": {"s": {price("0.12", "")}}}, metering.Config{})
				time.Sleep(time.Hour + 2*time.Minute)
				closed, err := m.CatchUp(t.Context())
				require.NoError(t, err)
				require.Equal(t, 1, closed.Usage, "it is metered in any case")
				require.Zero(t, closed.Unrated)
				require.Equal(t, want.tenant, owed(t, m, "tenant-a"))
				require.Equal(t, want.operator, owed(t, m, provision.OperatorAccount))
				usage, err := m.Usage(t.Context(), metering.Filter{Tenant: want.usage})
				require.NoError(t, err)
				require.Len(t, usage, 1)
				require.Equal(t, "2700", usage[0].Seconds.String())
				require.Equal(t, want.serves, usage[0].Serves)
				require.Equal(t, bill == provision.NobodyPays, usage[0].Free)
				bills, err := m.Bills(t.Context(), metering.Filter{})
				require.NoError(t, err)
				for _, b := range bills {
					require.Equal(t, want.serves, b.Serves)
				}
			})
		})
	}
}

// An id that the provider's service had is billed by its own life, before and after.
func TestAnIDThatTheProviderUsedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := reused()
		i.Provider = &provision.Provider{Bill: provision.OperatorPays}
		for n := 4; n < len(i.History); n++ {
			i.History[n].Bill = provision.OperatorPays
		}
		m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{i}}, offers{
			"service-1": {"s": {price("0.12", "")}}, "service-2": {"l": {price("0.60", "")}},
		}, metering.Config{})
		time.Sleep(time.Hour + 2*time.Minute)
		_, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"tenant-a cf service-1 s fw: 900 s = 0.03"}, owed(t, m, "tenant-a"))
		require.Empty(t, owed(t, m, "tenant-b"))
		require.Equal(t, []string{"@operator k8s service-2 l b's firewall: 1200 s = 0.2"}, owed(t, m, provision.OperatorAccount))
	})
}
