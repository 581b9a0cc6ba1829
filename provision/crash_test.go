package provision_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

var scanAll = store.Query{Limit: 1000}

// A broker dies at each write of the store in turn, before the write or after
// it, and another takes over. However it goes, the instance ends as asked or not
// at all, one appliance runs, and nothing is orphaned.
func TestBrokerDiesAtAnyWriteOfAProvision(t *testing.T) {
	t.Parallel()
	for _, how := range []storetest.Outcome{storetest.DiesBefore, storetest.DiesAfter} {
		for n := 1; ; n++ {
			died := false
			t.Run(fmt.Sprintf("%s write %d", outcome(how), n), func(t *testing.T) { died = dieAt(t, n, how) })
			if !died {
				break
			}
		}
	}
}

func outcome(o storetest.Outcome) string {
	return map[storetest.Outcome]string{storetest.DiesBefore: "before", storetest.DiesAfter: "after"}[o]
}

// dieAt says whether there was an n-th write at all.
func dieAt(t *testing.T, n int, how storetest.Outcome) (died bool) {
	w := newWorld(t, sim.Options{BootAwaits: 1})
	faulty := storetest.NewFaulty(w.driver, func(op storetest.Op) storetest.Outcome {
		if op.Write && op.N == n {
			return how
		}
		return storetest.Works
	})
	first := w.broker(t, faulty)
	out, err := first.Provision(t.Context(), w.order("fw", "lan"))
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		go func() {
			select {
			case <-faulty.Dead():
				cancel()
			case <-ctx.Done():
			}
		}()
		_, err = first.engine.Wait(ctx, out.Operation)
		cancel()
	}
	first.stop()
	died = dead(faulty)
	if !died {
		require.NoError(t, err)
	}

	second := w.broker(t, w.driver)
	again, err := second.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	if again.Progress {
		second.wait(t, again.Operation)
	}
	i, err := second.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, "provisioning active", story(t, i))
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	require.Empty(t, w.cloud.Violations())

	second.removed(t, w.removal("fw", ""))
	w.requireBase(t)
	return died
}

func dead(f *storetest.Faulty) bool {
	select {
	case <-f.Dead():
		return true
	default:
		return false
	}
}

// Every call of every kind of change fails in turn, with and without its effect.
// A call that may be tried again is; any other turns the change round. Either
// way the fabric ends as it was asked for or as it was.
func TestCloudFailsAtAnyCall(t *testing.T) {
	t.Parallel()
	verbs := []topology.Verb{
		topology.CreateNetwork, topology.CreatePort, topology.Boot, topology.Await, topology.Move,
		topology.Shutdown, topology.DeletePort, topology.DeleteNetwork,
	}
	for _, verb := range verbs {
		for when, name := range map[sim.When]string{sim.BeforeEffect: "before its effect", sim.AfterEffect: "after its effect"} {
			for kind, times := range map[fault.Kind]int{fault.Unavailable: 2, fault.Internal: 1} {
				t.Run(fmt.Sprintf("%s fails %s, %s", verb, name, kind), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, sim.Options{BootAwaits: 1})
					b := w.broker(t, w.driver)
					w.cloud.Inject(sim.Fault{Verb: verb, When: when, Times: times, Err: fault.New(kind, "bad weather")})
					w.live(t, b)
					w.requireBase(t)
				})
			}
		}
	}
}

// live leads an instance through its life, doing again what failed.
func (w *world) live(t *testing.T, b *broker) {
	t.Helper()
	persist(t, func() (provision.Outcome, error) { return b.Provision(t.Context(), w.order("fw", "lan")) }, b, func() {
		b.removed(t, w.removal("fw", ""))
	})
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	persist(t, func() (provision.Outcome, error) {
		out, err := b.Bind(t.Context(), w.binding("fw", "b", "dmz"))
		return out.Outcome, err
	}, b, func() {
		out, err := b.Unbind(t.Context(), w.removal("fw", "b"))
		require.NoError(t, err)
		if out.Progress {
			b.wait(t, out.Operation)
		}
	})
	require.Equal(t, "host-dmz → fw → gateway", w.path(t, "host-dmz"))
	nothing := func() {}
	persist(t, func() (provision.Outcome, error) { return b.Unbind(t.Context(), w.removal("fw", "b")) }, b, nothing)
	persist(t, func() (provision.Outcome, error) { return b.Deprovision(t.Context(), w.removal("fw", "")) }, b, nothing)
	i, err := b.Tombstone(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, provision.Deleted, i.State)
	story(t, i)
}

// persist asks until it is so; a request whose change was undone is cleaned up
// after, as a platform would, and asked again.
func persist(t *testing.T, ask func() (provision.Outcome, error), b *broker, clean func()) {
	t.Helper()
	for range 5 {
		out, err := ask()
		if errors.Is(err, fault.Conflict) {
			clean()
			continue
		}
		if errors.Is(err, fault.Gone) {
			return
		}
		require.NoError(t, err)
		if !out.Progress {
			return
		}
		b.wait(t, out.Operation)
	}
	t.Fatal("it never came true")
}
