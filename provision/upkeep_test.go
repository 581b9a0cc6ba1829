package provision_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// newResilientWorld is a world whose firewall can be booted anew and have a standby,
// with a login for each binding.
func newResilientWorld(t testing.TB, o sim.Options) *world {
	t.Helper()
	w := newWorld(t, o)
	w.offers(t, catalog.Insertion{HA: []string{"none", "respin", "standby"}, Modes: []string{"in-path", "redirect"},
		Management: &catalog.Management{Endpoint: catalog.Endpoint{Protocol: "http", Port: 8080}, User: "admin",
			PasswordProperty: "management.password", Accounts: "/accounts/{user}"}})
	return w
}

// resilient is an order with a failure policy and an availability, empty for the
// package's.
func (w *world) resilient(id topology.InstanceID, failure, availability string, networks ...string) provision.ProvisionRequest {
	r := w.order(id)
	parameters := map[string]any{}
	for key, value := range map[string]string{"failure": failure, "availability": availability} {
		if value != "" {
			parameters[key] = value
		}
	}
	if len(networks) > 0 {
		parameters["networks"] = networks
	}
	r.Parameters = raw(parameters)
	return r
}

// look is one round of a monitor that needs no second look, with what follows from it.
func (b *broker) look(t testing.TB, id topology.InstanceID) {
	t.Helper()
	require.NoError(t, b.lookOnce(t.Context(), id))
	require.Eventually(t, func() bool { return b.show(t, id).Failover.State != provision.InProgress }, time.Minute, time.Millisecond)
}

func (b *broker) lookOnce(ctx context.Context, id topology.InstanceID) error {
	i, err := b.Instance(ctx, "", id)
	if err != nil {
		return err
	}
	v := provision.Verdict{Generation: i.Generation, Members: map[int]provision.Finding{}}
	for n := range i.Appliances() {
		pulse, err := b.Probe(ctx, i, n)
		if err != nil {
			return err
		}
		if pulse.Running && pulse.Start != i.Start(n) {
			continue
		}
		v.Members[n] = provision.Finding{Start: i.Start(n), Alive: pulse.Running && pulse.Stuck == "", Detail: pulse.Stuck}
	}
	return b.Record(ctx, i, v)
}

// stopped says that a host does not reach its gateway.
func (w *world) stopped(t testing.TB, host string) {
	t.Helper()
	_, reached, err := w.cloud.Trace(t.Context(), tenant, host)
	require.NoError(t, err)
	require.False(t, reached)
}

// turns are the states of health in an instance's history, and how each event said
// that it was: there is no gap, and every event has the one of its time.
func turns(t testing.TB, i provision.Instance) (list []string) {
	t.Helper()
	story(t, i)
	for n, e := range i.History {
		if state, ok := strings.CutPrefix(e.Message, "health is "); ok {
			list = append(list, state)
		} else if n > 0 {
			require.Equal(t, i.History[n-1].Health, e.Health, "%d: %s", n, e.Message)
		}
		if len(list) > 0 {
			require.Equal(t, list[len(list)-1], string(e.Health))
		}
	}
	return list
}

func TestAServiceThatFailsOpenIsBypassedAloneAndPutBack(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "open", "", "lan"))
	b.provisioned(t, w.resilient("ips", "closed", "", "lan"))
	require.JSONEq(t, `{"failure":"open","availability":"none","mode":"in-path","networks":["lan"]}`, string(provision.ParametersOf(b.show(t, "fw"))))
	b.look(t, "fw")
	operation := b.show(t, "fw").Operation

	require.NoError(t, w.cloud.HangAppliance(tenant, "fw"))
	moves := w.cloud.Count(topology.Move)
	for range 3 {
		b.look(t, "fw")
		require.Equal(t, "host-lan → ips → gateway", w.path(t, "host-lan"), "the rest of the chain stays")
	}
	require.Equal(t, moves+1, w.cloud.Count(topology.Move), "one plug")
	require.Equal(t, provision.HealthBypassed, b.show(t, "fw").Health.Status)
	require.Equal(t, operation, b.show(t, "fw").Operation, "what platforms poll stays")

	require.NoError(t, w.cloud.UnhangAppliance(tenant, "fw"))
	b.look(t, "fw")
	require.Equal(t, "host-lan → fw → ips → gateway", w.path(t, "host-lan"))
	require.Equal(t, []string{"ok", "failing", "bypassed", "ok"}, turns(t, b.show(t, "fw")))
	b.removed(t, w.removal("fw", ""))
	b.removed(t, w.removal("ips", ""))
	w.requireBase(t)
}

func TestAServiceThatFailsClosedStopsItsTraffic(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "", "", "lan"))
	b.provisioned(t, w.resilient("lb", "", "", "dmz"))
	b.updated(t, w.toParameters("lb", map[string]any{"mode": "redirect"}))
	calls := w.cloud.Count(topology.Move)
	for _, id := range []topology.InstanceID{"fw", "lb"} {
		require.NoError(t, w.cloud.KillAppliance(tenant, b.show(t, id).Appliance(0)))
		for range 3 {
			b.look(t, id)
		}
		require.Equal(t, provision.HealthFailing, b.show(t, id).Health.Status)
	}
	w.stopped(t, "host-lan")
	require.Equal(t, []string{"dmz: everything through lb~1"}, w.rules(t), "flows do not get past a dead one")
	require.Equal(t, calls, w.cloud.Count(topology.Move))
}

// Redirected flows go their usual way while no member answers.
func TestRedirectedFlowsThatFailOpenGoTheirUsualWay(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	r := w.redirected("lb", 2, web, "lan")
	r.Parameters = raw(map[string]any{"mode": "redirect", "members": 2, "networks": []string{"lan"}, "failure": "open"})
	b.provisioned(t, r)
	b.verdict(t, "lb", 0, false)
	require.Equal(t, []string{"lan: everything through lb+1"}, w.rules(t))
	require.Equal(t, provision.HealthDegraded, b.show(t, "lb").Health.Status)
	b.verdict(t, "lb", 1, false)
	require.Empty(t, w.rules(t))
	require.Equal(t, provision.HealthBypassed, b.show(t, "lb").Health.Status)
	_, err := b.Provision(t.Context(), w.redirected("other", 1, "", "lan"))
	require.ErrorContains(t, err, "some flows are both", "they stay its own")
	b.verdict(t, "lb", 0, true)
	require.Equal(t, []string{"lan: everything through lb"}, w.rules(t))
	b.verdict(t, "lb", 1, true)
	require.Equal(t, []string{"lan: everything through lb, lb+1"}, w.rules(t))
	require.Equal(t, []string{"degraded", "failing", "bypassed", "degraded", "ok"}, turns(t, b.show(t, "lb")))
}

func TestABindingsNetworkHasAPolicyOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "closed", "", "lan"))
	r := w.binding("fw", "b", "dmz")
	r.Parameters = raw(map[string]any{"network": "dmz", "failure": "open"})
	b.bind(t, r)
	require.NoError(t, w.cloud.KillAppliance(tenant, "fw"))
	b.look(t, "fw")
	w.stopped(t, "host-lan")
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))

	r = w.binding("fw", "c", "")
	r.Parameters = raw(map[string]any{"failure": "open"})
	_, err := b.Bind(t.Context(), r)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "failure is about a network, and none is named")
}

// Bypassed at once, booted anew on the same legs, told the logins, and back in.
func TestAnApplianceIsBootedAnewBesideItsTraffic(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{BootAwaits: 2})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "open", "respin", "lan"))
	login := b.bind(t, w.binding("fw", "b", ""))
	was, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.NoError(t, w.cloud.KillAppliance(tenant, "fw"))
	b.look(t, "fw")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"))
	m, ok := w.cloud.Machine(tenant, "fw")
	require.True(t, ok, "it was booted in the same go")
	require.Empty(t, m.Accounts)
	for range 3 { // it comes up
		b.look(t, "fw")
	}
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	require.True(t, b.works(t, login))
	now, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, 1, now.Appliances[0].Start)
	require.Equal(t, was.Appliances[0].Legs, now.Appliances[0].Legs, "the same MACs and addresses")
	require.Equal(t, was.Networks, now.Networks)
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

func TestAStandbyTakesOverAndTheFailedOneStandsBy(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	r := w.resilient("fw", "open", "standby", "lan")
	r.Allowances = []provision.Allowance{{Holder: "platform cf", Quota: provision.Quota{VCPUs: 1}}}
	_, err := b.Provision(t.Context(), r)
	require.ErrorIs(t, err, fault.Quota, "two appliances count")
	r.Allowances = nil
	b.provisioned(t, r)
	login := b.bind(t, w.binding("fw", "b", ""))
	require.Len(t, b.show(t, "fw").Others, 1)
	b.look(t, "fw")
	for n, who := range []topology.ApplianceID{"fw", "fw+1", "fw"} {
		require.Equal(t, fmt.Sprintf("host-lan → %s → gateway", who), w.path(t, "host-lan"))
		require.NoError(t, w.cloud.KillAppliance(tenant, who))
		b.look(t, "fw")
		other := map[topology.ApplianceID]string{"fw": "fw+1", "fw+1": "fw"}[who]
		require.Equal(t, "host-lan → "+other+" → gateway", w.path(t, "host-lan"), "takeover %d", n+1)
		if n == 0 { // the next respin is not due at once
			b.look(t, "fw")
			require.Empty(t, b.show(t, "fw").Idle)
			require.True(t, b.works(t, login), "it knows the logins again")
		} else {
			out, err := b.Respin(t.Context(), provision.UpkeepRequest{Instance: "fw", By: "ann"})
			require.NoError(t, err)
			b.wait(t, out.Operation)
			b.look(t, "fw")
		}
		require.Equal(t, "host-lan → "+other+" → gateway", w.path(t, "host-lan"), "what works stays")
	}
	require.Equal(t, []string{"ok", "degraded", "ok", "degraded", "ok", "degraded", "ok"}, withoutRepeats(turns(t, b.show(t, "fw"))))
	for _, e := range b.show(t, "fw").History[1:] {
		require.Equal(t, []any{2, 2, int64(2 * 512 << 20)}, []any{e.Members, e.VCPUs, e.MemoryBytes}, "%s: of both", e.Message)
		if e.Health == provision.HealthDegraded && e.Message == "health is degraded" {
			require.Zero(t, e.Standby, "the one does all the work")
		}
		if e.Health == provision.HealthOK {
			require.Equal(t, 1, e.Standby, e.Message)
		}
	}

	require.NoError(t, w.cloud.KillAppliance(tenant, "fw"))
	require.NoError(t, w.cloud.HangAppliance(tenant, "fw+1"))
	b.look(t, "fw")
	b.look(t, "fw")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"), "both are dead, and it fails open")
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

// withoutRepeats leaves out failing, which lasts only until the standby has taken over.
func withoutRepeats(list []string) []string {
	return slices.Compact(slices.DeleteFunc(list, func(s string) bool { return s == "failing" }))
}

// Each pause is twice the one before; after five respins within an hour it is left.
func TestRespinsSlowDownAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newResilientWorld(t, sim.Options{})
		b := w.broker(t, w.driver)
		b.provisioned(t, w.resilient("fw", "closed", "respin", "lan"))
		began, at := time.Now(), []time.Duration{}
		for time.Since(began) < 50*time.Minute {
			if m, ok := w.cloud.Machine(tenant, "fw"); ok && !m.Hung {
				require.NoError(t, w.cloud.HangAppliance(tenant, "fw"))
				if start := b.show(t, "fw").Start(0); start > 0 {
					at = append(at, time.Since(began).Round(10*time.Second))
				}
			}
			require.NoError(t, b.lookOnce(t.Context(), "fw"))
			time.Sleep(10 * time.Second)
		}
		require.Equal(t, []time.Duration{10 * time.Second, 70 * time.Second, 190 * time.Second, 430 * time.Second, 910 * time.Second}, at)
		i := b.show(t, "fw")
		require.True(t, i.GaveUp)
		said := i.History[len(i.History)-1].Message
		require.Equal(t, "it was booted anew 5 times within an hour and does not come back; it is left as it is: see to it, then respin it", said)

		require.NoError(t, b.lookOnce(t.Context(), "fw"))
		require.Equal(t, len(i.History), len(b.show(t, "fw").History), "it is said once")
		_, err := b.Respin(t.Context(), provision.UpkeepRequest{Instance: "fw", By: "ann"})
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		require.NoError(t, b.lookOnce(t.Context(), "fw"))
		time.Sleep(10 * time.Second)
		require.Equal(t, provision.HealthOK, b.show(t, "fw").Health.Status)
		require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
		b.stop()
	})
}

func TestPeopleBypassRestoreAndRespin(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "open", "", "lan"))
	ann := provision.UpkeepRequest{Instance: "fw", By: "ann", Origin: provision.Origin{Request: "r1"}}
	ask := func(do func(context.Context, provision.UpkeepRequest) (provision.Outcome, error), path string) {
		t.Helper()
		out, err := do(t.Context(), ann)
		require.NoError(t, err)
		require.True(t, out.Progress)
		b.wait(t, out.Operation)
		require.Eventually(t, func() bool { return b.show(t, "fw").Failover.State != provision.InProgress }, time.Minute, time.Millisecond)
		require.Equal(t, path, w.path(t, "host-lan"))
	}
	again := func(do func(context.Context, provision.UpkeepRequest) (provision.Outcome, error)) {
		t.Helper()
		out, err := do(t.Context(), ann)
		require.NoError(t, err)
		require.Equal(t, provision.Outcome{Existed: true}, out)
	}
	again(b.Restore)
	ask(b.Bypass, "host-lan → gateway")
	again(b.Bypass)
	b.look(t, "fw")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"), "that it works is no reason to end what was asked for")
	require.Equal(t, provision.HealthBypassed, b.show(t, "fw").Health.Status)
	ask(b.Restore, "host-lan → fw → gateway")
	ask(b.Respin, "host-lan → gateway")
	require.Equal(t, 1, b.show(t, "fw").Start(0))
	b.look(t, "fw")
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"), "back by itself")

	ask(b.Bypass, "host-lan → gateway")
	require.NoError(t, w.cloud.HangAppliance(tenant, "fw"))
	b.look(t, "fw")
	again(b.Restore)
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"), "not into what does not forward")
	require.NoError(t, w.cloud.UnhangAppliance(tenant, "fw"))
	b.look(t, "fw")
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))

	var asked []string
	for _, e := range b.show(t, "fw").History {
		if e.By == "ann" {
			require.Equal(t, "r1", e.Request)
			asked = append(asked, e.Message)
		}
	}
	require.Equal(t, []string{"a bypass was asked for", "an end of the bypass was asked for", "a respin of the appliance was asked for",
		"a bypass was asked for", "an end of the bypass was asked for; it comes when the appliance forwards"}, asked)

	_, err := b.Respin(t.Context(), provision.UpkeepRequest{Instance: "fw", Member: new(int)})
	require.NoError(t, err)
	_, err = b.Bypass(t.Context(), provision.UpkeepRequest{Instance: "nobody"})
	require.ErrorIs(t, err, fault.NotFound)
	three := 3
	b.look(t, "fw")
	_, err = b.Respin(t.Context(), provision.UpkeepRequest{Instance: "fw", Member: &three})
	require.ErrorIs(t, err, fault.Invalid)
	b.removed(t, w.removal("fw", ""))
	_, err = b.Bypass(t.Context(), ann)
	require.ErrorIs(t, err, fault.NotFound)
	w.requireBase(t)
}

// Several monitors come to the same verdict at once: one change follows from it.
func TestManyMonitorsDoNothingTwice(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	brokers := []*broker{w.broker(t, w.driver), w.broker(t, w.driver), w.broker(t, w.driver)}
	b := brokers[0]
	b.provisioned(t, w.resilient("fw", "open", "respin", "lan"))
	require.NoError(t, w.cloud.KillAppliance(tenant, "fw"))
	seen := b.show(t, "fw")
	var all sync.WaitGroup
	for n := range 12 {
		all.Go(func() {
			require.NoError(t, brokers[n%3].find(t.Context(), seen, 0, false))
		})
	}
	all.Wait()
	require.Eventually(t, func() bool {
		return b.show(t, "fw").Start(0) == 1 && b.show(t, "fw").Failover.State == provision.Succeeded
	}, time.Minute, time.Millisecond)
	b.look(t, "fw")
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	changes, err := b.engine.List(t.Context(), work.Filter{Subject: "fw"})
	require.NoError(t, err)
	var kinds []work.Kind
	for _, c := range changes {
		kinds = append(kinds, c.Kind)
	}
	require.ElementsMatch(t, []work.Kind{provision.KindProvision, provision.KindBypass, provision.KindRespin, provision.KindRestore}, kinds)
}

// Somebody else's change does not wait for an appliance that does not come up, and
// an update that replaces it puts the service back.
func TestADeadApplianceIsNobodyElsesBusiness(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "open", "", "lan"))
	require.NoError(t, w.cloud.KillAppliance(tenant, "fw"))
	b.look(t, "fw")
	b.provisioned(t, w.resilient("ips", "", "", "lan"))
	require.Equal(t, "host-lan → ips → gateway", w.path(t, "host-lan"))
	_, runs := w.cloud.Machine(tenant, "fw")
	require.False(t, runs)
	b.updated(t, w.toPlan("fw", "large"))
	require.Equal(t, "host-lan → fw~1 → ips → gateway", w.path(t, "host-lan"))
	require.Empty(t, b.show(t, "fw").Idle)
	b.look(t, "fw")
	require.Equal(t, provision.HealthOK, b.show(t, "fw").Health.Status)
	b.removed(t, w.removal("fw", ""))
	b.removed(t, w.removal("ips", ""))
	w.requireBase(t)
}

func TestResilienceIsUpdated(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "", "", "lan"))
	require.NoError(t, w.cloud.KillAppliance(tenant, "fw"))
	b.look(t, "fw")
	w.stopped(t, "host-lan")
	boots := w.cloud.Count(topology.Boot)
	b.updated(t, w.toParameters("fw", map[string]any{"failure": "open", "availability": "standby"}))
	b.look(t, "fw")
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"), "its own update booted it")
	require.Equal(t, boots+2, w.cloud.Count(topology.Boot))
	b.updated(t, w.toParameters("fw", map[string]any{"availability": "none"}))
	require.JSONEq(t, `{"failure":"open","availability":"none","mode":"in-path","networks":["lan"]}`, string(provision.ParametersOf(b.show(t, "fw"))))
	_, err := b.Update(t.Context(), w.toParameters("fw", map[string]any{"mode": "redirect", "availability": "standby"}))
	require.ErrorContains(t, err, "ask for members")
	_, err = b.Update(t.Context(), w.toParameters("fw", map[string]any{"availability": "cluster:3"}))
	require.ErrorIs(t, err, fault.Invalid)
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

// Whoever wants what fails closed after all does not wait for it.
func TestABypassedServiceIsClosedAfterAll(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "open", "", "lan"))
	require.NoError(t, w.cloud.HangAppliance(tenant, "fw"))
	b.look(t, "fw")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"))
	b.updated(t, w.toParameters("fw", map[string]any{"failure": "closed"}))
	f, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.NotEqual(t, topology.NetworkID("lan"), f.Gateways[0].Plugs[1].At, "it is in path, dead as it is")
	b.look(t, "fw")
	require.Equal(t, provision.HealthFailing, b.show(t, "fw").Health.Status)
	require.NoError(t, w.cloud.UnhangAppliance(tenant, "fw"))
	b.look(t, "fw")
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	require.Equal(t, provision.HealthOK, b.show(t, "fw").Health.Status)
}

// failingLife leads an instance through a failure and its bypass, a respin and its
// return, a bypass that somebody wants and its end.
func (w *world) failingLife(ctx context.Context, b *broker) error {
	r := w.order("fw")
	r.Parameters = raw(map[string]any{"networks": []string{"lan"}, "failure": "open"})
	out, err := b.Provision(ctx, r)
	if err == nil {
		_, err = b.engine.Wait(ctx, out.Operation)
	}
	if err == nil {
		err = w.cloud.KillAppliance(tenant, "fw")
	}
	if err == nil {
		err = b.lookOnce(ctx, "fw")
	}
	for _, ask := range []func(context.Context, provision.UpkeepRequest) (provision.Outcome, error){b.Respin, b.Bypass, b.Restore} {
		if err == nil {
			err = b.quiet(ctx)
		}
		if err == nil {
			_, err = ask(ctx, provision.UpkeepRequest{Instance: "fw", By: "ann"})
		}
	}
	if err == nil {
		err = b.healed(ctx)
	}
	return err
}

// quiet waits until nothing is in progress about the appliances.
func (b *broker) quiet(ctx context.Context) error {
	for {
		i, err := b.Instance(ctx, "", "fw")
		if err != nil || i.Failover.State != provision.InProgress {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// healed watches until the service is well and traffic passes it.
func (b *broker) healed(ctx context.Context) error {
	for {
		if err := b.quiet(ctx); err != nil {
			return err
		}
		if err := b.lookOnce(ctx, "fw"); err != nil {
			return err
		}
		i, err := b.Instance(ctx, "", "fw")
		if err != nil || i.Failover.State != provision.InProgress && i.Health.Status == provision.HealthOK && len(i.Idle) == 0 {
			return err
		}
	}
}

// A broker dies at each write while an instance fails and comes back; another one
// takes over, and it ends well all the same.
func TestBrokerDiesAtAnyWriteOfAFailure(t *testing.T) {
	t.Parallel()
	require.Greater(t, eachDeath(t, (*world).failingLife, func(t *testing.T, w *world, second *broker) {
		if _, err := second.Instance(t.Context(), "cf", "fw"); errors.Is(err, fault.NotFound) {
			return
		}
		second.settled(t)
		for _, ask := range []func(context.Context, provision.UpkeepRequest) (provision.Outcome, error){second.Restore, second.Respin} {
			require.NoError(t, second.quiet(t.Context()))
			_, err := ask(t.Context(), provision.UpkeepRequest{Instance: "fw", By: "bob"})
			require.NoError(t, err)
			require.NoError(t, second.quiet(t.Context()))
		}
		require.NoError(t, second.healed(t.Context()))
		require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
		turns(t, second.show(t, "fw"))
		second.removed(t, w.removal("fw", ""))
		w.requireBase(t)
	}), 20)
}

// Every call of the cloud fails in turn, with and without its effect, while a service
// is bypassed, booted anew and put back: where it can be tried again it is, and where
// not the next verdict does.
func TestCloudFailsWhileAServiceFails(t *testing.T) {
	t.Parallel()
	for _, verb := range []topology.Verb{topology.Move, topology.Shutdown, topology.Boot, topology.Await} {
		for when, name := range map[sim.When]string{sim.BeforeEffect: "before", sim.AfterEffect: "after"} {
			for kind, times := range map[fault.Kind]int{fault.Unavailable: 2, fault.Internal: 1} {
				name := fmt.Sprintf("%s %s its effect, %s", verb, name, kind)
				if skips(name) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						w := newResilientWorld(t, sim.Options{})
						b := w.broker(t, w.driver)
						b.provisioned(t, w.resilient("fw", "open", "standby", "lan"))
						w.cloud.Inject(sim.Fault{Verb: verb, When: when, Times: times, Err: fault.New(kind, "bad weather")})
						for n := range 2 {
							require.NoError(t, w.cloud.KillAppliance(tenant, b.show(t, "fw").Appliance(n)))
						}
						for range 60 {
							require.NoError(t, b.lookOnce(t.Context(), "fw"))
							time.Sleep(10 * time.Second)
							require.Empty(t, w.cloud.Violations())
						}
						i := b.show(t, "fw")
						require.Equal(t, provision.HealthOK, i.Health.Status)
						require.Contains(t, []string{"host-lan → fw → gateway", "host-lan → fw+1 → gateway"}, w.path(t, "host-lan"))
						turns(t, i)
						b.removed(t, w.removal("fw", ""))
						w.requireBase(t)
						b.stop()
					})
				})
			}
		}
	}
}
