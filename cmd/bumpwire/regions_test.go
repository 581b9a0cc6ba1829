package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// regional is a broker over simulated regions that is started again and again on one
// data folder.
type regional struct {
	*testing.T
	config  config
	at      *running
	service api.Service
}

func newRegional(t *testing.T) *regional {
	t.Helper()
	c := standard()
	c.Server.Listen, c.Server.Data = "127.0.0.1:0", t.TempDir()
	c.Cloud.Driver, c.Cloud.BootTime = "sim", 300*time.Millisecond
	c.Provision.Reconcile.Schedule = ""
	c.Metering.Window = time.Second
	return &regional{T: t, config: c}
}

// start opens a broker with these regions, and says how that went.
func (r *regional) start(names ...string) error {
	r.Helper()
	r.config.Cloud.Regions = nil
	for _, name := range names {
		r.config.Cloud.Regions = append(r.config.Cloud.Regions, regionConfig{Name: name})
	}
	require.NoError(r, r.config.check())
	at, err := start(context.Background(), r.config, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	r.at = at
	r.Cleanup(func() { _ = at.Close() }) // a second time it says what it said
	require.NoError(r, at.accounts.SetOperator(r.Context(), "admin", "correct horse battery"))
	require.NoError(r, at.accounts.SetPlatform(r.Context(), "cf", "correct horse battery"))
	return nil
}

// in is a client that speaks of a region.
func (r *regional) in(region string) *api.Client {
	return &api.Client{URL: r.at.URL(), User: "admin", Password: "correct horse battery", Region: region}
}

func (r *regional) publish() {
	r.Helper()
	var ova bytes.Buffer
	_, err := ovf.Build(r.Context(), filepath.Join("..", "..", "testdata", "firewall"), &ova, ovf.BuildOptions{})
	require.NoError(r, err)
	pushed, err := r.in("").Push(r.Context(), "example", &ova, -1, nil)
	require.NoError(r, err)
	r.service, err = r.in("").Publish(r.Context(), string(pushed.Service.ID), api.Publication{})
	require.NoError(r, err)
}

// networks gives acme the networks lan and dmz in a region.
func (r *regional) networks(region string) {
	r.Helper()
	for n, name := range []string{"lan", "dmz"} {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n), 0, 0}), 24)
		_, err := r.in(region).CreateNetwork(r.Context(), "acme", api.Network{ID: name, CIDR: cidr.String()})
		require.NoError(r, err)
	}
}

// ask asks for an instance of acme's in the network lan.
func (r *regional) ask(id string, parameters map[string]any) error {
	if parameters["networks"] == nil {
		parameters["networks"] = []string{"lan"}
	}
	text, err := json.Marshal(parameters)
	require.NoError(r, err)
	_, err = r.in("").CreateInstance(r.Context(), api.NewInstance{ID: id, Name: id, Tenant: "acme", Service: r.service.Name, Parameters: text})
	return err
}

func (r *regional) follow(id string) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Minute)
	defer cancel()
	poll := func(ctx context.Context) (api.Operation, error) { return r.in("").Operation(ctx, id) }
	require.NoError(r, api.Wait(ctx, poll, 20*time.Millisecond, func(api.Operation) {}))
}

// stands are the instances whose appliances a region has.
func (r *regional) stands(region string) []topology.InstanceID {
	r.Helper()
	scene, err := r.in(region).Topology(r.Context(), "acme")
	require.NoError(r, err)
	list, there := []topology.InstanceID{}, map[topology.ApplianceID]bool{}
	for _, a := range scene.Appliances {
		list, there[a.ID] = append(list, a.Instance), true
	}
	for id := range scene.States {
		require.True(r, there[id], "nothing is said of another region's appliances")
	}
	return list
}

// used are the regions in which instances were active.
func (r *regional) used() map[string]bool {
	r.Helper()
	used := map[string]bool{}
	require.Eventually(r, func() bool {
		s, err := r.in("").UsageSummary(r.Context(), api.BillFilter{}, "region")
		require.NoError(r, err)
		for _, i := range s.Items {
			used[i.Region] = true
		}
		return len(used) > 1
	}, time.Minute, 100*time.Millisecond)
	all, err := r.in("").Usage(r.Context(), api.BillFilter{})
	require.NoError(r, err)
	for _, u := range all {
		require.Equal(r, map[string]string{"old": "north", "n": "north", "s": "south"}[string(u.Instance)], u.Region)
	}
	return used
}

// agrees says that nothing is anywhere that should not be there.
func (r *regional) agrees() {
	r.Helper()
	drifts, err := r.in("").Drifts(r.Context())
	require.NoError(r, err)
	require.Empty(r, drifts)
	orphans, err := r.in("").Orphans(r.Context())
	require.NoError(r, err)
	require.Empty(r, orphans)
}

// A tenant with networks of the same names in two regions has services in both, and
// nothing of one is ever in the other, also when the broker dies in the middle and when
// its store is from a time without regions.
func TestRegionsAreNeverMixed(t *testing.T) {
	t.Parallel()
	r := newRegional(t)
	require.NoError(t, r.start())
	r.publish()
	r.networks("")
	require.ErrorContains(t, r.ask("x", map[string]any{"region": "north"}), `"region" is not a parameter of this plan`)
	require.ErrorIs(t, second(r.in("north").Topology(t.Context(), "acme")), fault.NotFound)
	require.NoError(t, r.ask("old", map[string]any{}))
	r.follow("old")
	require.NoError(t, r.at.Close())

	require.NoError(t, r.start("north", "south"))
	r.networks("south")
	empty, err := r.in("south").Topology(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, []topology.InstanceID{"old"}, r.stands("north"))
	require.Equal(t, []topology.InstanceID{"old"}, r.stands(""))
	require.Empty(t, r.stands("south"))

	require.ErrorContains(t, r.ask("x", map[string]any{"region": "east"}), `"region" must be one of north, south`)
	require.ErrorContains(t, second(r.in("east").Topology(t.Context(), "acme")), `there is no region "east"; there are north, south`)
	require.ErrorContains(t, r.ask("x", map[string]any{"region": "south", "before": "old"}), `tenant "acme" has no instance "old" in region "south"`)
	require.NoError(t, r.ask("n", map[string]any{"region": "north"}))
	require.NoError(t, r.ask("s", map[string]any{"region": "south"}))
	require.NoError(t, r.at.Close())

	require.NoError(t, r.start("north", "south"))
	r.follow("n")
	r.follow("s")
	require.ElementsMatch(t, []topology.InstanceID{"old", "n"}, r.stands("north"))
	require.Equal(t, []topology.InstanceID{"s"}, r.stands("south"))
	r.agrees()
	where := map[string]string{}
	instances, err := r.in("").Instances(t.Context(), api.InstanceFilter{Tenant: "acme"})
	require.NoError(t, err)
	for _, i := range instances {
		where[i.ID] = i.Region
	}
	require.Equal(t, map[string]string{"old": "north", "n": "north", "s": "south"}, where)
	changes, err := r.in("").Changes(t.Context(), "")
	require.NoError(t, err)
	for _, c := range changes {
		require.Equal(t, [2]string{"acme", where[c.Subject]}, [2]string{c.Tenant, c.Region})
	}

	err = second(r.in("").UpdateInstance(t.Context(), "s", api.InstanceUpdate{Parameters: []byte(`{"region":"north"}`)}))
	require.ErrorIs(t, err, fault.Invalid)
	require.ErrorContains(t, err, `instance "s" is in region "south" for its life`)
	require.NoError(t, second(r.in("").UpdateInstance(t.Context(), "s", api.InstanceUpdate{Parameters: []byte(`{"region":"south","networks":["lan","dmz"]}`)})))
	r.follow("s")
	require.NoError(t, second(r.in("").DeleteInstance(t.Context(), "n")))
	r.follow("n")
	require.Equal(t, []topology.InstanceID{"old"}, r.stands("north"))
	require.Equal(t, []topology.InstanceID{"s"}, r.stands("south"))
	require.NoError(t, second(r.in("").DeleteInstance(t.Context(), "s")))
	r.follow("s")
	left, err := r.in("south").Topology(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, empty, left)
	r.agrees()
	require.Equal(t, map[string]bool{"north": true, "south": true}, r.used())
	require.NoError(t, r.at.Close())

	err = r.start("south", "north")
	require.ErrorIs(t, err, fault.Conflict)
	require.ErrorContains(t, err, `in "north": let it stay the first`)
}

// second is the error of a call that gives something, too.
func second[T any](_ T, err error) error { return err }

// A plan offers the regions that there are, the first for whoever names none.
func TestPlansOfferTheRegions(t *testing.T) {
	t.Parallel()
	r := newRegional(t)
	schema := func() map[string]any {
		r.publish()
		catalog, err := (&api.OSB{URL: r.at.URL(), User: "cf", Password: "correct horse battery"}).Catalog(t.Context())
		require.NoError(t, err)
		var s struct{ Properties map[string]map[string]any }
		require.NoError(t, json.Unmarshal(catalog.Services[0].Plans[0].Schemas.ServiceInstance.Create.Parameters, &s))
		return s.Properties["region"]
	}
	require.NoError(t, r.start())
	require.Nil(t, schema())
	require.NoError(t, r.at.Close())

	r = newRegional(t)
	require.NoError(t, r.start("north", "south"))
	offered := schema()
	require.Equal(t, []any{"north", "south"}, offered["enum"])
	require.Equal(t, "north", offered["default"])
}

func TestRegionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, regions := range map[string]regionsConfig{
		`"a/b" is not the name of a region`:       {{Name: "a/b"}},
		`region "a" is named twice`:               {{Name: "a"}, {Name: "a"}},
		`"a" and "b" are the same region`:         {{Name: "a", Region: "one"}, {Name: "b", Region: "one"}},
		`management_from of "a": "x" is not a`:    {{Name: "a", MgmtFrom: "x"}},
		`"" is not the name of a region: 1 to 63`: {{Region: "one"}},
	} {
		c := standard()
		c.Cloud.Driver, c.Cloud.Regions = "openstack", regions
		require.ErrorContains(t, c.check(), want)
	}
	c := standard()
	c.Cloud.Regions = regionsConfig{{Name: "a"}}
	require.ErrorContains(t, c.check(), "a linux cloud is one machine")
}

// What a region does not say is as the cloud's own keys say.
func TestRegionsOfAFile(t *testing.T) {
	t.Parallel()
	c, err := readConfig(write(t, "cloud:\n  driver: openstack\n  management: ops\n  regions:\n    - name: north\n    - {name: south, region: RegionTwo, management: ops-south, cutover: ovn, ovn_address: \"tcp:192.0.2.1:6641\"}\n"), none)
	require.NoError(t, err)
	require.NoError(t, c.check())
	north, south := c.in(c.Cloud.Regions[0]).Cloud.openstack(nil), c.in(c.Cloud.Regions[1]).Cloud.openstack(nil)
	require.Equal(t, [3]string{"north", "ops", "api"}, [3]string{north.Region, north.Management, north.Cutover})
	require.Equal(t, [3]string{"RegionTwo", "ops-south", "ovn"}, [3]string{south.Region, south.Management, south.Cutover})
	require.Equal(t, "tcp:192.0.2.1:6641", south.Northbound.Address)

	c, err = readConfig("", func(key string) string { return map[string]string{"BUMPWIRE_CLOUD_REGIONS": "north, south"}[key] })
	require.NoError(t, err)
	require.Equal(t, regionsConfig{{Name: "north"}, {Name: "south"}}, c.Cloud.Regions)
}
