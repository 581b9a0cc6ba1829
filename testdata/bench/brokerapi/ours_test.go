package brokerapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/sqlitestore"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/work"
)

const services = 100

// world is our broker, made as `serve` makes it, over a store in a file, with its
// engine at work, and 100 services in the catalog.
type world struct {
	address string
	driver  *sqlitestore.Driver
	run     func(context.Context) // the engine, until the context ends
	halt    func()
	admin   *api.Client
	service api.Service // the last one published
}

func newWorld(b *testing.B) *world {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	driver, err := sqlitestore.Open(ctx, filepath.Join(b.TempDir(), "bench.db"))
	require.NoError(b, err)
	st, err := store.Open(ctx, driver)
	require.NoError(b, err)
	offers, err := catalog.New(catalog.Config{Store: st, Dir: b.TempDir(), Log: log})
	require.NoError(b, err)
	key, err := seal.NewKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(b, err)
	virtual := sim.New(sim.Options{})
	engine := work.New(st, log, work.Options{})
	instances := provision.New(provision.Config{Store: st, Catalog: offers, Cloud: virtual, Engine: engine, Key: key, Log: log})
	meter, err := metering.New(metering.Config{Store: st, Instances: instances, Catalog: offers, Log: log})
	require.NoError(b, err)
	accounts := broker.NewAccounts(st)
	accounts.Cost = bcrypt.MinCost
	require.NoError(b, accounts.SetPlatform(ctx, user, password))
	require.NoError(b, accounts.SetOperator(ctx, "admin", password))
	s, err := broker.New(broker.Config{Provision: instances, Catalog: offers, Meter: meter, Engine: engine, Cloud: virtual,
		Store: st, Accounts: accounts, Log: log, Version: "bench"})
	require.NoError(b, err)
	server := httptest.NewUnstartedServer(nil)
	server.Config = s.HTTPServer()
	server.Start()

	w := &world{address: strings.TrimPrefix(server.URL, "http://"), driver: driver, admin: &api.Client{URL: server.URL, User: "admin", Password: password}}
	w.run = func(ctx context.Context) {
		var working sync.WaitGroup
		working.Go(func() { _ = engine.Run(ctx) })
		working.Go(func() { _ = instances.Run(ctx, time.Minute) })
		working.Wait()
	}
	w.work()
	b.Cleanup(func() {
		server.Close()
		w.halt()
		cancel()
		require.NoError(b, st.Close())
	})
	w.publish(b)
	return w
}

// work sets the engine to work; halt ends that, wherever the work stands.
func (w *world) work() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	w.halt = func() {
		cancel()
		<-done
	}
}

// rest is halt, with all put away that was stored: nothing of this world works on.
func (w *world) rest(b *testing.B) {
	b.Helper()
	w.halt()
	require.NoError(b, w.driver.Folded(context.Background()))
}

// publish puts one firewall into the catalog for each of 100 vendors.
func (w *world) publish(b *testing.B) {
	b.Helper()
	var ova bytes.Buffer
	_, err := ovf.Build(context.Background(), filepath.Join("..", "..", "firewall"), &ova, ovf.BuildOptions{})
	require.NoError(b, err)
	for n := range services {
		pushed, err := w.admin.Push(context.Background(), fmt.Sprintf("vendor-%03d", n), bytes.NewReader(ova.Bytes()), -1, nil)
		require.NoError(b, err)
		w.service, err = w.admin.Publish(context.Background(), string(pushed.Service.ID), api.Publication{})
		require.NoError(b, err)
	}
}

// catalog is what platforms get, and its entity tag.
func (w *world) catalog(b *testing.B) (body []byte, etag string) {
	b.Helper()
	r, err := http.NewRequest("GET", "http://"+w.address+"/v2/catalog", nil)
	require.NoError(b, err)
	r.SetBasicAuth(user, password)
	r.Header.Set(api.HeaderVersion, api.Version)
	r.Header.Set("Accept-Encoding", "identity")
	res, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(b, err)
	defer res.Body.Close()
	require.Equal(b, http.StatusOK, res.StatusCode)
	body, err = io.ReadAll(res.Body)
	require.NoError(b, err)
	return body, res.Header.Get("ETag")
}

// settled waits until the engine has done all that was asked for.
func (w *world) settled(b *testing.B) {
	b.Helper()
	require.Eventually(b, func() bool {
		open, err := w.driver.Scan(context.Background(), "instances", store.Query{Key: "pending", Value: "yes", Limit: 1})
		return err == nil && len(open) == 0
	}, 2*time.Minute, 100*time.Millisecond)
}

// crowd puts so many instances into the store, copies of one that is in place, in
// the hands of a hundred tenants.
func (w *world) crowd(b *testing.B, n int64) {
	b.Helper()
	ctx := context.Background()
	_, err := w.admin.CreateNetwork(ctx, "first-tenant", api.Network{ID: "lan", CIDR: "10.0.0.0/24"})
	require.NoError(b, err)
	made, err := w.admin.CreateInstance(ctx, api.NewInstance{
		Tenant: "first-tenant", Service: string(w.service.ID), Plan: string(w.service.Plans[0].ID),
		Parameters: []byte(`{"networks":["lan"]}`),
	})
	require.NoError(b, err)
	first := made.Instance
	require.Eventually(b, func() bool {
		i, err := w.admin.Instance(ctx, first)
		return err == nil && i.State == string(provision.Active)
	}, time.Minute, 10*time.Millisecond)
	doc, err := w.driver.Get(ctx, "instances", first)
	require.NoError(b, err)
	var next atomic.Int64
	var all sync.WaitGroup
	for range 2 * connections {
		all.Go(func() {
			for k := next.Add(1); k <= n; k = next.Add(1) {
				names := strings.NewReplacer(first, rand.Text(), "first-tenant", fmt.Sprintf("tenant-%d", k%100))
				copied := store.Doc{ID: names.Replace(first), Keys: map[string]string{}, Body: []byte(names.Replace(string(doc.Body)))}
				for key, value := range doc.Keys {
					copied.Keys[key] = names.Replace(value)
				}
				if err := w.driver.Put(ctx, "instances", copied); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	require.NoError(b, w.driver.Folded(ctx)) // what is measured is a store that has them, not one that puts them away
}
