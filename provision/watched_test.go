package provision_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// TestWatchedGivesWhatIsLookedAt: all active instances in pages of any size, with all
// that a verdict needs, and without what only grows.
func TestWatchedGivesWhatIsLookedAt(t *testing.T) {
	t.Parallel()
	world := newWorld(t, sim.Options{})
	instances := provision.Documents(store.New(world.driver))
	var active []provision.Instance
	for n := range 9 {
		i := provision.Instance{ID: topology.InstanceID(fmt.Sprintf("i-%d", n)), Tenant: "acme", State: provision.Active, InPlace: true,
			Bindings: map[provision.BindingID]*provision.Binding{"b": {ID: "b", State: provision.Active}}, Generation: n,
			Health: provision.Health{Status: provision.HealthOK}, Upkeep: provision.Upkeep{Idle: []int{n}},
			History: []provision.Event{{Seq: 1}}, Values: map[string]string{"a": "b"}, Secrets: map[string]string{"c": "d"}, Context: []byte(`{"e":[1]}`)}
		if n%3 == 1 {
			i.State = provision.Deprovisioning
		}
		require.NoError(t, instances.Create(t.Context(), string(i.ID), i))
		if i.State == provision.Active {
			i.History, i.Values, i.Secrets, i.Context = nil, nil, nil, nil
			active = append(active, i)
		}
	}
	w := world.broker(t, world.driver)
	for limit := 1; limit < 9; limit++ {
		var seen []provision.Instance
		for after := topology.InstanceID(""); ; {
			page, next, err := w.Watched(t.Context(), after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			seen = append(seen, page...)
			if after = next; next == "" {
				break
			}
		}
		require.Equal(t, active, seen)
	}
}
