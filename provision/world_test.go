package provision_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

const tenant = topology.TenantID("acme")

// world is a catalog with one published firewall and a simulated cloud with one
// tenant, who has the networks lan and dmz with a host on each. Brokers come and
// go on it.
type world struct {
	driver  store.Driver
	blobs   string
	cloud   *sim.Cloud
	service catalog.Service

	lifetime time.Duration // of logins, for the brokers to come
	ceiling  time.Duration // of operations, for the brokers to come
	bootWait time.Duration // of appliances, for the brokers to come
	base     topology.Fabric
	through  cloud.Cloud // how the brokers to come get at the cloud; nil: steadily
}

// broker is one process: a service and the engine that works for it.
type broker struct {
	*provision.Service
	cloud  cloud.Cloud
	engine *work.Engine
	stop   func()
}

func newWorld(t testing.TB, o sim.Options) *world {
	t.Helper()
	return newWorldOf(t, o, filepath.Join("..", "testdata", "firewall"))
}

// newWorldOf is a world whose firewall is the package in a folder.
func newWorldOf(t testing.TB, o sim.Options, folder string) *world {
	t.Helper()
	w := &world{driver: storetest.Driver(t), blobs: t.TempDir(), cloud: sim.New(o)}
	w.publish(t, folder)
	for n, id := range []topology.NetworkID{"lan", "dmz"} {
		w.network(t, tenant, id, byte(n))
	}
	var err error
	w.base, err = w.cloud.Observe(t.Context(), tenant)
	require.NoError(t, err)
	return w
}

// network gives a tenant the network 10.0.n.0/24 with a host on it.
func (w *world) network(t testing.TB, owner topology.TenantID, id topology.NetworkID, n byte) {
	t.Helper()
	cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, n, 0}), 24)
	network := topology.Network{ID: id, Name: string(id), Role: topology.RoleTenant, Subnets: []topology.Subnet{{CIDR: cidr, Gateway: cidr.Addr().Next()}}}
	require.NoError(t, w.cloud.CreateNetwork(t.Context(), owner, network))
	host := cloud.Host{Name: "host-" + string(id), Network: id, Address: netip.PrefixFrom(cidr.Addr().Next().Next(), 24)}
	require.NoError(t, w.cloud.CreateHost(t.Context(), owner, host))
}

func (w *world) publish(t testing.TB, folder string) {
	t.Helper()
	var ova bytes.Buffer
	_, err := ovf.Build(t.Context(), folder, &ova, ovf.BuildOptions{})
	require.NoError(t, err)
	c := w.catalog(t, w.driver)
	_, drafted, err := c.Push(t.Context(), "example", &ova)
	require.NoError(t, err)
	for _, p := range drafted.Plans {
		if len(p.Prices) == 0 {
			_, err = c.SetPrice(t.Context(), drafted.ID, p.ID, catalog.Price{Dimension: "instance", Unit: "hour", Currency: "EUR"})
			require.NoError(t, err)
		}
	}
	w.service, err = c.Publish(t.Context(), drafted.ID, nil)
	require.NoError(t, err)
}

func (w *world) catalog(t testing.TB, d store.Driver) *catalog.Catalog {
	t.Helper()
	st, err := store.Open(context.Background(), d)
	require.NoError(t, err)
	c, err := catalog.New(catalog.Config{Store: st, Dir: w.blobs, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return c
}

// broker starts a process on the world, whose store may be made to fail. Its
// engine works until stop, or until the test ends.
func (w *world) broker(t testing.TB, d store.Driver) *broker {
	t.Helper()
	st, err := store.Open(context.Background(), d)
	require.NoError(t, err)
	key, err := seal.NewKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	quiet := slog.New(slog.DiscardHandler)
	engine := work.New(st, quiet, work.Options{
		Poll: 250 * time.Millisecond, Takeover: true, MaxAttempts: 3, Patience: time.Millisecond, Grace: 20 * time.Millisecond, Lease: 3 * time.Second,
		Backoff: func(int) time.Duration { return time.Millisecond },
	})
	within := w.steady()
	b := &broker{cloud: within, engine: engine, Service: provision.New(provision.Config{
		Store: st, Catalog: w.catalog(t, d), Cloud: within, Engine: engine, Key: key, Log: quiet, BindingLifetime: w.lifetime, Ceiling: w.ceiling, BootWait: w.bootWait,
	})}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	running.Go(func() { _ = b.Run(ctx, 100*time.Millisecond) })
	b.stop = func() { cancel(); running.Wait() }
	t.Cleanup(b.stop)
	return b
}

// steady is the cloud as a broker uses it, whether or not its reads lag.
func (w *world) steady() cloud.Cloud {
	if w.through != nil {
		return w.through
	}
	return cloud.Steady{Cloud: w.cloud, Every: time.Millisecond}
}

// plan is one of the service's by name, or the only one that there is.
func (w *world) plan(name string) catalog.PlanID {
	if len(w.service.Plans) == 1 {
		return w.service.Plans[0].ID
	}
	for _, p := range w.service.Plans {
		if p.Name == name {
			return p.ID
		}
	}
	panic("the firewall has no plan " + name)
}

// order is a valid request for an instance on the given networks.
func (w *world) order(id topology.InstanceID, networks ...string) provision.ProvisionRequest {
	parameters := map[string]any{"firewall.block-tcp-ports": "23"}
	if len(networks) > 0 {
		parameters["networks"] = networks
	}
	return provision.ProvisionRequest{
		ID: id, Platform: "cf", Tenant: tenant, Service: w.service.ID, Plan: w.plan("small"),
		Organization: string(tenant), Space: "prod", Parameters: raw(parameters), AcceptsIncomplete: true,
	}
}

func (w *world) binding(i topology.InstanceID, id provision.BindingID, network string) provision.BindRequest {
	r := provision.BindRequest{Instance: i, ID: id, Platform: "cf", Service: w.service.ID, Plan: w.plan("small"), AcceptsIncomplete: true}
	if network != "" {
		r.Parameters = raw(map[string]any{"network": network})
	}
	return r
}

func (w *world) removal(i topology.InstanceID, b provision.BindingID) provision.RemoveRequest {
	return provision.RemoveRequest{Instance: i, Binding: b, Platform: "cf", Service: w.service.ID, Plan: w.plan("small"), AcceptsIncomplete: true}
}

func raw(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

// wait follows an operation to its end.
func (b *broker) wait(t testing.TB, op work.ChangeID) work.Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := b.engine.Wait(ctx, op)
	require.NoError(t, err)
	return c
}

// provisioned makes an instance and waits until it is in place.
func (b *broker) provisioned(t testing.TB, r provision.ProvisionRequest) {
	t.Helper()
	out, err := b.Provision(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
}

func (b *broker) removed(t testing.TB, r provision.RemoveRequest) {
	t.Helper()
	out, err := b.Deprovision(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
}

// path is what a packet from a host passes.
func (w *world) path(t testing.TB, host string) string {
	t.Helper()
	passed, reached, err := w.cloud.Trace(context.Background(), tenant, host)
	require.NoError(t, err)
	require.True(t, reached, "%s does not reach its gateway", host)
	names := []string{host}
	for _, a := range passed {
		names = append(names, string(a))
	}
	return strings.Join(append(names, "gateway"), " → ")
}

// way is path with all generations of an appliance called the same.
func (w *world) way(t testing.TB, host string) string {
	return generation.ReplaceAllString(w.path(t, host), "")
}

var generation = regexp.MustCompile(`~[0-9]+`)

// requireBase says that the tenant has exactly what it had at first.
func (w *world) requireBase(t testing.TB) {
	t.Helper()
	now, err := w.cloud.Observe(context.Background(), tenant)
	require.NoError(t, err)
	require.Equal(t, w.base, now)
	require.Empty(t, w.cloud.Violations())
}

// story is an instance's history in one line, gaps and disorder made visible.
func story(t testing.TB, i provision.Instance) string {
	t.Helper()
	var states []string
	for n, e := range i.History {
		require.Equal(t, n+1, e.Seq)
		if n > 0 {
			require.False(t, e.At.Before(i.History[n-1].At), "history runs backwards")
		}
		if len(states) == 0 || states[len(states)-1] != string(e.State) {
			states = append(states, string(e.State))
		}
	}
	return fmt.Sprint(strings.Join(states, " "))
}
