package broker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

const (
	platformName = "cf"
	adminName    = "admin"
	password     = "correct horse battery"
	tenant       = "org-1"
)

// world is a broker over a simulated cloud and a store in memory, with one
// published firewall and one tenant that has the networks lan and dmz.
type world struct {
	t       testing.TB
	server  *httptest.Server
	config  broker.Config
	cloud   *sim.Cloud
	catalog *catalog.Catalog
	log     *logged
	service api.Service
	osb     *api.OSB
	admin   *api.Client
	run     func() // sets the engine to work; repeated: no effect
}

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld makes a world whose engine does not run yet: what is accepted stays in
// progress until run.
func newWorld(t testing.TB, change ...func(*broker.Config)) *world {
	t.Helper()
	return newWorldOn(t, storetest.Driver(t), change...)
}

// memory is a store of its own.
func memory(t testing.TB) store.Driver {
	t.Helper()
	return storetest.Driver(t)
}

// newWorldOver is a world whose appliances take a while to boot.
func newWorldOver(t testing.TB, boot time.Duration, change ...func(*broker.Config)) *world {
	t.Helper()
	return newWorldIn(t, storetest.Driver(t), sim.New(sim.Options{BootTime: boot, Latency: 5 * time.Millisecond}), change...)
}

func newWorldOn(t testing.TB, driver store.Driver, change ...func(*broker.Config)) *world {
	t.Helper()
	return newWorldIn(t, driver, sim.New(sim.Options{}), change...)
}

func newWorldIn(t testing.TB, driver store.Driver, over *sim.Cloud, change ...func(*broker.Config)) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{t: t, cloud: over, log: &logged{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	st, err := store.Open(ctx, driver)
	require.NoError(t, err)
	w.catalog, err = catalog.New(catalog.Config{Store: st, Dir: t.TempDir(), Log: log})
	require.NoError(t, err)
	key, err := seal.NewKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	engine := work.New(st, log, work.Options{Poll: 10 * time.Millisecond})
	service := provision.New(provision.Config{Store: st, Catalog: w.catalog, Cloud: w.cloud, Engine: engine, Key: key, Log: log, BindingLifetime: 24 * time.Hour})
	meter, err := metering.New(metering.Config{Store: st, Instances: service, Catalog: w.catalog, Log: log})
	require.NoError(t, err)
	accounts := broker.NewAccounts(st)
	accounts.Cost = bcrypt.MinCost
	require.NoError(t, accounts.SetPlatform(ctx, platformName, password))
	require.NoError(t, accounts.SetOperator(ctx, adminName, password))
	config := broker.Config{Provision: service, Catalog: w.catalog, Meter: meter, Engine: engine, Cloud: w.cloud, Store: st,
		Accounts: accounts, Log: log, Version: "test"}
	for _, c := range change {
		c(&config)
	}
	b, err := broker.New(config)
	require.NoError(t, err)
	w.config = config
	w.server = httptest.NewServer(b.Handler())

	var working sync.WaitGroup
	var once sync.Once
	w.run = func() {
		once.Do(func() {
			working.Go(func() { _ = engine.Run(ctx) })
			working.Go(func() { _ = service.Run(ctx, 100*time.Millisecond) })
		})
	}
	t.Cleanup(func() {
		w.server.Close()
		cancel()
		working.Wait()
		require.NoError(t, st.Close())
	})
	w.osb = &api.OSB{URL: w.server.URL, User: platformName, Password: password, Poll: 5 * time.Millisecond}
	w.admin = &api.Client{URL: w.server.URL, User: adminName, Password: password}
	w.furnish()
	return w
}

// furnish publishes the firewall and makes the tenant's networks.
func (w *world) furnish() {
	w.t.Helper()
	ctx := context.Background()
	pushed, err := w.admin.Push(ctx, "example", bytes.NewReader(firewallOVA(w.t)), -1, nil)
	require.NoError(w.t, err)
	w.service, err = w.admin.Publish(ctx, string(pushed.Service.ID), api.Publication{})
	require.NoError(w.t, err)
	w.networks(tenant)
}

// networks gives a tenant the networks lan and dmz, with a host in each.
func (w *world) networks(tenant string) {
	w.t.Helper()
	ctx := context.Background()
	for n, name := range []string{"lan", "dmz"} {
		cidr := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n + 1), 0, 0}), 24)
		_, err := w.admin.CreateNetwork(ctx, tenant, api.Network{ID: name, CIDR: cidr.String()})
		require.NoError(w.t, err)
		require.NoError(w.t, w.cloud.CreateHost(ctx, topology.TenantID(tenant), cloud.Host{
			Name: name + "-host", Network: topology.NetworkID(name), Address: netip.PrefixFrom(cidr.Addr().Next().Next(), 24),
		}))
	}
}

// rotatable publishes a firewall whose appliance can have several logins, and
// makes it the service that orders are for.
func (w *world) rotatable() {
	w.t.Helper()
	ctx := context.Background()
	text, err := os.ReadFile(filepath.Join("..", "testdata", "firewall", "firewall.ovf"))
	require.NoError(w.t, err)
	const login = `passwordProperty="management.password"`
	dir := w.t.TempDir()
	text = []byte(strings.Replace(string(text), login, login+` accounts="/accounts/{user}"`, 1))
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "firewall.ovf"), text, 0o600))
	var ova bytes.Buffer
	_, err = ovf.Build(ctx, dir, &ova, ovf.BuildOptions{})
	require.NoError(w.t, err)
	pushed, err := w.admin.Push(ctx, "rotating", &ova, -1, nil)
	require.NoError(w.t, err)
	w.service, err = w.admin.Publish(ctx, string(pushed.Service.ID), api.Publication{})
	require.NoError(w.t, err)
}

// firewallOVA is testdata/firewall as an OVA.
func firewallOVA(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := ovf.Build(context.Background(), filepath.Join("..", "testdata", "firewall"), &b, ovf.BuildOptions{})
	require.NoError(t, err)
	return b.Bytes()
}

func (w *world) plan(name string) string {
	for _, p := range w.service.Plans {
		if p.Name == name {
			return string(p.ID)
		}
	}
	w.t.Fatalf("no plan %q", name)
	return ""
}

// order is a valid provision request on lan.
func (w *world) order() map[string]any {
	return map[string]any{
		"service_id": w.service.ID, "plan_id": w.plan("small"), "organization_guid": tenant, "space_guid": "space-1",
		"context":    map[string]any{"platform": "cloudfoundry", "organization_guid": tenant, "instance_name": "my firewall"},
		"parameters": map[string]any{"networks": []string{"lan"}, "firewall.mtu": 1400},
	}
}

// with is a copy of m with some keys set; a nil value removes the key.
func with(m map[string]any, pairs ...any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	for n := 0; n < len(pairs); n += 2 {
		if pairs[n+1] == nil {
			delete(out, pairs[n].(string))
			continue
		}
		out[pairs[n].(string)] = pairs[n+1]
	}
	return out
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// put and its like send one OSB request as the platform.
func (w *world) put(path string, body any) reply { return w.send("PUT", path, body) }
func (w *world) get(path string) reply           { return w.send("GET", path, nil) }
func (w *world) delete(path string) reply        { return w.send("DELETE", path, nil) }
func (w *world) patch(path string, body any) reply {
	return w.send("PATCH", path, body)
}

func (w *world) send(method, path string, body any, change ...func(*http.Request)) reply {
	w.t.Helper()
	var r io.Reader
	switch body := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(body)
	default:
		text, err := json.Marshal(body)
		require.NoError(w.t, err)
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, w.server.URL+path, r)
	require.NoError(w.t, err)
	req.SetBasicAuth(platformName, password)
	req.Header.Set(api.HeaderVersion, api.Version)
	for _, c := range change {
		c(req)
	}
	return w.do(req)
}

func (w *world) do(req *http.Request) reply {
	w.t.Helper()
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	out := reply{status: res.StatusCode, header: res.Header, text: string(text)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") && res.Header.Get("Content-Encoding") == "" && len(text) > 0 {
		require.NoError(w.t, json.Unmarshal(text, &out.body), "not a JSON object: %s", text)
	}
	return out
}

const incomplete = "?accepts_incomplete=true"

// provisioned makes an instance and waits until it is there.
func (w *world) provisioned(id string) {
	w.t.Helper()
	w.run()
	r := w.put("/v2/service_instances/"+id+incomplete, w.order())
	require.Equal(w.t, 202, r.status, r.text)
	w.settled("/v2/service_instances/"+id, "succeeded")
}

// settled polls until the operation on a resource has ended as wanted.
func (w *world) settled(path, want string) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		r := w.get(path + "/last_operation")
		require.Equal(w.t, 200, r.status, r.text)
		if r.body["state"] != "in progress" {
			require.Equal(w.t, want, r.body["state"], r.text)
			return
		}
		require.True(w.t, time.Now().Before(deadline), "still in progress: %s", r.text)
		<-time.After(5 * time.Millisecond)
	}
}

// removal is the query of a DELETE.
func (w *world) removal() string {
	return "?accepts_incomplete=true&service_id=" + string(w.service.ID) + "&plan_id=" + w.plan("small")
}
