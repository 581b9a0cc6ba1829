package provision_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// patch is an update of an instance that changes nothing yet.
func (w *world) patch(id topology.InstanceID) provision.UpdateRequest {
	return provision.UpdateRequest{Instance: id, Platform: "cf", Service: w.service.ID, AcceptsIncomplete: true}
}

func (w *world) toPlan(id topology.InstanceID, plan string) provision.UpdateRequest {
	r := w.patch(id)
	r.Plan = w.plan(plan)
	return r
}

func (w *world) toParameters(id topology.InstanceID, parameters map[string]any) provision.UpdateRequest {
	r := w.patch(id)
	r.Parameters = raw(parameters)
	return r
}

// updated makes an update and waits until it is done.
func (b *broker) updated(t testing.TB, r provision.UpdateRequest) {
	t.Helper()
	out, err := b.Update(t.Context(), r)
	require.NoError(t, err)
	require.True(t, out.Progress)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
}

func (b *broker) show(t testing.TB, id topology.InstanceID) provision.Instance {
	t.Helper()
	i, err := b.Instance(t.Context(), "", id)
	require.NoError(t, err)
	return i
}

func TestU3PlanChangeReplacesTheAppliance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 2})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	b.provisioned(t, w.order("ips", "lan"))
	before := b.show(t, "fw")
	b.updated(t, w.toPlan("fw", "large"))

	i := b.show(t, "fw")
	require.Equal(t, w.plan("large"), i.Plan)
	require.Equal(t, "large", i.Configuration)
	require.Nil(t, i.Update)
	require.Equal(t, provision.Succeeded, i.Operation.State)
	require.Equal(t, before.Management, i.Management, "what bindings hand out stays true")
	require.Equal(t, before.Secrets, i.Secrets)
	require.Equal(t, "host-lan → fw~1 → ips → gateway", w.path(t, "host-lan"))
	m, ok := w.cloud.Machine(tenant, "fw~1")
	require.True(t, ok)
	require.Equal(t, 2, m.VCPUs)
	_, ok = w.cloud.Machine(tenant, "fw")
	require.False(t, ok)
	require.Empty(t, w.cloud.Violations())

	b.updated(t, w.toPlan("fw", "small"))
	require.Equal(t, "host-lan → fw~2 → ips → gateway", w.path(t, "host-lan"))
	b.removed(t, w.removal("ips", ""))
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

// Apart from the generation in its ids, the fabric looks as if the instance had
// been provisioned so.
func TestAnUpdatedFabricHasTheShapeOfAFreshOne(t *testing.T) {
	t.Parallel()
	shape := func(change bool) string {
		w := newWorld(t, sim.Options{})
		b := w.broker(t, w.driver)
		r := w.order("fw", "lan", "dmz")
		if !change {
			r.Plan = w.plan("large")
		}
		b.provisioned(t, r)
		if change {
			b.updated(t, w.toPlan("fw", "large"))
		}
		f, err := w.cloud.Observe(t.Context(), tenant)
		require.NoError(t, err)
		for n := range f.Appliances {
			for l := range f.Appliances[n].Legs {
				f.Appliances[n].Legs[l].MAC = ""
			}
		}
		return strings.ReplaceAll(string(raw(f)), "fw~1", "fw")
	}
	require.JSONEq(t, shape(false), shape(true))
}

func TestUpdateRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	sync := func(r provision.UpdateRequest) provision.UpdateRequest { r.AcceptsIncomplete = false; return r }
	about := func(context string) provision.UpdateRequest {
		r := w.patch("fw")
		r.Context = []byte(context)
		return sync(r)
	}
	before := b.show(t, "fw")
	for row, r := range map[string]provision.UpdateRequest{
		"U2 nothing asked for":  w.patch("fw"),
		"U2 the plan it has":    w.toPlan("fw", "small"),
		"U2 its parameters":     w.toParameters("fw", map[string]any{"firewall.block-tcp-ports": "23"}),
		"U2 its networks":       w.toParameters("fw", map[string]any{"networks": []string{"lan"}, "nearest": "hosts"}),
		"U2 its version":        func() provision.UpdateRequest { r := w.patch("fw"); r.Version = "1.2.0"; return r }(),
		"U2 the offer it is of": func() provision.UpdateRequest { r := w.patch("fw"); r.Upgrade = true; return r }(),
	} {
		out, err := b.Update(t.Context(), sync(r))
		require.NoError(t, err, row)
		require.False(t, out.Progress, row)
		require.Equal(t, before, b.show(t, "fw"), row)
	}

	_, err := b.Update(t.Context(), about(`{"platform":"cloudfoundry","instance_name":"edge","space_name":"new"}`))
	require.NoError(t, err)
	i := b.show(t, "fw")
	require.Equal(t, "edge", i.Name, "U12")
	require.Contains(t, string(i.Context), "new", "U12")
	require.Equal(t, before.Plan, i.Plan, "U12")
	require.Equal(t, before.Operation, i.Operation, "U12: no operation")
	repeated, err := b.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err, "P4 after a rename")
	require.True(t, repeated.Existed)

	for row, c := range map[string]struct {
		r    provision.UpdateRequest
		kind fault.Kind
		says string
	}{
		"U6 only asynchronously":      {sync(w.toPlan("fw", "large")), fault.AsyncRequired, "asynchronous"},
		"U10 unknown plan":            {func() provision.UpdateRequest { r := w.patch("fw"); r.Plan = "x"; return r }(), fault.Invalid, "has no such plan"},
		"U10 another service":         {func() provision.UpdateRequest { r := w.patch("fw"); r.Service = "x"; return r }(), fault.Invalid, "of another service"},
		"U10 unknown parameter":       {w.toParameters("fw", map[string]any{"colour": "red"}), fault.Invalid, `"colour" is not a parameter`},
		"U10 wrong type":              {w.toParameters("fw", map[string]any{"firewall.block-tcp-ports": 23}), fault.Invalid, "must be of type string"},
		"U10 password too short":      {w.toParameters("fw", map[string]any{"management.password": "abc"}), fault.Invalid, "at least 8 characters"},
		"U10 unknown network":         {w.toParameters("fw", map[string]any{"networks": []string{"wan"}}), fault.Invalid, `no network "wan"`},
		"U10 a network twice":         {w.toParameters("fw", map[string]any{"networks": []string{"lan", "lan"}}), fault.Invalid, "twice"},
		"U10 more networks than legs": {w.toParameters("fw", map[string]any{"networks": []string{"lan", "dmz", "x"}}), fault.Invalid, "at most 2"},
		"U11 unknown instance":        {w.patch("no"), fault.NotFound, "does not exist"},
		"U9 a version not on offer":   {func() provision.UpdateRequest { r := w.patch("fw"); r.Version = "9.9.9"; return r }(), fault.Conflict, `"1.2.0" is on offer`},
	} {
		_, err := b.Update(t.Context(), c.r)
		require.ErrorIs(t, err, c.kind, row)
		require.ErrorContains(t, err, c.says, row)
		require.NotContains(t, err.Error(), "abc", row)
		require.Equal(t, i, b.show(t, "fw"), row)
	}
}

func TestU4U5OneUpdateAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 1 << 30})
	b := w.broker(t, w.driver)
	first, err := b.Provision(t.Context(), w.order("fw"))
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, first.Operation).Status, "without networks there is nothing to wait for")

	stuck, err := b.Provision(t.Context(), w.order("new", "lan"))
	require.NoError(t, err)
	_, err = b.Update(t.Context(), w.toPlan("new", "large"))
	require.ErrorIs(t, err, fault.Busy, "U5 while provisioning")
	b.removed(t, w.removal("new", ""))
	b.wait(t, stuck.Operation)

	on := w.toParameters("fw", map[string]any{"networks": []string{"lan"}, "firewall.block-tcp-ports": "24"})
	out, err := b.Update(t.Context(), on)
	require.NoError(t, err)
	again, err := b.Update(t.Context(), on)
	require.NoError(t, err)
	require.Equal(t, out, again, "U4")
	on.Context = []byte(`{"instance_name":"renamed meanwhile"}`)
	again, err = b.Update(t.Context(), on)
	require.NoError(t, err)
	require.Equal(t, out, again, "U4: names change over time")
	on.AcceptsIncomplete = false
	_, err = b.Update(t.Context(), on)
	require.ErrorIs(t, err, fault.AsyncRequired, "U4")
	_, err = b.Update(t.Context(), w.toPlan("fw", "large"))
	require.ErrorIs(t, err, fault.Busy, "U5")

	gone, err := b.Deprovision(t.Context(), w.removal("fw", ""))
	require.NoError(t, err, "D9")
	_, err = b.Update(t.Context(), w.toPlan("fw", "large"))
	require.True(t, fault.KindOf(err) == fault.Busy || fault.KindOf(err) == fault.NotFound, "U5 while deprovisioning: %v", err)
	require.Equal(t, work.Done, b.wait(t, gone.Operation).Status)
	require.Equal(t, work.Undone, b.wait(t, out.Operation).Status, "D9: the update is stopped and reversed")
	w.requireBase(t)
}

// D6: during an update platforms may name either plan, and one that lost sight of
// the update names the old one for ever.
func TestD6EitherPlanRemoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	out, err := b.Bind(t.Context(), w.binding("fw", "b", "dmz"))
	require.NoError(t, err)
	b.wait(t, out.Operation)
	b.updated(t, w.toPlan("fw", "large"))
	again := w.binding("fw", "b", "dmz")
	again.Plan = w.plan("large")
	out, err = b.Bind(t.Context(), again)
	require.NoError(t, err)
	require.True(t, out.Existed, "B3: the plan that it has now is the same binding's")
	never := w.removal("fw", "")
	never.Plan = "another"
	_, err = b.Deprovision(t.Context(), never)
	require.ErrorIs(t, err, fault.Invalid)
	gone, err := b.Unbind(t.Context(), w.removal("fw", "b"))
	require.NoError(t, err)
	b.wait(t, gone.Operation)
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

func TestParameterChangeReachesTheAppliance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	w.edited(t, nil, "<ovf:VirtualHardwareSection>", `<ovf:VirtualHardwareSection ovf:transport="iso">`, "1.2.0", "1.3.0")
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	_, err := b.Bind(t.Context(), w.binding("fw", "b", ""))
	require.NoError(t, err)
	before := b.show(t, "fw")
	b.updated(t, w.toParameters("fw", map[string]any{"management.password": "open sesame 42"}))
	m, ok := w.cloud.Machine(tenant, "fw~1")
	require.True(t, ok)
	require.Contains(t, string(m.Environment), `"open sesame 42"`)
	require.Contains(t, string(m.Environment), `"23"`, "what is left out stays")
	_, given, err := b.Binding(t.Context(), "cf", "fw", "b")
	require.NoError(t, err)
	require.Equal(t, "open sesame 42", given.Credentials.Password)
	require.Equal(t, before.Management.Addr().String(), given.Credentials.Host)

	out, err := b.Update(t.Context(), w.toParameters("fw", map[string]any{"management.password": "open sesame 42"}))
	require.NoError(t, err)
	require.False(t, out.Progress, "U4 after it is done: the same password is no change")
	b.updated(t, w.toParameters("fw", map[string]any{"firewall.block-tcp-ports": "25"}))
	_, given, err = b.Binding(t.Context(), "cf", "fw", "b")
	require.NoError(t, err)
	require.Equal(t, "open sesame 42", given.Credentials.Password)
	for _, collection := range []string{"instances", "changes", "lanes"} {
		docs, err := w.driver.Scan(t.Context(), collection, scanAll)
		require.NoError(t, err)
		for _, d := range docs {
			require.NotContains(t, string(d.Body), "sesame", "%s %s", collection, d.ID)
		}
	}
	_, err = b.Provision(t.Context(), w.order("fw", "lan"))
	require.ErrorIs(t, err, fault.Conflict, "P6: it is not what was ordered any more")
}

func TestNetworksComeAndGoByUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	b.provisioned(t, w.order("ips", "dmz"))
	boots := w.cloud.Count(topology.Boot)
	to := func(nearest string, networks ...string) {
		t.Helper()
		parameters := map[string]any{"networks": append([]string{}, networks...)}
		if nearest != "" {
			parameters["nearest"] = nearest
		}
		b.updated(t, w.toParameters("fw", parameters))
	}
	to("hosts", "lan", "dmz")
	require.Equal(t, "host-dmz → fw → ips → gateway", w.path(t, "host-dmz"))
	to("", "dmz")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"))
	require.Equal(t, "host-dmz → fw → ips → gateway", w.path(t, "host-dmz"), "what stays keeps its place")
	to("gateway", "dmz")
	require.Equal(t, "host-dmz → ips → fw → gateway", w.path(t, "host-dmz"), "unless it is moved")
	to("gateway", "lan")
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	require.Equal(t, "host-dmz → ips → gateway", w.path(t, "host-dmz"))
	to("gateway")
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"))
	require.Equal(t, boots, w.cloud.Count(topology.Boot), "the appliance goes on running")
	require.Empty(t, w.cloud.Violations())
	b.removed(t, w.removal("ips", ""))
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

func TestU13MaintenanceBringsTheVersionOnOffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	w.licensed(t, "2.0")
	stale := w.toPlan("fw", "large")
	stale.Version = "1.2.0"
	_, err := b.Update(t.Context(), stale)
	var conflict *provision.StaleVersion
	require.ErrorAs(t, err, &conflict, "U9")

	b.updated(t, w.toPlan("fw", "large"))
	require.Equal(t, catalog.PackageID("example/firewall@1.2.0"), b.show(t, "fw").Package, "a plan change is no upgrade")
	r := w.patch("fw")
	r.Version = "2.0.0"
	b.updated(t, r)
	i := b.show(t, "fw")
	require.Equal(t, catalog.PackageID("example/firewall@2.0"), i.Package)
	require.Equal(t, w.plan("large"), i.Plan)
	require.Equal(t, "host-lan → fw~2 → gateway", w.path(t, "host-lan"))
	out, err := b.Update(t.Context(), r)
	require.NoError(t, err)
	require.False(t, out.Progress)
}

func TestAnUpgradeAsksForAChangedLicence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	w.licensed(t, "2.0", "Pay.")
	r := w.patch("fw")
	r.Upgrade = true
	_, err := b.Update(t.Context(), r)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, digestOf("Pay."))
	b.updated(t, w.toPlan("fw", "large")) // its own version had none
	r.Parameters = raw(map[string]any{"accept_eulas": []string{digestOf("Pay.")}})
	b.updated(t, r)
	i := b.show(t, "fw")
	require.Len(t, i.EULAs, 1)
	require.Contains(t, fmt.Sprint(i.History), "licence "+digestOf("Pay.")+" was accepted")
}

func TestU7ARetiredServiceKeepsPlanAndVersion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	_, err := w.catalog(t, w.driver).Retire(t.Context(), w.service.ID)
	require.NoError(t, err)
	_, err = b.Update(t.Context(), w.toPlan("fw", "large"))
	var refused *provision.Refused
	require.ErrorAs(t, err, &refused)
	require.False(t, refused.Repeatable)
	b.updated(t, w.toParameters("fw", map[string]any{"firewall.block-tcp-ports": "25"}))
	b.removed(t, w.removal("fw", ""))
}

func TestU8AnUpdateFitsTheQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	three := []provision.Allowance{{Holder: "platform cf", Quota: provision.Quota{VCPUs: 3}}}
	for _, id := range []topology.InstanceID{"fw", "other"} {
		b.provisioned(t, allowed(w, id, three...))
	}
	grow := func(id topology.InstanceID) provision.UpdateRequest {
		r := w.toPlan(id, "large")
		r.Allowances = three
		return r
	}
	w.cloud.Inject(sim.Fault{Verb: topology.Boot, Err: fault.New(fault.Full, "no host has room")})
	out, err := b.Update(t.Context(), grow("fw"))
	require.NoError(t, err)
	require.Equal(t, work.Undone, b.wait(t, out.Operation).Status)
	b.updated(t, grow("other")) // what failed holds nothing more

	_, err = b.Update(t.Context(), grow("fw"))
	var refused *provision.Refused
	require.ErrorAs(t, err, &refused)
	require.True(t, refused.Repeatable)
	require.ErrorIs(t, err, fault.Quota)
	require.ErrorContains(t, err, "the quota of platform cf is 3 vCPUs: 2 are used and this needs 2")
	b.updated(t, w.toPlan("other", "small"))
	b.updated(t, grow("fw"))
}

func TestU15AFailedUpdateChangesNothing(t *testing.T) {
	t.Parallel()
	for _, verb := range []topology.Verb{topology.CreateNetwork, topology.CreatePort, topology.Boot, topology.Await, topology.Move} {
		t.Run(string(verb), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, sim.Options{})
			b := w.broker(t, w.driver)
			b.provisioned(t, w.order("fw", "lan"))
			before := b.show(t, "fw")
			fabric, err := w.cloud.Observe(t.Context(), tenant)
			require.NoError(t, err)
			w.cloud.Inject(sim.Fault{Verb: verb, When: sim.AfterEffect, Err: fault.New(fault.Full, "no room for it")})
			r := w.toPlan("fw", "large")
			r.Context = []byte(`{"instance_name":"big"}`)
			out, err := b.Update(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, work.Undone, b.wait(t, out.Operation).Status)
			i := b.show(t, "fw")
			require.Equal(t, provision.OpFailed, i.Operation.State)
			require.Contains(t, i.Operation.Description, "no room for it")
			require.Contains(t, i.History[len(i.History)-1].Message, "the update failed and was undone")
			now, err := w.cloud.Observe(t.Context(), tenant)
			require.NoError(t, err)
			require.Equal(t, fabric, now)
			i.Operation, i.History, i.Generations = before.Operation, before.History, 0
			require.Equal(t, before, i)
			b.updated(t, w.toPlan("fw", "large"))
		})
	}
}

// When what was replaced cannot be removed, the update has happened all the same.
func TestAnUpdateThatCannotCleanUpHasSucceeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	w.cloud.Inject(sim.Fault{Verb: topology.DeletePort, Times: -1, Err: fault.New(fault.Full, "the switch is stuck")})
	out, err := b.Update(t.Context(), w.toPlan("fw", "large"))
	require.NoError(t, err)
	require.Equal(t, work.Parked, b.wait(t, out.Operation).Status)
	i := b.show(t, "fw")
	require.Equal(t, provision.Succeeded, i.Operation.State)
	require.Equal(t, w.plan("large"), i.Plan)
	require.Contains(t, i.History[len(i.History)-1].Message, "the switch is stuck")
	require.Equal(t, "host-lan → fw~1 → gateway", w.path(t, "host-lan"))

	w.cloud.Heal()
	require.NoError(t, b.engine.Retry(t.Context(), out.Operation))
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	require.Equal(t, i, b.show(t, "fw"))
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

// A plan is billed from the moment from which traffic passes it, once.
func TestHistoryTellsTheMomentOfThePlanChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	b.updated(t, w.toPlan("fw", "large"))
	i := b.show(t, "fw")
	var plans []catalog.PlanID
	for _, e := range i.History {
		if e.State == provision.Active && (len(plans) == 0 || plans[len(plans)-1] != e.Plan) {
			plans = append(plans, e.Plan)
		}
	}
	require.Equal(t, []catalog.PlanID{w.plan("small"), w.plan("large")}, plans)
	require.Equal(t, "provisioning active", story(t, i))

	c, err := b.engine.Get(t.Context(), i.Operation.ID)
	require.NoError(t, err)
	last := i.History[len(i.History)-1]
	var swapped, removed work.Task
	for _, task := range c.Tasks {
		switch topology.Verb(task.Kind) {
		case topology.Move:
			swapped = task
		case topology.Shutdown:
			removed = task
		}
	}
	require.False(t, last.At.Before(swapped.Finished))
	require.False(t, last.At.After(removed.Started))
}

// Bindings asked for while an update runs wait for it; they find a place that the
// next form has too.
func TestBindingsQueueBehindAnUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 5})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	out, err := b.Update(t.Context(), w.toPlan("fw", "large"))
	require.NoError(t, err)
	bound, err := b.Bind(t.Context(), w.binding("fw", "b", "dmz"))
	require.NoError(t, err)
	gone, err := b.Unbind(t.Context(), w.removal("fw", "b"))
	require.NoError(t, err)
	again, err := b.Bind(t.Context(), w.binding("fw", "b2", "dmz"))
	require.ErrorIs(t, err, fault.Invalid, "b holds the legs until it is gone: %v", again)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	require.Equal(t, work.Undone, b.wait(t, bound.Operation).Status)
	require.Equal(t, work.Done, b.wait(t, gone.Operation).Status)
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))
	r := w.binding("fw", "b", "dmz")
	r.Plan = w.plan("large")
	bound, err = b.Bind(t.Context(), r)
	require.NoError(t, err)
	b.wait(t, bound.Operation)
	b.updated(t, w.toPlan("fw", "small"))
	require.Equal(t, "host-dmz → fw~2 → gateway", w.path(t, "host-dmz"))
	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
}

func TestU4SameUpdateAtTheSameMomentIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 3})
	brokers := []*broker{w.broker(t, w.driver), w.broker(t, w.driver), w.broker(t, w.driver)}
	brokers[0].provisioned(t, w.order("fw", "lan"))
	ops, errs := make([]work.ChangeID, 24), make([]error, 24)
	var wg sync.WaitGroup
	for n := range ops {
		wg.Go(func() {
			out, err := brokers[n%3].Update(context.Background(), w.toPlan("fw", "large"))
			ops[n], errs[n] = out.Operation, err
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...), "none is refused")
	i := brokers[0].show(t, "fw")
	for _, op := range ops {
		require.Contains(t, []work.ChangeID{i.Operation.ID, ""}, op)
	}
	brokers[0].submitted(t, i.Operation.ID)
	brokers[0].wait(t, i.Operation.ID)
	require.Equal(t, 2, w.cloud.Count(topology.Boot))
}

func TestAPreviewOfAnUpdateIsWhatItDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	p, err := b.PreviewUpdate(t.Context(), w.toPlan("fw", "large"))
	require.NoError(t, err)
	require.Equal(t, w.plan("small"), b.show(t, "fw").Plan)
	b.updated(t, w.toPlan("fw", "large"))
	now, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, p.After.Fabric, now)
	c, err := b.engine.Get(t.Context(), b.show(t, "fw").Operation.ID)
	require.NoError(t, err)
	var did []string
	for _, task := range c.Tasks {
		if !task.Final {
			did = append(did, task.Summary)
		}
	}
	var said []string
	for _, s := range p.Steps {
		said = append(said, s.String())
	}
	require.Equal(t, said, did)
	_, err = b.PreviewUpdate(t.Context(), w.toParameters("fw", map[string]any{"colour": "red"}))
	require.ErrorIs(t, err, fault.Invalid)
}
