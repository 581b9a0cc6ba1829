package monitor_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/monitor"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// host is on the network that the instance protects.
var host = cloud.Host{Name: "h", Network: "lan", Address: netip.MustParsePrefix("10.0.0.2/24")}

// refused has no appliance answer on its management address.
var refused = sim.Fault{Verb: sim.Dial, Times: -1}

// watch runs a monitor until it is stopped.
func (w *watched) watch(c monitor.Config) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = monitor.New(w.Service, w.quiet, c).Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// passed is what a packet from the host passes; "stopped" when it does not arrive.
func (w *watched) passed(t *testing.T) string {
	t.Helper()
	list, reached, err := w.cloud.Trace(t.Context(), "acme", "h")
	require.NoError(t, err)
	if !reached {
		return "stopped"
	}
	return fmt.Sprint(list)
}

// newFailing is an instance with a failure policy and an availability, and a host.
func newFailing(t *testing.T, failure, availability string) *watched {
	t.Helper()
	w := newWatchedAs(t, catalog.Insertion{HA: []string{"none", "respin", "standby"}},
		fmt.Sprintf(`{"networks":["lan"],"failure":%q,"availability":%q}`, failure, availability))
	require.NoError(t, w.cloud.CreateHost(t.Context(), "acme", host))
	return w
}

// By the second: a machine that is gone is got past within one, one that hangs within
// three, and both are passed again as soon as they forward.
func TestTheMonitorsPace(t *testing.T) {
	for name, c := range map[string]struct {
		availability string
		fails        func(*watched) error
		heals        func(*watched) error
		within       time.Duration
	}{
		"killed and booted anew": {"respin", func(w *watched) error { return w.cloud.KillAppliance("acme", "fw") }, nil, time.Second},
		"hung for a while": {"none", func(w *watched) error { return w.cloud.HangAppliance("acme", "fw") },
			func(w *watched) error { return w.cloud.UnhangAppliance("acme", "fw") }, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFailing(t, "open", c.availability)
				stop := w.watch(monitor.Config{})
				time.Sleep(5500 * time.Millisecond)
				require.Equal(t, provision.HealthOK, w.health(t).Status)
				require.NoError(t, c.fails(w))
				require.Equal(t, "stopped", w.passed(t))
				time.Sleep(c.within - 600*time.Millisecond)
				require.Equal(t, provision.HealthOK, w.health(t).Status, "too early")
				time.Sleep(time.Second)
				if c.heals != nil {
					require.Equal(t, provision.HealthBypassed, w.health(t).Status)
					require.Equal(t, "[]", w.passed(t))
					require.NoError(t, c.heals(w))
				}
				time.Sleep(2500 * time.Millisecond)
				require.Equal(t, provision.HealthOK, w.health(t).Status)
				require.Equal(t, "[fw]", w.passed(t))
				stop()
				w.stop()
			})
		})
	}
}

// Where the cloud has no way to management networks, an endpoint is not asked: an
// appliance is as well as its machine and its wires are.
func TestAnEndpointThatCannotBeReachedAtAllIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFailing(t, "open", "none")
		w.cloud.Inject(sim.Fault{Verb: sim.Dial, Times: -1, Err: &fault.Error{Kind: fault.Unavailable, Message: "no way", Err: cloud.ErrNoWay}})
		stop := w.watch(monitor.Config{})
		time.Sleep(time.Hour)
		require.Equal(t, provision.HealthOK, w.health(t).Status)
		require.Equal(t, "[fw]", w.passed(t))
		require.NoError(t, w.cloud.HangAppliance("acme", "fw"))
		time.Sleep(4 * time.Second)
		require.Equal(t, "[]", w.passed(t), "what is seen still counts")
		stop()
		w.stop()
	})
}

// A machine that comes up, and whose health endpoint has never answered, is given
// time; one that has answered and does not any more is not.
func TestAnEndpointThatHasNeverAnsweredHasTimeToBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFailing(t, "closed", "none")
		m := monitor.New(w.Service, w.quiet, monitor.Config{Failures: 1, Patience: time.Minute})
		w.cloud.Inject(refused)
		require.NoError(t, m.Round(t.Context()))
		time.Sleep(59 * time.Second)
		require.NoError(t, m.Round(t.Context()))
		require.Equal(t, provision.HealthUnknown, w.health(t).Status)
		time.Sleep(2 * time.Second)
		require.NoError(t, m.Round(t.Context()))
		require.Equal(t, provision.HealthFailing, w.health(t).Status)
		require.Equal(t, "port 8080 on the management address does not answer", w.health(t).Detail)
		w.cloud.Heal()
		require.NoError(t, m.Round(t.Context()))
		require.Equal(t, provision.HealthOK, w.health(t).Status)
		time.Sleep(time.Second) // it is told what it missed
		w.cloud.Inject(refused)
		require.NoError(t, m.Round(t.Context()))
		require.Equal(t, provision.HealthFailing, w.health(t).Status)
		w.stop()
	})
}

// When most of many appliances seem to hang at once, it is this broker that cannot see;
// machines that are gone are gone all the same.
func TestMostOfManyAtOnceIsNoVerdict(t *testing.T) {
	t.Parallel()
	w := newFailing(t, "closed", "none")
	for n := range 8 {
		r := w.order
		r.ID = topology.InstanceID(fmt.Sprintf("fw%d", n))
		r.Parameters = nil
		out, err := w.Provision(t.Context(), r)
		require.NoError(t, err)
		_, err = w.engine.Wait(t.Context(), out.Operation)
		require.NoError(t, err)
	}
	m := monitor.New(w.Service, w.quiet, monitor.Config{Failures: 1, Patience: time.Nanosecond})
	require.NoError(t, m.Round(t.Context()))
	w.cloud.Inject(refused)
	require.NoError(t, w.cloud.KillAppliance("acme", "fw3"))
	require.NoError(t, m.Round(t.Context()))
	down, err := w.Instance(t.Context(), "", "fw3")
	require.NoError(t, err)
	require.Equal(t, provision.HealthFailing, down.Health.Status)
	require.Equal(t, provision.HealthOK, w.health(t).Status)
	w.cloud.Heal()
	require.NoError(t, w.cloud.HangAppliance("acme", "fw"))
	require.NoError(t, m.Round(t.Context()))
	require.Equal(t, provision.HealthFailing, w.health(t).Status, "one alone is")
}
