package provision_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// newProviderWorld is a redirect world whose firewall operators can insert, too.
func newProviderWorld(t testing.TB) *world {
	t.Helper()
	w := newRedirectWorld(t, sim.Options{})
	w.offers(t, catalog.Insertion{ManagedBy: []string{"tenant", "provider"}})
	return w
}

// inserted is an operator's order for a service in all of the tenant's traffic.
func (w *world) inserted(id topology.InstanceID, parameters map[string]any) provision.ProvisionRequest {
	r := w.order(id)
	r.Platform, r.Parameters = "operator/admin", raw(parameters)
	r.Provider = &provision.Provider{Everywhere: true, Bill: provision.OperatorPays}
	return r
}

func TestTheProvidersServiceIsOutermostAndEverywhere(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	b.provisioned(t, w.inserted("guard", nil))
	b.provisioned(t, w.order("late", "lan"))
	require.Equal(t, "host-lan → fw → late → guard → gateway", w.path(t, "host-lan"))
	require.Equal(t, "host-dmz → guard → gateway", w.path(t, "host-dmz"))
	f, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	for _, a := range f.Appliances {
		require.Equal(t, a.ID == "guard", a.Provider, a.ID)
	}
	require.Empty(t, topology.Check(f))
	for _, e := range b.show(t, "guard").History {
		require.Equal(t, provision.OperatorPays, e.Bill)
	}
	b.provisioned(t, w.at("x", "before guard", "lan"))
	require.Equal(t, "host-lan → fw → late → x → guard → gateway", w.path(t, "host-lan"), "the natural order")
	b.updated(t, w.toPlan("fw", "large"))
	require.Equal(t, "host-lan → fw~1 → late → x → guard → gateway", w.path(t, "host-lan"))
	for _, id := range []topology.InstanceID{"fw", "late", "x"} {
		r := w.removal(id, "")
		b.removed(t, r)
	}
	r := w.removal("guard", "")
	r.Platform = "operator/admin"
	b.removed(t, r)
	w.requireBase(t)
}

func TestNetworksThatComeLaterAreCovered(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	b := w.broker(t, w.driver)
	r := w.inserted("guard", map[string]any{"mode": "redirect", "members": 1})
	b.provisioned(t, r)
	begun, err := b.Cover(t.Context(), provision.Place{Tenant: tenant})
	require.NoError(t, err)
	require.Empty(t, begun, "all is as it should be")

	w.network(t, tenant, "wifi", 5)
	for range 2 { // whoever asks again is answered the same
		begun, err = b.Cover(t.Context(), provision.Place{Tenant: tenant})
		require.NoError(t, err)
	}
	for _, op := range begun {
		b.wait(t, op)
	}
	require.Equal(t, []string{"dmz", "lan", "wifi"}, standsIn(b.show(t, "guard")))
	require.Equal(t, "guard", w.route(t, "wifi", topology.Flow{Protocol: "udp", Port: 53}))
	out, err := b.Provision(t.Context(), r)
	require.NoError(t, err)
	require.True(t, out.Existed, "it is what was asked for, still")

	u := w.toParameters("guard", map[string]any{"networks": []string{"lan"}})
	u.Platform = "operator/admin"
	_, err = b.Update(t.Context(), u)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, `instance "guard" stands in all networks of tenant "acme"`)

	// In path it has two pairs of legs, for three networks.
	u.Parameters = raw(map[string]any{"mode": "in-path"})
	_, err = b.Update(t.Context(), u)
	require.ErrorContains(t, err, "have all 2 pairs of inside and outside legs")
}

// A network that its owner has removed in the cloud is let go.
func TestReconcilingLetsGoNetworksThatHaveGone(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	b := w.broker(t, w.driver)
	w.network(t, tenant, "wifi", 5)
	b.provisioned(t, w.inserted("guard", map[string]any{"mode": "redirect", "members": 1}))
	require.Equal(t, []string{"dmz", "lan", "wifi"}, standsIn(b.show(t, "guard")))
	require.NoError(t, w.cloud.Drift(tenant, func(f *topology.Fabric) {
		f.Networks = slices.DeleteFunc(f.Networks, func(n topology.Network) bool { return n.ID == "wifi" })
		f.Redirects = slices.DeleteFunc(f.Redirects, func(r topology.Redirect) bool { return r.Network == "wifi" })
		for n := range f.Gateways {
			f.Gateways[n].Plugs = slices.DeleteFunc(f.Gateways[n].Plugs, func(p topology.Plug) bool { return p.Home == "wifi" })
		}
	}))
	require.NoError(t, b.ReconcileAt(t.Context(), noon(0), false))
	b.wait(t, b.show(t, "guard").Operation.ID)
	require.Equal(t, []string{"dmz", "lan"}, standsIn(b.show(t, "guard")))
}

// In path a service has only so many legs. The network that is too much is told of,
// and everything else can be done to the instance still.
func TestANetworkForWhichThereAreNoLegs(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	b := w.broker(t, w.driver)
	b.provisioned(t, w.inserted("guard", nil))
	w.network(t, tenant, "wifi", 5)
	begun, err := b.Cover(t.Context(), provision.Place{Tenant: tenant})
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, `instance "guard" has no free pair of inside and outside legs for network "wifi": its package has 2`)
	require.Empty(t, begun)
	told := b.show(t, "guard").History
	require.Contains(t, told[len(told)-1].Message, `it does not stand in all networks: instance "guard" has no free pair`)
	_, err = b.Cover(t.Context(), provision.Place{Tenant: tenant})
	require.ErrorIs(t, err, fault.Invalid)
	require.Equal(t, told, b.show(t, "guard").History, "once")
	u := w.toPlan("guard", "large")
	u.Platform = "operator/admin"
	b.updated(t, u)
	require.Equal(t, []string{"dmz", "lan"}, standsIn(b.show(t, "guard")))
	require.Equal(t, "host-lan → guard~1 → gateway", w.path(t, "host-lan"))
	u = w.toParameters("guard", map[string]any{"mode": "redirect", "members": 1})
	u.Platform = "operator/admin"
	b.updated(t, u)
	require.Equal(t, []string{"dmz", "lan", "wifi"}, standsIn(b.show(t, "guard")), "redirected to, it has room for any number")
	require.Empty(t, w.cloud.Violations())
}

func standsIn(i provision.Instance) (list []string) {
	for _, st := range i.Stitches {
		list = append(list, string(st.Network))
	}
	return list
}

func TestWhatIsTheProvidersAndWhatIsTheTenants(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	b.provisioned(t, w.inserted("guard", nil))
	lan := `; network "lan": hosts → fw → guard → gateway`
	after := w.at("x", "after guard", "lan")
	before := w.inserted("y", map[string]any{"before": "fw", "networks": []string{"lan"}})
	before.Provider = &provision.Provider{Bill: provision.NobodyPays}
	matched := w.inserted("y", map[string]any{"mode": "redirect", "match": map[string]any{"protocols": []string{"tcp"}}})
	nobody := w.inserted("y", nil)
	nobody.Provider = &provision.Provider{Bill: "aunt"}
	named := w.inserted("y", map[string]any{"networks": []string{"lan"}})
	for name, c := range map[string]struct {
		r    provision.ProvisionRequest
		says string
	}{
		"a tenant's behind the provider's":    {after, `nothing of a tenant's is placed after "guard": the provider manages it, and its services are nearest the gateway` + lan},
		"a provider's before a tenant's":      {before, `nothing of the provider's is placed before "fw", which is a tenant's: its services are nearest the gateway` + lan},
		"only some flows":                     {matched, "a service that the provider manages gets all flows"},
		"somebody pays who is nobody":         {nobody, `who is billed is one of tenant, operator and none, not "aunt"`},
		"everywhere, and in networks by name": {named, `do not name any`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.Preview(t.Context(), c.r)
			require.ErrorIs(t, err, fault.Invalid)
			require.ErrorContains(t, err, c.says)
		})
	}
	for who, sees := range map[string]error{"operator/admin": nil, "cf": fault.NotFound} {
		_, err := b.Instance(t.Context(), who, "guard")
		require.ErrorIs(t, err, sees)
	}
	_, err := b.Update(t.Context(), w.toPlan("guard", "large"))
	require.ErrorIs(t, err, fault.NotFound)
	_, err = b.Deprovision(t.Context(), w.removal("guard", ""))
	require.ErrorIs(t, err, fault.Gone)
	_, err = b.Bind(t.Context(), w.binding("guard", "b", ""))
	require.ErrorIs(t, err, fault.NotFound)
	_, err = b.Provision(t.Context(), w.order("guard", "lan"))
	require.ErrorIs(t, err, fault.Conflict)

	// Flows are one service's at a gateway, the provider's or the tenant's.
	b.provisioned(t, w.redirected("proxy", 1, web, "lan"))
	dpi := w.inserted("dpi", map[string]any{"mode": "redirect"})
	_, err = b.Preview(t.Context(), dpi)
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, `and some flows are both`)
}

func TestServicesAreForWhomTheirPackageSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	_, err := b.Preview(t.Context(), w.inserted("guard", nil))
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "cannot be inserted by the provider: its package is managed by tenant only")
	b.provisioned(t, w.order("fw", "lan"))
	w.offers(t, catalog.Insertion{ManagedBy: []string{"provider"}})
	_, err = b.Preview(t.Context(), w.order("x", "lan"))
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, "cannot be provisioned: its package is managed by the provider only, and an operator inserts it")
	w.publish(t, firewallWith(t, nil, "1.2.0", "2.0"))
	u := w.patch("fw")
	u.Upgrade = true
	_, err = b.Update(t.Context(), u)
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, "not for whoever manages the instance")
}
