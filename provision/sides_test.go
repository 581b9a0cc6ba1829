package provision_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/monitor"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// newSides is a world with a symmetric optimiser of one virtual system, or of a pair,
// whose tenant has the networks server and store behind another gateway.
func newSides(t testing.TB, o sim.Options, of string) *world {
	t.Helper()
	w := newWorldOf(t, o, filepath.Join("..", "testdata", of))
	for n, id := range []topology.NetworkID{"server", "store"} {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(10 + n), 0}), 24)
		network := topology.Network{ID: id, Name: string(id), Role: topology.RoleTenant, Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}}
		require.NoError(t, w.cloud.CreateNetwork(t.Context(), tenant, network, "datacenter"))
		host := cloud.Host{Name: "host-" + string(id), Network: id, Address: netip.PrefixFrom(cidr.Addr().Next().Next(), 24)}
		require.NoError(t, w.cloud.CreateHost(t.Context(), tenant, host))
	}
	var err error
	w.base, err = w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	return w
}

// sides is an order of the optimiser for networks on both sides.
func (w *world) sides(branch, datacenter []string, more ...any) provision.ProvisionRequest {
	parameters := map[string]any{"sides": map[string]any{
		"branch": map[string]any{"networks": orNone(branch)}, "datacenter": map[string]any{"networks": orNone(datacenter)}}}
	for n := 0; n < len(more); n += 2 {
		parameters[more[n].(string)] = more[n+1]
	}
	return provision.ProvisionRequest{ID: "wan", Platform: "cf", Tenant: tenant, Service: w.service.ID, Plan: w.service.Plans[0].ID,
		Organization: string(tenant), Space: "prod", Parameters: raw(parameters), AcceptsIncomplete: true}
}

func orNone(list []string) []string { return append([]string{}, list...) }

// across is what a packet from one host to another passes.
func (w *world) across(t testing.TB, from, to string) string {
	t.Helper()
	passed, reached, err := w.cloud.TraceTo(t.Context(), tenant, from, cloud.Target{Host: to})
	require.NoError(t, err)
	require.True(t, reached, "%s does not reach %s", from, to)
	return fmt.Sprint(passed)
}

func (w *world) wanRemoval() provision.RemoveRequest {
	return provision.RemoveRequest{Instance: "wan", Platform: "cf", Service: w.service.ID, Plan: w.service.Plans[0].ID, AcceptsIncomplete: true}
}

func TestASymmetricServiceIsInsertedOnBothSides(t *testing.T) {
	t.Parallel()
	w := newSides(t, sim.Options{BootAwaits: 1}, "optimiser")
	b := w.broker(t, w.driver)
	order := w.sides([]string{"lan"}, []string{"server"}, "wan.cache", 200)
	p, err := b.Preview(t.Context(), order)
	require.NoError(t, err)
	require.Equal(t, 2, topology.Count(p.Steps).Calls[topology.Boot])
	b.provisioned(t, order)
	require.Equal(t, "[wan@branch wan@datacenter]", w.across(t, "host-lan", "host-server"))
	require.Equal(t, "[wan@datacenter wan@branch]", w.across(t, "host-server", "host-lan"))
	require.Equal(t, "[wan@datacenter]", w.across(t, "host-dmz", "host-server"))

	i, err := b.Instance(t.Context(), "cf", "wan")
	require.NoError(t, err)
	require.Len(t, i.Appliances(), 2)
	for n, other := range []int{1, 0} {
		m, ok := w.cloud.Machine(tenant, i.Appliance(n))
		require.True(t, ok)
		cd := strings.ReplaceAll(string(m.Environment), "\x00", "")
		require.Contains(t, cd, fmt.Sprintf(`oe:key="wan.side" oe:value="%s"`, []string{"branch", "datacenter"}[n]))
		require.Contains(t, cd, fmt.Sprintf(`oe:key="wan.peer" oe:value="%s"`, i.Appliances()[other].Addr()))
		require.Contains(t, cd, `oe:key="wan.cache" oe:value="200"`)
	}
	require.Contains(t, string(provision.ParametersOf(i)), `"sides":{"branch":{"networks":["lan"]},"datacenter":{"networks":["server"]}}`)

	// A further network is bound on a side, and another one takes its place by an update.
	r := provision.BindRequest{Instance: "wan", ID: "more", Platform: "cf", Service: w.service.ID, Plan: i.Plan, AcceptsIncomplete: true}
	for parameters, says := range map[string]string{
		`{"network":"dmz"}`:                      "give the network's side, one of branch, datacenter",
		`{"network":"dmz","side":"branch"}`:      "has no free pair of inside and outside legs for network \"dmz\": its package has 1",
		`{"network":"lan","side":"datacenter"}`:  `network "lan" already passes through instance`,
		`{"network":"dmz","side":"the far one"}`: "side",
	} {
		r.Parameters = []byte(parameters)
		_, err = b.Bind(t.Context(), r)
		require.ErrorIs(t, err, fault.Invalid)
		require.ErrorContains(t, err, says)
	}
	update := provision.UpdateRequest{Instance: "wan", Platform: "cf", Service: w.service.ID, AcceptsIncomplete: true,
		Parameters: raw(map[string]any{"sides": map[string]any{"datacenter": map[string]any{"networks": []string{"store"}}}})}
	out, err := b.Update(t.Context(), update)
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	require.Equal(t, "[wan@branch wan@datacenter]", w.across(t, "host-lan", "host-store"))
	require.Equal(t, "[wan@branch]", w.across(t, "host-lan", "host-server"))

	// Networks may change sides in one update, and parameters replace both appliances.
	update.Parameters = raw(map[string]any{"wan.cache": 300, "sides": map[string]any{
		"branch": map[string]any{"networks": []string{"store"}}, "datacenter": map[string]any{"networks": []string{"lan"}}}})
	out, err = b.Update(t.Context(), update)
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	require.Equal(t, "[wan~1@datacenter wan~1@branch]", w.across(t, "host-lan", "host-store"))
	after, err := b.Instance(t.Context(), "cf", "wan")
	require.NoError(t, err)
	require.Equal(t, i.Appliances(), after.Appliances(), "management addresses are handed on")

	b.removed(t, w.wanRemoval())
	w.requireBase(t)
}

// A side's networks may all be bound later.
func TestNetworksOfASideAreBoundLater(t *testing.T) {
	t.Parallel()
	w := newSides(t, sim.Options{}, "optimiser-pair")
	b := w.broker(t, w.driver)
	b.provisioned(t, w.sides([]string{"lan"}, nil))
	require.Equal(t, "[wan@branch]", w.across(t, "host-lan", "host-server"))
	for n, network := range []string{"server", "store"} {
		out, err := b.Bind(t.Context(), provision.BindRequest{Instance: "wan", ID: provision.BindingID(fmt.Sprint(n)), Platform: "cf",
			Service: w.service.ID, Plan: w.service.Plans[0].ID, AcceptsIncomplete: true,
			Parameters: raw(map[string]any{"network": network, "side": "datacenter"})})
		require.NoError(t, err)
		require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
		require.Equal(t, "[wan@branch wan@datacenter]", w.across(t, "host-lan", "host-"+network))
	}
	edge, _ := w.cloud.Machine(tenant, "wan@branch")
	core, _ := w.cloud.Machine(tenant, "wan@datacenter")
	require.Equal(t, []int{1, 4}, []int{edge.VCPUs, core.VCPUs}, "each side has its own virtual system")
	require.Equal(t, []int64{1 << 30, 4 << 30}, []int64{edge.Disks[0].CapacityBytes, core.Disks[0].CapacityBytes})
	i, err := b.Instance(t.Context(), "cf", "wan")
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(core.Environment), "\x00", ""), fmt.Sprintf(`oe:key="core.peer" oe:value="%s"`, i.Appliances()[0].Addr()))
	b.removed(t, w.wanRemoval())
	w.requireBase(t)
}

func TestRefusedSides(t *testing.T) {
	t.Parallel()
	w := newSides(t, sim.Options{}, "optimiser")
	b := w.broker(t, w.driver)
	for parameters, says := range map[string]string{
		`{"networks":["lan"]}`:                                                                          `service "example-optimiser" is symmetric: give the networks of each side, under "sides": branch, datacenter`,
		`{"sides":{"branch":{"networks":["lan"]}}}`:                                                     `side "datacenter" is missing`,
		`{"sides":{"branch":{},"moon":{}}}`:                                                             `has no side "moon"; its sides are branch, datacenter`,
		`{"sides":{"branch":{"networks":["lan"]},"datacenter":{"networks":["lan"]}}}`:                   `network "lan" already passes through`,
		`{"sides":{"branch":{"networks":["lan","dmz"]},"datacenter":{}}}`:                               "its package has 1",
		`{"sides":{"branch":{"networks":["nowhere"]},"datacenter":{}}}`:                                 `has no network "nowhere"`,
		`{"sides":{"branch":{"match":{"ports":[80]},"networks":["lan"]},"datacenter":{}}}`:              `side "branch" has a match`,
		`{"sides":{"branch":{"before":"fw"},"datacenter":{}},"mode":"in-path","match":{"ports":[443]}}`: "match and members are for mode",
		`{"sides":[]}`: "parameters",
	} {
		r := w.sides(nil, nil)
		r.Parameters = []byte(parameters)
		_, err := b.Provision(t.Context(), r)
		require.ErrorIs(t, err, fault.Invalid, parameters)
		require.ErrorContains(t, err, says)
	}
	w.requireBase(t)

	single := newWorld(t, sim.Options{})
	r := single.order("fw", "lan")
	r.Parameters = raw(map[string]any{"sides": map[string]any{"branch": map[string]any{}}})
	_, err := single.broker(t, single.driver).Provision(t.Context(), r)
	require.ErrorContains(t, err, `service "example-firewall" is single and has no sides`)
}

// Whatever call fails on either side, both sides are inserted or neither is.
func TestBothSidesOrNeither(t *testing.T) {
	t.Parallel()
	for _, verb := range []topology.Verb{topology.CreateNetwork, topology.CreatePort, topology.Boot, topology.Await, topology.Move} {
		for _, when := range []sim.When{sim.BeforeEffect, sim.AfterEffect} {
			for nth := range 9 {
				name := fmt.Sprintf("%s %d %v", verb, nth, when)
				if skips(name) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					w := newSides(t, sim.Options{}, "optimiser")
					b := w.broker(t, w.driver)
					w.cloud.Inject(sim.Fault{Verb: verb, When: when, Nth: nth + 1, Times: 1, Err: errors.New("bad weather")})
					out, err := b.Provision(t.Context(), w.sides([]string{"lan"}, []string{"server"}))
					require.NoError(t, err)
					if b.wait(t, out.Operation).Status == work.Done { // there are not so many calls
						require.Equal(t, "[wan@branch wan@datacenter]", w.across(t, "host-lan", "host-server"))
						persist(t, func() (provision.Outcome, error) { return b.Deprovision(t.Context(), w.wanRemoval()) }, b, func() {})
					} else {
						i, err := b.Instance(t.Context(), "cf", "wan")
						require.NoError(t, err)
						require.Equal(t, provision.Failed, i.State)
					}
					w.requireBase(t)
				})
			}
		}
	}
}

// Each side fails on its own, and the instance's health says which.
func TestHealthTellsTheSide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newSides(t, sim.Options{}, "optimiser")
		b := w.broker(t, w.driver)
		b.provisioned(t, w.sides([]string{"lan"}, []string{"server"}))
		m := monitor.New(b.Service, slog.New(slog.DiscardHandler), monitor.Config{Failures: 1})
		health := func() provision.Health {
			require.NoError(t, m.Round(t.Context()))
			i, err := b.Instance(t.Context(), "cf", "wan")
			require.NoError(t, err)
			return i.Health
		}
		require.Equal(t, provision.HealthOK, health().Status)
		require.NoError(t, w.cloud.HangAppliance(tenant, "wan@datacenter"))
		require.Equal(t, provision.HealthFailing, health().Status)
		require.Contains(t, health().Detail, "wan@datacenter: ")
		require.NotContains(t, health().Detail, "wan@branch")
		scene, err := b.Scene(t.Context(), provision.Place{Tenant: tenant})
		require.NoError(t, err)
		require.Equal(t, topology.Failing, scene.States["wan@datacenter"].Health)
		require.Equal(t, topology.Healthy, scene.States["wan@branch"].Health)
		b.stop()
	})
}

// A symmetric instance counts once, with what both of its appliances take.
func TestAQuotaCountsAllSides(t *testing.T) {
	t.Parallel()
	w := newSides(t, sim.Options{}, "optimiser-pair")
	b := w.broker(t, w.driver)
	require.Equal(t, 5, w.service.Plans[0].VCPUs)
	r := w.sides(nil, nil)
	r.Allowances = []provision.Allowance{{Holder: "acme", Quota: provision.Quota{VCPUs: 4}}}
	_, err := b.Provision(t.Context(), r)
	require.ErrorIs(t, err, fault.Quota)
	require.ErrorContains(t, err, "this needs 5")
	r.Allowances = []provision.Allowance{{Holder: "acme", Quota: provision.Quota{VCPUs: 5, MemoryBytes: 2560 << 20, Instances: 1}}}
	b.provisioned(t, r)

	one := newSides(t, sim.Options{}, "optimiser")
	require.Equal(t, 2, one.service.Plans[0].VCPUs, "the one virtual system stands twice")
	require.Equal(t, int64(1<<30), one.service.Plans[0].MemoryBytes)
}

// In redirect mode each side has a cluster, whose members come and go by side.
func TestSidesAreRedirectedTo(t *testing.T) {
	t.Parallel()
	w := newSides(t, sim.Options{}, "optimiser")
	b := w.broker(t, w.driver)
	order := w.sides(nil, nil, "mode", "redirect", "members", 2)
	order.Parameters = raw(map[string]any{"mode": "redirect", "members": 2, "sides": map[string]any{
		"branch": map[string]any{"networks": []string{"lan", "dmz"}}, "datacenter": map[string]any{"networks": []string{"server"}, "match": map[string]any{"protocols": []string{"tcp"}}}}})
	b.provisioned(t, order)
	f, err := b.Fabric(t.Context(), provision.Place{Tenant: tenant})
	require.NoError(t, err)
	members := map[topology.NetworkID]string{}
	for _, r := range f.Redirects {
		members[r.Network] = fmt.Sprint(r.Match, " ", r.Members[0].Appliance, " ", r.Members[1].Appliance)
	}
	require.Equal(t, map[topology.NetworkID]string{
		"lan": "everything wan@branch wan@branch+1", "dmz": "everything wan@branch wan@branch+1", "server": "tcp wan@datacenter wan@datacenter+1"}, members)
	out, err := b.Update(t.Context(), provision.UpdateRequest{Instance: "wan", Platform: "cf", Service: w.service.ID, AcceptsIncomplete: true,
		Parameters: raw(map[string]any{"members": 1})})
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	f, err = b.Fabric(t.Context(), provision.Place{Tenant: tenant})
	require.NoError(t, err)
	require.Len(t, f.Appliances, 2)
	b.removed(t, w.wanRemoval())
	w.requireBase(t)
}
