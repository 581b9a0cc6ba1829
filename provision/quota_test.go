package provision_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func allowed(w *world, id topology.InstanceID, a ...provision.Allowance) provision.ProvisionRequest {
	r := w.order(id)
	r.Allowances = a
	return r
}

func TestAQuotaIsOfInstancesVCPUsAndMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	// A small one has 1 vCPU and 256 MiB.
	for n, c := range []struct {
		quota provision.Quota
		want  string
	}{
		{provision.Quota{Instances: 1}, "1 instances: 1 are used and this needs 1"},
		{provision.Quota{VCPUs: 1}, "1 vCPUs: 1 are used and this needs 1"},
		{provision.Quota{MemoryBytes: 700 << 20}, "700 MiB of memory: 512 are used and this needs 512"},
	} {
		holder := fmt.Sprintf("platform %d", n)
		a := provision.Allowance{Holder: holder, Quota: c.quota}
		_, err := b.Provision(t.Context(), allowed(w, topology.InstanceID(fmt.Sprintf("first-%d", n)), a))
		require.NoError(t, err)
		_, err = b.Provision(t.Context(), allowed(w, topology.InstanceID(fmt.Sprintf("second-%d", n)), a))
		require.ErrorIs(t, err, fault.Quota)
		require.Contains(t, fault.Message(err), "the quota of "+holder+" is "+c.want)
	}
}

func TestARequestAgainIsNoSecondPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	one := provision.Allowance{Holder: "platform cf", Quota: provision.Quota{Instances: 1}}
	first, err := b.Provision(t.Context(), allowed(w, "fw", one))
	require.NoError(t, err)
	b.wait(t, first.Operation)
	again, err := b.Provision(t.Context(), allowed(w, "fw", one))
	require.NoError(t, err)
	require.True(t, again.Existed)
}

func TestWhatIsRemovedOrFailsGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	one := provision.Allowance{Holder: "platform cf", Quota: provision.Quota{Instances: 1}}

	b.provisioned(t, allowed(w, "first", one))
	b.removed(t, w.removal("first", ""))
	w.cloud.Inject(sim.Fault{Verb: topology.Boot, Err: errors.New("no host has room")})
	out, err := b.Provision(t.Context(), allowed(w, "second", one))
	require.NoError(t, err)
	b.wait(t, out.Operation)
	i, err := b.Instance(t.Context(), "cf", "second")
	require.NoError(t, err)
	require.Equal(t, provision.Failed, i.State)
	_, err = b.Provision(t.Context(), allowed(w, "third", one))
	require.NoError(t, err)
}

// Every allowance must leave room; one that does not takes nothing from the others.
func TestEveryHolderMustHaveRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	wide := provision.Allowance{Holder: "platform cf", Quota: provision.Quota{Instances: 2}}
	narrow := provision.Allowance{Holder: "tenant acme", Quota: provision.Quota{Instances: 1}}
	_, err := b.Provision(t.Context(), allowed(w, "a", wide, narrow))
	require.NoError(t, err)
	_, err = b.Provision(t.Context(), allowed(w, "b", wide, narrow))
	require.ErrorIs(t, err, fault.Quota)
	_, err = b.Provision(t.Context(), allowed(w, "c", wide))
	require.NoError(t, err, "b took nothing of the platform's two")
}

// However many ask at the same time, of however many brokers, as many get a place
// as there are.
func TestPlacesAreGivenOutOnceEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	brokers := []*broker{w.broker(t, w.driver), w.broker(t, w.driver), w.broker(t, w.driver)}
	five := provision.Allowance{Holder: "platform cf", Quota: provision.Quota{Instances: 5}}
	var asking sync.WaitGroup
	results := make(chan error, 60)
	for n := range 60 {
		asking.Go(func() {
			id := topology.InstanceID(fmt.Sprintf("fw-%d", n/2)) // each twice
			_, err := brokers[n%3].Provision(t.Context(), allowed(w, id, five))
			results <- err
		})
	}
	asking.Wait()
	close(results)
	for err := range results {
		if err != nil {
			require.ErrorIs(t, err, fault.Quota)
		}
	}
	all, err := brokers[0].Instances(t.Context(), provision.Filter{})
	require.NoError(t, err)
	require.Len(t, all, 5)
}
