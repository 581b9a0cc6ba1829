package provision_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// offers publishes the firewall anew, with corrections.
func (w *world) offers(t testing.TB, in catalog.Insertion) {
	t.Helper()
	var err error
	w.service, err = w.catalog(t, w.driver).Publish(t.Context(), w.service.ID, &in)
	require.NoError(t, err)
}

// newRedirectWorld is a world whose firewall can stand in path or be a cluster of
// three that is redirected to, with a login for each binding.
func newRedirectWorld(t testing.TB, o sim.Options) *world {
	t.Helper()
	w := newWorld(t, o)
	w.offers(t, catalog.Insertion{Modes: []string{"in-path", "redirect"}, HA: []string{"none", "cluster:3"},
		Management: &catalog.Management{Endpoint: catalog.Endpoint{Protocol: "http", Port: 8080}, User: "admin",
			PasswordProperty: "management.password", Accounts: "/accounts/{user}"}})
	return w
}

// redirected is an order in redirect mode; match is JSON, empty for all flows.
func (w *world) redirected(id topology.InstanceID, members int, match string, networks ...string) provision.ProvisionRequest {
	r := w.order(id)
	parameters := map[string]any{"mode": "redirect", "members": members}
	if len(networks) > 0 {
		parameters["networks"] = networks
	}
	if match != "" {
		parameters["match"] = json.RawMessage(match)
	}
	r.Parameters = raw(parameters)
	return r
}

const web = `{"direction":"outbound","protocols":["tcp"],"ports":[80,"443-444"]}`

// route is the way that a flow between a network and the world beyond takes.
func (w *world) route(t testing.TB, network topology.NetworkID, flow topology.Flow) string {
	t.Helper()
	f, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	require.Empty(t, topology.Check(f))
	r, open := topology.RouteOf(f, network, flow)
	require.True(t, open)
	var names []string
	for _, a := range r.Appliances() {
		names = append(names, string(a))
	}
	return strings.Join(names, " ")
}

func (w *world) rules(t testing.TB) []string {
	t.Helper()
	f, err := w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	var list []string
	for _, r := range f.Redirects {
		var members []string
		for _, m := range r.Members {
			members = append(members, string(m.Appliance))
		}
		list = append(list, string(r.Network)+": "+r.Match.String()+" through "+strings.Join(members, ", "))
	}
	return list
}

var (
	toWeb = topology.Flow{Direction: topology.Outbound, Protocol: topology.TCP, Port: 443}
	toDNS = topology.Flow{Direction: topology.Outbound, Protocol: topology.UDP, Port: 53}
)

func TestRedirectedServiceGetsTheFlowsThatItAsksForAndNoOthers(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{BootAwaits: 2})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 3, web, "lan"))
	require.Equal(t, []string{"lan: outbound tcp port 80, 443-444 through lb, lb+1, lb+2"}, w.rules(t))
	require.Equal(t, "lb", w.route(t, "lan", toWeb))
	require.Empty(t, w.route(t, "lan", toDNS))
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"), "it stands in nobody's path")

	i := b.show(t, "lb")
	require.JSONEq(t, `{"mode":"redirect","members":3,"match":`+web+`,"networks":["lan"],"failure":"closed"}`, string(provision.ParametersOf(i)))
	seen := map[netip.Prefix]bool{i.Management: true}
	for n, other := range i.Others {
		require.False(t, seen[other], "each has an address of its own")
		seen[other] = true
		m, ok := w.cloud.Machine(tenant, topology.ReplicaOf("lb", 0, n+1))
		require.True(t, ok)
		require.Equal(t, 1, m.VCPUs)
	}
	require.Len(t, seen, 3)

	b.removed(t, w.removal("lb", ""))
	w.requireBase(t)
}

func TestInPathIsTheDefaultWhereAPackageHasBothModes(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.order("fw", "lan"))
	require.Equal(t, "host-lan → fw → gateway", w.path(t, "host-lan"))
	require.Contains(t, string(provision.ParametersOf(b.show(t, "fw"))), `"mode":"in-path"`)

	w.offers(t, catalog.Insertion{Modes: []string{"redirect"}})
	b.provisioned(t, w.order("lb", "dmz"))
	require.Equal(t, []string{"dmz: everything through lb, lb+1, lb+2"}, w.rules(t), "the only mode, and as many members as there can be")
}

func TestRedirectRefusals(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 1, web, "lan"))
	for name, c := range map[string]struct{ parameters, says string }{
		"another's flows": {`{"mode":"redirect","networks":["lan"],"match":{"ports":[443]}}`,
			`service "other" cannot have the flows "port 443" of network "lan": service "lb" has "outbound tcp port 80, 443-444" of it, and some flows are both`},
		"all flows":           {`{"mode":"redirect","networks":["lan"]}`, "some flows are both"},
		"a match in path":     {`{"networks":["lan"],"match":{"ports":[443]}}`, `parameters: match and members are for mode "redirect"`},
		"members in path":     {`{"members":2}`, `parameters: match and members are for mode "redirect"`},
		"too many members":    {`{"mode":"redirect","members":4}`, `parameters: "members" must be at most 3`},
		"an unknown mode":     {`{"mode":"sideways"}`, `parameters: "mode" must be one of in-path, redirect`},
		"ports without ports": {`{"mode":"redirect","match":{"protocols":["esp"],"ports":[1]}}`, "parameters: match: protocol esp has no ports"},
		"ports backwards":     {`{"mode":"redirect","match":{"ports":["20-10"]}}`, "parameters: match: ports 20-10 are no range from 1 to 65535"},
		"too high a port":     {`{"mode":"redirect","match":{"ports":["70000"]}}`, `parameters: match: "70000" is neither a port from 1 to 65535 nor a range such as 8000-8010`},
		"no range":            {`{"mode":"redirect","match":{"local":["lan"]}}`, `parameters: match: "lan" is neither an address nor a range such as 10.0.0.0/24`},
		"bits beyond":         {`{"mode":"redirect","match":{"remote":["10.0.0.1/24"]}}`, "parameters: match: 10.0.0.1/24 is not an address range: its last bits must be zero"},
		"two IPs":             {`{"mode":"redirect","match":{"local":["10.0.0.1"],"remote":["::/0"]}}`, "the local ranges are of one version of IP and the remote ones of the other"},
		"an unknown field":    {`{"mode":"redirect","match":{"port":80}}`, `parameters: "port" is not a parameter of this plan`},
		"an odd DSCP":         {`{"mode":"redirect","match":{"dscp":[64]}}`, `parameters: "match/dscp/0" must be at most 63`},
		"null":                {`{"mode":"redirect","match":null}`, `parameters: "match" must be of type object, not null`},
	} {
		r := w.order("other")
		r.Parameters = []byte(c.parameters)
		_, err := b.Provision(t.Context(), r)
		require.ErrorIs(t, err, fault.Invalid, name)
		require.ErrorContains(t, err, c.says, name)
		_, err = b.Preview(t.Context(), r)
		require.ErrorContains(t, err, c.says, name)
		_, err = b.Tombstone(t.Context(), "", "other")
		require.ErrorIs(t, err, fault.NotFound, "nothing is stored: %s", name)
	}
	b.provisioned(t, w.redirected("dns", 1, `{"protocols":["udp"],"ports":[53]}`, "lan"))
	require.Equal(t, "dns", w.route(t, "lan", toDNS))
	require.Equal(t, "lb", w.route(t, "lan", toWeb))
}

func TestBindingsRedirectFurtherNetworks(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 2, web, "lan"))
	bind := func(id provision.BindingID, parameters string) (provision.BindOutcome, error) {
		r := w.binding("lb", id, "")
		r.Parameters = []byte(parameters)
		out, err := b.Bind(t.Context(), r)
		if err == nil && out.Progress {
			require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
			_, out, err = b.Binding(t.Context(), "", "lb", id)
		}
		return out, err
	}
	_, err := bind("b0", `{"match":{"ports":[53]}}`)
	require.EqualError(t, err, "parameters: match is about a network, and none is named")

	out, err := bind("b1", `{"network":"dmz"}`)
	require.NoError(t, err)
	require.Equal(t, []string{"dmz: outbound tcp port 80, 443-444 through lb, lb+1", "lan: outbound tcp port 80, 443-444 through lb, lb+1"}, w.rules(t))
	require.Len(t, out.Endpoints, 2, "one for each member")
	for _, e := range out.Endpoints {
		require.True(t, b.works(t, provision.Credentials{Host: e.Host, Port: 8080, Username: out.Credentials.Username, Password: out.Credentials.Password}), e.Host)
	}
	unbound, err := b.Unbind(t.Context(), w.removal("lb", "b1"))
	require.NoError(t, err)
	b.wait(t, unbound.Operation)
	for _, e := range out.Endpoints {
		require.False(t, b.works(t, provision.Credentials{Host: e.Host, Port: 8080, Username: out.Credentials.Username, Password: out.Credentials.Password}), e.Host)
	}

	_, err = bind("b2", `{"network":"dmz","match":{}}`)
	require.NoError(t, err)
	require.Equal(t, "dmz: everything through lb, lb+1", w.rules(t)[0])

	b.provisioned(t, w.redirected("other", 1, ""))
	r := w.binding("other", "b3", "dmz")
	_, err = b.Bind(t.Context(), r)
	require.ErrorContains(t, err, "some flows are both")
	require.Empty(t, b.show(t, "other").Bindings)
	b.removed(t, w.removal("other", ""))
	b.removed(t, w.removal("lb", ""))
	w.requireBase(t)
}

func TestUpdatesOfRedirection(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{BootAwaits: 1})
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 2, web, "lan"))
	before := b.show(t, "lb")

	b.updated(t, w.toParameters("lb", map[string]any{"match": map[string]any{"ports": []int{53}}}))
	require.Equal(t, []string{"lan: port 53 through lb, lb+1"}, w.rules(t), "the appliances stay")
	b.updated(t, w.toParameters("lb", map[string]any{"members": 3, "match": map[string]any{}}))
	require.Equal(t, []string{"lan: everything through lb, lb+1, lb+2"}, w.rules(t))
	require.Equal(t, before.Others, b.show(t, "lb").Others[:1], "members keep their addresses")
	b.updated(t, w.toPlan("lb", "large"))
	require.Equal(t, []string{"lan: everything through lb~1, lb~1+1, lb~1+2"}, w.rules(t))
	i := b.show(t, "lb")
	require.Equal(t, before.Management, i.Management)
	require.Len(t, i.Others, 2)
	b.updated(t, w.toParameters("lb", map[string]any{"members": 1}))
	require.Equal(t, []string{"lan: everything through lb~1"}, w.rules(t))
	require.Empty(t, b.show(t, "lb").Others)

	b.updated(t, w.toParameters("lb", map[string]any{"mode": "in-path"}))
	require.Empty(t, w.rules(t))
	require.Equal(t, "host-lan → lb~2 → gateway", w.path(t, "host-lan"))
	require.Equal(t, before.Management, b.show(t, "lb").Management)
	b.updated(t, w.toParameters("lb", map[string]any{"mode": "redirect", "match": json.RawMessage(web)}))
	require.Equal(t, []string{"lan: outbound tcp port 80, 443-444 through lb~3, lb~3+1, lb~3+2"}, w.rules(t))
	require.Empty(t, w.cloud.Violations())
	b.removed(t, w.removal("lb", ""))
	w.requireBase(t)
}

// There are two pairs of legs: flows of any number of networks go through one.
func TestModeChangeNeedsAPairOfLegsForEachNetwork(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	third := topology.Network{ID: "lab", Name: "lab", Role: topology.RoleTenant, Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.0.2.0/24"), Gateway: netip.MustParseAddr("10.0.2.1")}}}
	require.NoError(t, w.cloud.CreateNetwork(t.Context(), tenant, third))
	b := w.broker(t, w.driver)
	b.provisioned(t, w.redirected("lb", 1, web, "lan", "dmz", "lab"))
	require.Len(t, w.rules(t), 3)

	inPath := w.toParameters("lb", map[string]any{"mode": "in-path"})
	_, err := b.Update(t.Context(), inPath)
	var refused *provision.Refused
	require.ErrorAs(t, err, &refused)
	require.EqualError(t, err, `instance "lb" cannot stand in path of network "lab": the other networks have all 2 pairs of inside and outside legs; take one out first`)
	b.updated(t, w.toParameters("lb", map[string]any{"networks": []string{"dmz", "lab"}}))
	b.updated(t, inPath)
	require.Equal(t, "host-dmz → lb~1 → gateway", w.path(t, "host-dmz"))
	require.Equal(t, "host-lan → gateway", w.path(t, "host-lan"))
}

func TestMembersCountAgainstQuotas(t *testing.T) {
	t.Parallel()
	w := newRedirectWorld(t, sim.Options{})
	b := w.broker(t, w.driver)
	r := w.redirected("lb", 3, "", "lan")
	r.Allowances = []provision.Allowance{{Holder: `tenant "acme"`, Quota: provision.Quota{VCPUs: 2}}}
	_, err := b.Provision(t.Context(), r)
	require.ErrorIs(t, err, fault.Quota)
	two := w.redirected("lb", 2, "", "lan")
	two.Allowances = r.Allowances
	b.provisioned(t, two)
	u := w.toParameters("lb", map[string]any{"members": 3})
	u.Allowances = r.Allowances
	_, err = b.Update(t.Context(), u)
	require.ErrorIs(t, err, fault.Quota)
}
