package provision_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// operator asks for something about an instance and waits until it is done.
func (b *broker) operator(t testing.TB, ask func(context.Context, provision.UpkeepRequest, string) (provision.Outcome, error), id topology.InstanceID, reason string) {
	t.Helper()
	out, err := ask(t.Context(), provision.UpkeepRequest{Instance: id, By: "operator/ann", Origin: provision.Origin{Request: "r1"}}, reason)
	require.NoError(t, err)
	if out.Progress {
		b.wait(t, out.Operation)
	}
	require.Eventually(t, func() bool { return b.show(t, id).Failover.State != provision.InProgress }, time.Minute, time.Millisecond)
}

func TestASuspendedServiceIsOutOfTheWayAndNobodysToChange(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "closed", "respin", "lan"))
	b.provisioned(t, w.resilient("ips", "closed", "", "lan"))
	b.bind(t, w.binding("fw", "b", "dmz"))
	b.look(t, "fw")

	b.operator(t, b.Suspend, "fw", "invoice 17 is open")
	require.Equal(t, "host-lan → ips → gateway", w.path(t, "host-lan"), "the rest of the chain stays")
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))
	i := b.show(t, "fw")
	require.True(t, i.Suspended)
	require.Equal(t, provision.Active, i.State)
	require.Equal(t, provision.HealthSuspended, i.Health.Status)
	b.operator(t, b.Suspend, "fw", "again")
	require.Equal(t, i.History, b.show(t, "fw").History, "what is so already is done")

	ann := provision.UpkeepRequest{Instance: "fw", By: "ann"}
	for what, err := range map[string]error{
		"bypass": second(b.Bypass(t.Context(), ann)), "restore": second(b.Restore(t.Context(), ann)), "respin": second(b.Respin(t.Context(), ann)),
		"update": second(b.Update(t.Context(), w.toPlan("fw", "large"))),
		"bind":   second(b.Bind(t.Context(), w.binding("fw", "c", ""))),
	} {
		require.ErrorContains(t, err, `is suspended; it can be changed when the provider has resumed it`, what)
	}
	require.Equal(t, i.History, b.show(t, "fw").History)
	var refused *provision.Refused
	require.ErrorAs(t, second(b.Update(t.Context(), w.toPlan("fw", "large"))), &refused)
	require.True(t, refused.Repeatable)
	out, err := b.Unbind(t.Context(), w.removal("fw", "b"))
	require.NoError(t, err)
	b.wait(t, out.Operation)
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))

	require.NoError(t, w.cloud.KillAppliance(tenant, b.show(t, "fw").Appliance(0)))
	for range 3 {
		b.look(t, "fw")
	}
	i = b.show(t, "fw")
	require.Equal(t, []int{0}, i.Idle)
	require.Zero(t, i.Start(0), "what is suspended is not booted anew")
	require.Equal(t, provision.HealthSuspended, i.Health.Status)

	b.operator(t, b.ResumeInstance, "fw", "it was paid")
	require.Equal(t, "host-lan → ips → gateway", w.path(t, "host-lan"), "not into what does not forward")
	require.Equal(t, provision.HealthBypassed, b.show(t, "fw").Health.Status)
	b.look(t, "fw")
	b.look(t, "fw")
	require.Equal(t, 1, b.show(t, "fw").Start(0))
	require.Equal(t, "host-lan → fw → ips → gateway", w.path(t, "host-lan"))
	require.Equal(t, []string{"ok", "suspended", "bypassed", "ok"}, turns(t, b.show(t, "fw")))

	b.operator(t, b.Suspend, "fw", "")
	b.operator(t, b.ResumeInstance, "fw", "")
	require.Equal(t, "host-lan → fw → ips → gateway", w.path(t, "host-lan"))
	b.operator(t, b.ResumeInstance, "fw", "")
	var asked []string
	for _, e := range b.show(t, "fw").History {
		if e.By == "operator/ann" {
			require.Equal(t, "r1", e.Request)
			asked = append(asked, e.Said())
		}
	}
	require.Equal(t, []string{"a suspension was asked for: invoice 17 is open", "an end of the suspension was asked for: it was paid",
		"a suspension was asked for", "an end of the suspension was asked for"}, asked)

	b.operator(t, b.Suspend, "fw", "")
	b.removed(t, w.removal("fw", ""))
	b.removed(t, w.removal("ips", ""))
	w.requireBase(t)
	require.ErrorIs(t, second(b.Suspend(t.Context(), ann, "")), fault.NotFound)
}

// What its tenant had asked for goes on after it.
func TestABypassOutlivesASuspension(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "", "", "lan"))
	out, err := b.Bypass(t.Context(), provision.UpkeepRequest{Instance: "fw", By: "ann"})
	require.NoError(t, err)
	b.wait(t, out.Operation)
	b.operator(t, b.Suspend, "fw", "")
	b.operator(t, b.ResumeInstance, "fw", "")
	b.look(t, "fw")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"))
	require.Equal(t, []string{"bypassed", "suspended", "bypassed"}, turns(t, b.show(t, "fw")))
	require.Equal(t, provision.BypassAsked, b.show(t, "fw").Bypass)
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

func TestRedirectedFlowsOfASuspendedServiceGoTheirUsualWay(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 2, web, "lan"))
	rules := w.rules(t)
	b.look(t, "lb")
	b.operator(t, b.Suspend, "lb", "")
	require.Empty(t, w.rules(t))
	require.NoError(t, w.cloud.KillAppliance(tenant, b.show(t, "lb").Appliance(0)))
	b.look(t, "lb")
	require.Empty(t, w.rules(t))
	require.Equal(t, provision.HealthSuspended, b.show(t, "lb").Health.Status)
	b.operator(t, b.ResumeInstance, "lb", "")
	require.Len(t, w.rules(t), len(rules))
	require.NotEqual(t, rules, w.rules(t), "the dead one gets none")
	b.removed(t, w.removal("lb", ""))
	w.requireBase(t)
}

func second[T any](_ T, err error) error { return err }

// A service that had failed when it was suspended has its traffic where it was: past it
// on one network, and nowhere on the other.
func TestASuspensionEndsWhereAFailureHadBegun(t *testing.T) {
	t.Parallel()
	w := newResilientWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.resilient("fw", "closed", "", "lan"))
	open := w.binding("fw", "b", "dmz")
	open.Parameters = raw(map[string]any{"network": "dmz", "failure": "open"})
	b.bind(t, open)
	require.NoError(t, w.cloud.HangAppliance(tenant, "fw"))
	for range 3 {
		b.look(t, "fw")
	}
	b.operator(t, b.Suspend, "fw", "")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"))
	b.operator(t, b.ResumeInstance, "fw", "")
	w.stopped(t, "host-lan")
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))

	b.operator(t, b.Suspend, "fw", "")
	require.NoError(t, w.cloud.UnhangAppliance(tenant, "fw"))
	b.look(t, "fw")
	b.operator(t, b.ResumeInstance, "fw", "")
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	require.Equal(t, "host-dmz → fw → gateway", w.path(t, "host-dmz"))
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}
