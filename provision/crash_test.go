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
	"github.com/bumpwire/bumpwire/provision/work"
)

var scanAll = store.Query{Limit: 1000}

// A broker dies at each write of an instance's life in turn (provision, bind,
// rotate, update, unbind, deprovision), before the write or after it, and another takes over.
// However it goes, everything ends as asked, history has no gap, one appliance
// was there, and nothing is orphaned.
func TestBrokerDiesAtAnyWrite(t *testing.T) {
	t.Parallel()
	require.Greater(t, eachDeath(t, (*world).life, func(t *testing.T, w *world, second *broker) {
		_, err := second.Instance(t.Context(), "cf", "fw")
		if errors.Is(err, fault.NotFound) { // not yet, or not any more
			second.provisioned(t, w.order("fw", "lan"))
		}
		// Whichever of the two holds the network, the next life begins without it.
		for _, id := range []provision.BindingID{"b", "c"} {
			persist(t, func() (provision.Outcome, error) { return second.Unbind(t.Context(), w.removal("fw", id)) }, second, func() {})
		}
		w.live(t, second, func(string) {})
		w.requireBase(t)
	}), 40)
}

// D9: a removal overtakes an update, and a broker dies at any write meanwhile.
func TestBrokerDiesWhileARemovalOvertakesAnUpdate(t *testing.T) {
	t.Parallel()
	require.Greater(t, eachDeath(t, (*world).hastyLife, func(t *testing.T, w *world, second *broker) {
		persist(t, func() (provision.Outcome, error) { return second.Deprovision(t.Context(), w.removal("fw", "")) }, second, func() {})
		if i, err := second.Tombstone(t.Context(), "cf", "fw"); !errors.Is(err, fault.NotFound) {
			require.NoError(t, err)
			require.Equal(t, provision.Deleted, i.State)
			require.Nil(t, i.Update)
			story(t, i)
		}
		w.requireBase(t)
	}), 20)
}

// hastyLife removes an instance before its update is done.
func (w *world) hastyLife(ctx context.Context, b *broker) error {
	out, err := b.Provision(ctx, w.lifeOrder())
	if err == nil {
		_, err = b.engine.Wait(ctx, out.Operation)
	}
	if err == nil {
		_, err = b.Update(ctx, w.lifeUpdate())
	}
	if err == nil {
		out, err = b.Deprovision(ctx, w.removal("fw", ""))
	}
	if err == nil {
		_, err = b.engine.Wait(ctx, out.Operation)
	}
	return err
}

// eachDeath leads a life again and again, with the broker dying at each write in
// turn, and has another one come after it. It gives the number of writes.
func eachDeath(t *testing.T, lead func(*world, context.Context, *broker) error, after func(*testing.T, *world, *broker)) int {
	all := writesOf(t, lead)
	for _, how := range []storetest.Outcome{storetest.DiesBefore, storetest.DiesAfter} {
		for n := 1; n <= all; n++ {
			name := fmt.Sprintf("%s write %d", outcome(how), n)
			if skips(t.Name() + name) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newRotatable(t, sim.Options{})
				if dieAt(t, w, n, how, lead) {
					after(t, w, w.broker(t, w.driver))
				}
			})
		}
	}
	return all
}

func outcome(o storetest.Outcome) string {
	return map[storetest.Outcome]string{storetest.DiesBefore: "before", storetest.DiesAfter: "after"}[o]
}

// writesOf counts them; leases make the number vary a little.
func writesOf(t *testing.T, lead func(*world, context.Context, *broker) error) int {
	w := newRotatable(t, sim.Options{})
	counting := storetest.NewFaulty(w.driver, func(storetest.Op) storetest.Outcome { return storetest.Works })
	b := w.broker(t, counting)
	require.NoError(t, lead(w, t.Context(), b))
	return counting.Writes()
}

// dieAt is false when there were fewer writes.
func dieAt(t *testing.T, w *world, n int, how storetest.Outcome, lead func(*world, context.Context, *broker) error) bool {
	faulty := storetest.NewFaulty(w.driver, func(op storetest.Op) storetest.Outcome {
		if op.Write && op.N == n {
			return how
		}
		return storetest.Works
	})
	first := w.broker(t, faulty)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	go func() {
		select {
		case <-faulty.Dead():
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := lead(w, ctx, first); !dead(faulty) {
		require.NoError(t, err)
		return false
	}
	first.stop()
	return true
}

func dead(f *storetest.Faulty) bool {
	select {
	case <-f.Dead():
		return true
	default:
		return false
	}
}

// lifeOrder is held to a quota, so that taking a place and giving it back are among
// the writes.
func (w *world) lifeOrder() provision.ProvisionRequest {
	r := w.order("fw", "lan")
	r.Allowances = []provision.Allowance{{Holder: "platform cf", Quota: provision.Quota{Instances: 1}}}
	return r
}

// lifeUpdate asks for another plan and another parameter, within a quota.
func (w *world) lifeUpdate() provision.UpdateRequest {
	r := w.toParameters("fw", map[string]any{"firewall.block-tcp-ports": "25", "management.password": "open sesame 42"})
	r.Plan = w.plan("large")
	r.Allowances = []provision.Allowance{{Holder: "platform cf", Quota: provision.Quota{VCPUs: 2}}}
	return r
}

// life leads an instance from its order to its removal, once.
func (w *world) life(ctx context.Context, b *broker) error {
	for _, ask := range []func() (provision.Outcome, error){
		func() (provision.Outcome, error) { return b.Provision(ctx, w.lifeOrder()) },
		func() (provision.Outcome, error) {
			out, err := b.Bind(ctx, w.binding("fw", "b", "dmz"))
			return out.Outcome, err
		},
		func() (provision.Outcome, error) {
			out, err := b.Bind(ctx, w.rotation("fw", "c", "b"))
			return out.Outcome, err
		},
		func() (provision.Outcome, error) { return b.Update(ctx, w.lifeUpdate()) },
		func() (provision.Outcome, error) { return b.Unbind(ctx, w.removal("fw", "b")) },
		func() (provision.Outcome, error) { return b.Unbind(ctx, w.removal("fw", "c")) },
		func() (provision.Outcome, error) { return b.Deprovision(ctx, w.removal("fw", "")) },
	} {
		out, err := ask()
		if err != nil {
			return err
		}
		if _, err := b.engine.Wait(ctx, out.Operation); err != nil {
			return err
		}
	}
	return nil
}

// Every call of every kind of change fails in turn, with and without its effect.
// A call that may be tried again is; any other turns the change round. Either
// way the fabric ends as it was asked for or as it was.
func TestCloudFailsAtAnyCall(t *testing.T) {
	t.Parallel()
	verbs := []topology.Verb{
		topology.CreateNetwork, topology.CreatePort, topology.Boot, topology.Await, topology.Move,
		topology.Shutdown, topology.DeletePort, topology.DeleteNetwork, sim.Dial,
	}
	for _, verb := range verbs {
		for when, name := range map[sim.When]string{sim.BeforeEffect: "before its effect", sim.AfterEffect: "after its effect"} {
			for kind, times := range map[fault.Kind]int{fault.Unavailable: 2, fault.Busy: 1, fault.TooMany: 1, fault.Internal: 1} {
				for _, stage := range []string{"provision", "update", "deprovision"} {
					name := fmt.Sprintf("%s fails %s of %s, %s", verb, name, stage, kind)
					if skips(name) {
						continue
					}
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						w := newRotatable(t, sim.Options{BootAwaits: 1})
						b := w.broker(t, w.driver)
						w.live(t, b, func(now string) {
							if now == stage {
								w.cloud.Inject(sim.Fault{Verb: verb, When: when, Times: times, Err: fault.New(kind, "bad weather")})
							}
						})
						w.requireBase(t)
					})
				}
			}
		}
	}
}

// live leads an instance through its life, doing again what failed. Each stage is
// announced.
func (w *world) live(t *testing.T, b *broker, begins func(stage string)) {
	t.Helper()
	begins("provision")
	persist(t, func() (provision.Outcome, error) {
		r := w.order("fw", "lan")
		i, err := b.Instance(t.Context(), "cf", "fw")
		if err == nil && i.State == provision.Active && i.Plan != r.Plan { // it has been provisioned, and updated
			return provision.Outcome{}, nil
		}
		return b.Provision(t.Context(), r)
	}, b, func() { // what failed, or is being removed and may be gone by now
		persist(t, func() (provision.Outcome, error) { return b.Deprovision(t.Context(), w.removal("fw", "")) }, b, func() {})
	})
	require.Equal(t, "host-lan → fw → gateway", w.way(t, "host-lan"))
	w.bound(t, b, w.binding("fw", "b", "dmz"))
	w.bound(t, b, w.rotation("fw", "c", "b"))
	nothing := func() {}
	begins("update")
	persist(t, func() (provision.Outcome, error) { return b.Update(t.Context(), w.lifeUpdate()) }, b, nothing)
	w.requireUpdated(t, b)
	persist(t, func() (provision.Outcome, error) { return b.Unbind(t.Context(), w.removal("fw", "b")) }, b, nothing)
	require.Equal(t, "host-dmz → fw → gateway", w.way(t, "host-dmz"))
	_, given, err := b.Binding(t.Context(), "cf", "fw", "c")
	require.NoError(t, err)
	require.True(t, b.works(t, given.Credentials))
	persist(t, func() (provision.Outcome, error) { return b.Unbind(t.Context(), w.removal("fw", "c")) }, b, nothing)
	begins("deprovision")
	persist(t, func() (provision.Outcome, error) { return b.Deprovision(t.Context(), w.removal("fw", "")) }, b, nothing)
	i, err := b.Tombstone(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, provision.Deleted, i.State)
	story(t, i)
}

// bound makes a binding through which the network dmz passes.
func (w *world) bound(t *testing.T, b *broker, r provision.BindRequest) {
	t.Helper()
	if r.Plan != "" {
		b.settled(t) // an update that a dead broker began may change the plan
		r.Plan = b.show(t, "fw").Plan
	}
	persist(t, func() (provision.Outcome, error) {
		out, err := b.Bind(t.Context(), r)
		return out.Outcome, err
	}, b, func() {
		out, err := b.Unbind(t.Context(), w.removal("fw", r.ID))
		require.NoError(t, err)
		if out.Progress {
			b.wait(t, out.Operation)
		}
	})
	require.Equal(t, "host-dmz → fw → gateway", w.way(t, "host-dmz"))
}

// requireUpdated says that the instance is what lifeUpdate asked for, with one
// appliance, that its plan changed once, and that it holds its quota.
func (w *world) requireUpdated(t *testing.T, b *broker) {
	t.Helper()
	i := b.show(t, "fw")
	require.Equal(t, w.plan("large"), i.Plan)
	require.Equal(t, "25", i.Values["firewall.block-tcp-ports"])
	require.Nil(t, i.Update)
	changes := 0
	for n, e := range i.History[1:] {
		switch {
		case e.State == provision.Deleted:
			changes = 0 // what follows is another life
		case e.State == provision.Active && e.Plan != i.History[n].Plan:
			changes++
		}
	}
	require.Equal(t, 1, changes)
	f, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.Len(t, f.Appliances, 1)
	require.Equal(t, topology.ApplianceOf("fw", i.Generation), f.Appliances[0].ID)
	m, ok := w.cloud.Machine(tenant, f.Appliances[0].ID)
	require.True(t, ok)
	require.Equal(t, 2, m.VCPUs)
	require.Equal(t, "host-lan → fw → gateway", w.way(t, "host-lan"))
	require.Equal(t, "host-dmz → fw → gateway", w.way(t, "host-dmz"))
	_, given, err := b.Binding(t.Context(), "cf", "fw", "c")
	require.NoError(t, err)
	require.True(t, b.works(t, given.Credentials), "the next appliance knows the bindings' logins")
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
		if errors.Is(err, fault.Busy) { // what a dead broker began is being finished
			b.settled(t)
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

// settled waits until nothing is in progress on the instance.
func (b *broker) settled(t *testing.T) {
	t.Helper()
	i, err := b.Tombstone(t.Context(), "cf", "fw")
	require.NoError(t, err)
	ops := []provision.Operation{i.Operation}
	for _, bound := range i.Bindings {
		ops = append(ops, bound.Operation)
	}
	for _, op := range ops {
		if op.State == provision.InProgress {
			b.submitted(t, op.ID)
			b.wait(t, op.ID)
		}
	}
}

// submitted waits until Resume has submitted a change.
func (b *broker) submitted(t *testing.T, id work.ChangeID) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := b.engine.Get(t.Context(), id)
		return err == nil
	}, time.Minute, time.Millisecond)
}
