package provision_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

func TestInstanceFromOrderToTombstone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 2})
	b := w.broker(t, w.driver)

	b.provisioned(t, w.order("fw", "lan"))
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))

	out, err := b.Bind(t.Context(), w.binding("fw", "b1", "dmz"))
	require.NoError(t, err)
	require.True(t, out.Progress)
	require.Zero(t, out.Credentials, "an asynchronous binding hands nothing out before it is done")
	b.wait(t, out.Operation)
	require.Equal(t, "host-dmz → fw → gateway", w.path(t, "host-dmz"))

	_, given, err := b.Binding(t.Context(), "cf", "fw", "b1")
	require.NoError(t, err)
	require.Equal(t, "admin", given.Credentials.Username)
	require.GreaterOrEqual(t, len(given.Credentials.Password), 20)
	require.Equal(t, "192.168.254.2", given.Credentials.Host)

	gone, err := b.Unbind(t.Context(), w.removal("fw", "b1"))
	require.NoError(t, err)
	b.wait(t, gone.Operation)
	require.Equal(t, "host-dmz → gateway", w.path(t, "host-dmz"))
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))

	b.removed(t, w.removal("fw", ""))
	w.requireBase(t)
	i, err := b.Tombstone(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, "provisioning active deprovisioning deleted", story(t, i))
	require.Empty(t, i.Secrets)
	_, err = b.Instance(t.Context(), "cf", "fw")
	require.ErrorIs(t, err, fault.NotFound)
}

// A tenant may order first and have networks later.
func TestInstanceOfATenantThatHasNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 1})
	b := w.broker(t, w.driver)
	r := w.order("fw")
	r.Tenant, r.Parameters = "newcomer", nil
	b.provisioned(t, r)
	f, err := b.Fabric(t.Context(), provision.Place{Tenant: "newcomer"})
	require.NoError(t, err)
	require.Len(t, f.Appliances, 1)
	require.True(t, f.Appliances[0].Booted)
	require.Len(t, f.Networks, 1)
	require.Equal(t, topology.RoleManagement, f.Networks[0].Role)
	require.Empty(t, f.Gateways)
	out, err := b.Bind(t.Context(), w.binding("fw", "b1", ""))
	require.NoError(t, err)
	require.Equal(t, "192.168.254.2", out.Credentials.Host)

	b.removed(t, w.removal("fw", ""))
	_, err = w.cloud.Observe(t.Context(), "newcomer")
	require.ErrorIs(t, err, fault.NotFound)
	w.requireBase(t)
}

func TestApplianceGetsThePlanAndTheTenantsValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	r := w.order("fw", "lan")
	r.Plan = w.plan("large")
	b.provisioned(t, r)

	m, ok := w.cloud.Machine(tenant, "fw")
	require.True(t, ok)
	require.Equal(t, 2, m.VCPUs)
	require.Equal(t, int64(1<<30), m.MemoryBytes)
}

func TestTwoServicesFormAChainInTheOrderAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	hosts := w.order("wo", "lan")
	hosts.Parameters = raw(map[string]any{"networks": []string{"lan"}, "nearest": "hosts"})
	b.provisioned(t, hosts)
	b.provisioned(t, w.order("ips", "lan"))
	require.Equal(t, "host-lan → wo → fw → ips → gateway", w.path(t, "host-lan"))

	b.removed(t, w.removal("fw", ""))
	require.Equal(t, "host-lan → wo → ips → gateway", w.path(t, "host-lan"))
	b.removed(t, w.removal("wo", ""))
	b.removed(t, w.removal("ips", ""))
	w.requireBase(t)
}

func TestP16SameOrderAtTheSameMomentMakesOneInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	brokers := []*broker{w.broker(t, w.driver), w.broker(t, w.driver), w.broker(t, w.driver)}
	ops, errs := make([]work.ChangeID, 24), make([]error, 24)
	var wg sync.WaitGroup
	for n := range ops {
		wg.Go(func() {
			out, err := brokers[n%3].Provision(context.Background(), w.order("fw", "lan"))
			ops[n], errs[n] = out.Operation, err
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...), "none is refused")
	i, err := brokers[0].Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	for _, op := range ops {
		if op != "" { // empty: it was in place already
			require.Equal(t, i.Operation.ID, op)
		}
	}
	brokers[0].wait(t, i.Operation.ID)
	require.Equal(t, 1, w.cloud.Count(topology.Boot))
}

func TestD8RemovalOvertakesProvisioning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 1 << 30}) // never ready
	b := w.broker(t, w.driver)
	first, err := b.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	b.removed(t, w.removal("fw", ""))
	require.Equal(t, work.Undone, b.wait(t, first.Operation).Status)
	w.requireBase(t)
	op, err := b.Operation(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, provision.Succeeded, op.State)
	_, err = b.Deprovision(t.Context(), w.removal("fw", ""))
	require.ErrorIs(t, err, fault.Gone)
}

func TestFailedProvisioningLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{Faults: []sim.Fault{{Verb: topology.Boot, Times: -1, Err: fault.New(fault.Full, "quota for servers is 2, 2 used")}}})
	b := w.broker(t, w.driver)
	out, err := b.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	b.wait(t, out.Operation)
	w.requireBase(t)
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, "provisioning failed", story(t, i))
	require.Equal(t, provision.OpFailed, i.Operation.State)
	require.Contains(t, i.Operation.Description, "quota for servers is 2")

	_, err = b.Provision(t.Context(), w.order("fw", "lan"))
	require.ErrorIs(t, err, fault.Conflict)
	b.removed(t, w.removal("fw", ""))
}

func TestIdMayBeUsedAgainAndHistoryGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	for range 2 {
		b.provisioned(t, w.order("fw", "lan"))
		b.removed(t, w.removal("fw", ""))
	}
	i, err := b.Tombstone(t.Context(), "", "fw")
	require.NoError(t, err)
	require.Equal(t, "provisioning active deprovisioning deleted provisioning active deprovisioning deleted", story(t, i))

	other := w.order("fw", "lan")
	other.Platform = "k8s"
	_, err = b.Provision(t.Context(), other)
	require.ErrorIs(t, err, fault.Conflict, "the history behind an id is its platform's and tenant's")
}

func TestChangeThatCannotBeUndoneIsShownAndMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	w.cloud.Inject(sim.Fault{Verb: topology.Boot, Times: -1, Err: fault.New(fault.Full, "no server fits")})
	w.cloud.Inject(sim.Fault{Verb: topology.DeleteNetwork, Times: -1, Err: fault.New(fault.Unavailable, "the switch is away")})
	out, err := b.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	require.Equal(t, work.Parked, b.wait(t, out.Operation).Status)
	i, err := b.Instance(t.Context(), "cf", "fw")
	require.NoError(t, err)
	require.Equal(t, provision.Failed, i.State)
	require.Contains(t, i.History[len(i.History)-1].Message, "could not be undone without an operator")

	w.cloud.Heal()
	require.NoError(t, b.engine.Retry(t.Context(), out.Operation))
	require.Equal(t, work.Undone, b.wait(t, out.Operation).Status)
	w.requireBase(t)
}

// What platforms no longer ask about must not come true; a removal goes on.
func TestWhatIsNotDoneInTimeIsUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{BootAwaits: 1_000_000})
	w.ceiling = 200 * time.Millisecond
	b := w.broker(t, w.driver)
	out, err := b.Provision(t.Context(), w.order("fw", "lan"))
	require.NoError(t, err)
	c := b.wait(t, out.Operation)
	require.Equal(t, work.Undone, c.Status)
	require.Equal(t, "it was not done in time", c.Error)
	require.Equal(t, provision.Failed, b.show(t, "fw").State)
	w.requireBase(t)

	out, err = b.Deprovision(t.Context(), w.removal("fw", ""))
	require.NoError(t, err)
	if out.Progress {
		require.Zero(t, b.wait(t, out.Operation).Deadline)
	}
}

func TestRefusedOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	with := func(parameters any) provision.ProvisionRequest {
		r := w.order("no")
		r.Parameters = raw(parameters)
		return r
	}
	for name, c := range map[string]struct {
		r    provision.ProvisionRequest
		kind fault.Kind
		says string
	}{
		"network that is not there":  {w.order("no", "wan"), fault.Invalid, `tenant "acme" has no network "wan"`},
		"same network twice":         {with(map[string]any{"networks": []string{"lan", "lan"}}), fault.Invalid, `"networks" names the same entry twice`},
		"more networks than pairs":   {with(map[string]any{"networks": []string{"a", "b", "c"}}), fault.Invalid, "at most 2 entries"},
		"wrong type":                 {with(map[string]any{"firewall.block-tcp-ports": 23}), fault.Invalid, `"firewall.block-tcp-ports" must be of type string, not number`},
		"unknown parameter":          {with(map[string]any{"colour": "red"}), fault.Invalid, `"colour" is not a parameter of this plan`},
		"password too short":         {with(map[string]any{"management.password": "abc"}), fault.Invalid, `"management.password" must have at least 8 characters`},
		"no object":                  {with([]string{"lan"}), fault.Invalid, "must be a JSON object"},
		"unknown end of the chain":   {with(map[string]any{"nearest": "middle"}), fault.Invalid, "must be one of hosts, gateway"},
		"tenant without any network": {func() provision.ProvisionRequest { r := w.order("no", "lan"); r.Tenant = "nobody"; return r }(), fault.Invalid, `tenant "nobody" has no networks`},
		"unknown plan":               {func() provision.ProvisionRequest { r := w.order("no"); r.Plan = "x"; return r }(), fault.Invalid, `has no plan "x"`},
		"unknown service":            {func() provision.ProvisionRequest { r := w.order("no"); r.Service = "x"; return r }(), fault.Invalid, `there is no service "x"`},
		"no asynchronous answer":     {func() provision.ProvisionRequest { r := w.order("no"); r.AcceptsIncomplete = false; return r }(), fault.AsyncRequired, "asynchronous"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Provision(t.Context(), c.r)
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "abc")
			_, err = b.Instance(t.Context(), "", "no")
			require.ErrorIs(t, err, fault.NotFound)
		})
	}
	w.requireBase(t)
}

func TestPreviewSaysWhatWouldHappenAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	p, err := b.Preview(t.Context(), w.order("", "lan"))
	require.NoError(t, err)
	require.Equal(t, w.base, p.Before.Fabric)
	require.Len(t, p.After.Appliances, 1)
	moves := 0
	for _, s := range p.Steps {
		if s.Verb == topology.Move {
			moves++
		}
	}
	require.Equal(t, 1, moves)
	w.requireBase(t)

	b.provisioned(t, w.order("fw", "lan"))
	p, err = b.PreviewRemoval(t.Context(), w.removal("fw", ""))
	require.NoError(t, err)
	require.Equal(t, w.base, p.After.Fabric)
}

func TestPreviewBesideAnInstanceOfItsName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("preview", "lan"))
	p, err := b.Preview(t.Context(), w.order("", "lan"))
	require.NoError(t, err)
	require.Len(t, p.After.Appliances, 2)
	_, err = b.Preview(t.Context(), w.order("preview", "lan"))
	require.ErrorIs(t, err, fault.Conflict)
}

func TestSecretsAreSealedAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	r := w.order("fw", "lan")
	r.Parameters = raw(map[string]any{"networks": []string{"lan"}, "management.password": "open sesame 42"})
	b.provisioned(t, r)
	out, err := b.Bind(t.Context(), w.binding("fw", "b", ""))
	require.NoError(t, err)
	require.Equal(t, "open sesame 42", out.Credentials.Password)
	for _, collection := range []string{"instances", "changes", "lanes"} {
		docs, err := w.driver.Scan(t.Context(), collection, scanAll)
		require.NoError(t, err)
		for _, d := range docs {
			require.NotContains(t, string(d.Body), "sesame", "%s %s", collection, d.ID)
		}
	}
}
