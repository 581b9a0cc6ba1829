package provision

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// books is a service that can do nothing but keep ledgers.
func books(t *testing.T) *Service {
	st, err := store.Open(t.Context(), storetest.Memory(t))
	require.NoError(t, err)
	return &Service{instances: store.In(st, "instances", keys), ledgers: store.In[ledger](st, "quotas", nil)}
}

// A broker that dies between a place and its instance leaves a place of nobody,
// which is somebody's only as long as a request may take.
func TestAPlaceOfNobodyIsFreedAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := books(t)
		one := []Allowance{{Holder: "platform cf", Quota: Quota{Instances: 1}}}
		ask := func(id topology.InstanceID) error {
			_, err := s.reserve(t.Context(), id, one, catalog.Plan{VCPUs: 1})
			return err
		}
		require.NoError(t, ask("dead"))
		require.ErrorIs(t, ask("next"), fault.Quota)
		time.Sleep(storeWithin)
		require.ErrorIs(t, ask("next"), fault.Quota, "the request may still be under way")
		time.Sleep(storeWithin + countEvery)
		require.NoError(t, ask("next"))

		require.NoError(t, s.instances.Create(t.Context(), "next", Instance{ID: "next", State: Active}))
		time.Sleep(24 * time.Hour)
		require.ErrorIs(t, ask("third"), fault.Quota, "an instance counts however old it is")
	})
}

// An instance's end frees what it held, not what a later one of its id holds.
func TestAnEndFreesOnlyItsOwnPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := books(t)
		one := []Allowance{{Holder: "platform cf", Quota: Quota{Instances: 1}}}
		_, err := s.reserve(t.Context(), "fw", one, catalog.Plan{})
		require.NoError(t, err)
		ended := time.Now().Add(time.Hour)
		time.Sleep(2 * time.Hour)
		_, err = s.reserve(t.Context(), "fw", one, catalog.Plan{})
		require.NoError(t, err)
		require.NoError(t, s.release(t.Context(), "fw", holders(one), ended))
		_, err = s.reserve(t.Context(), "other", one, catalog.Plan{})
		require.ErrorIs(t, err, fault.Quota)
	})
}
