package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bumpwire/bumpwire/broker"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/monitor"
	"github.com/bumpwire/bumpwire/provision/work"
)

// resumeEvery is how often requests are looked for whose broker died after it had
// stored them.
const resumeEvery = 5 * time.Second

// goodbye is how long requests under way may take when the broker stops.
const goodbye = 10 * time.Second

// running is a broker at work: what it is made of, and its end.
type running struct {
	accounts  *broker.Accounts
	cloud     cloud.Cloud // the first region's
	regions   cloud.Regions
	provision *provision.Service
	meter     *metering.Meter

	listener net.Listener
	store    *store.Store
	seat     *seat
	stop     context.CancelFunc
	group    *errgroup.Group
	once     sync.Once
	err      error
}

// start wires a broker, on one screen, and sets it to work. It runs until ctx
// ends or Close is called; whatever start opened is closed then.
func start(ctx context.Context, c config, log *slog.Logger) (_ *running, err error) {
	r := &running{}
	defer func() {
		if err != nil {
			r.release()
		}
	}()
	if r.seat, err = sit(ctx, c.Server.Data, c.Cloud.Driver == "linux"); err != nil {
		return nil, err
	}
	if r.store, err = openStore(ctx, c); err != nil {
		return nil, err
	}
	place, err := store.Enter(ctx, r.store, visitorName("serve"), false)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = place.Leave(context.WithoutCancel(ctx)) // or it goes by itself
		}
	}()
	key, err := seal.Open(c.path("key"))
	if err != nil {
		return nil, err
	}
	if err := checkKey(ctx, r.store, key); err != nil {
		return nil, err
	}
	options, err := c.Packages.options()
	if err != nil {
		return nil, err
	}
	blobs, err := openBlobs(ctx, c)
	if err != nil {
		return nil, err
	}
	offers, err := catalog.New(catalog.Config{Store: r.store, Dir: c.path("packages"), Blobs: blobs, Log: log, Options: options, Quota: c.Packages.quota()})
	if err != nil {
		return nil, err
	}
	if r.regions, err = openRegions(ctx, c, log); err != nil {
		return nil, err
	}
	r.cloud = r.regions.All()[0].Cloud
	if err := checkFirst(ctx, r.store, r.regions); err != nil {
		return nil, err
	}
	engine := work.New(r.store, log, work.Options{Workers: c.Cloud.Parallel})
	// Brokers on one MongoDB store need not be on one machine, so that nobody knows
	// to be alone; there leases of the dead expire.
	if r.seat.alone && !c.Store.mongo() {
		if err := engine.TakeOver(ctx); err != nil {
			return nil, err
		}
	}
	r.provision = provision.New(provision.Config{Store: r.store, Catalog: offers, Regions: r.regions, Engine: engine, Key: key, Log: log, Version: version(),
		BindingLifetime: c.OSB.BindingLifetime, Ceiling: c.OSB.PollingLimit, BootWait: c.Cloud.BootWait})
	watch := monitor.New(r.provision, log, monitor.Config{Every: c.Monitor.Every})
	zone, err := zoneOf(c.Metering.Zone)
	if err != nil {
		return nil, err
	}
	metered := metering.Config{
		Store: r.store, Instances: r.provision, Catalog: offers, Log: log, Window: c.Metering.Window, Schedule: c.Metering.Schedule,
		Zone: zone, Lateness: c.Metering.Lateness, Sample: c.Metering.Sample, Derive: key.Derive, PrivateWebhooks: c.Metering.PrivateWebhooks,
		RetainNames: c.Metering.RetainNames,
	}
	if r.provision.Counts() {
		metered.Counters = r.provision
	}
	r.meter, err = metering.New(metered)
	if err != nil {
		return nil, err
	}
	r.accounts = broker.NewAccounts(r.store)
	server, err := broker.New(broker.Config{
		Provision: r.provision, Catalog: offers, Meter: r.meter, Engine: engine, Cloud: r.regions, Store: r.store,
		Accounts: r.accounts, Log: log, Version: version(), Rounds: watch.Rounds,
		MissingVersion: c.OSB.MissingVersionStatus, PollingLimit: c.OSB.PollingLimit, RetryAfter: c.OSB.RetryAfter, StrictOperation: c.OSB.StrictOperation,
		Issuer: c.Metering.Issuer, Tokens: c.Identity.tokens(), TokenRoles: c.Identity.roles(),
	})
	if err != nil {
		return nil, err
	}
	if r.listener, err = net.Listen("tcp", c.Server.Listen); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot listen: %w", err)
	}
	r.work(ctx, server, c.Server.Drain,
		place.Run,
		engine.Run,
		r.meter.Run,
		r.meter.RunSampling,
		r.meter.RunAlerts,
		r.meter.RunForgetting,
		watch.Run,
		func(ctx context.Context) error { return r.provision.Run(ctx, resumeEvery) },
		c.Provision.Reconcile.loop(r.provision),
	)
	return r, nil
}

// work serves and runs loops until one of them fails or ctx ends. Then the broker
// goes on serving for a while, in which it says that it is stopping.
func (r *running) work(ctx context.Context, front *broker.Server, drain time.Duration, loops ...func(context.Context) error) {
	server := front.HTTPServer()
	ctx, r.stop = context.WithCancel(ctx)
	r.group, ctx = errgroup.WithContext(ctx)
	for _, loop := range loops {
		r.group.Go(func() error { return loop(ctx) })
	}
	r.group.Go(func() error {
		if err := server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("cannot serve: %w", err)
		}
		return nil
	})
	r.group.Go(func() error {
		<-ctx.Done()
		front.Drain()
		time.Sleep(drain)
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if server.Shutdown(patience) != nil {
			return server.Close()
		}
		return nil
	})
}

// URL is where the broker is.
func (r *running) URL() string { return "http://" + r.listener.Addr().String() }

// Wait returns once the broker has stopped, and why if it was not asked to.
func (r *running) Wait() error {
	r.once.Do(func() {
		r.err = r.group.Wait()
		r.stop()
		r.release()
	})
	return r.err
}

// Close stops the broker: no new requests, the steps in hand finished, the rest
// left for the next start.
func (r *running) Close() error {
	r.stop()
	return r.Wait()
}

// release closes what was opened, the last first.
func (r *running) release() {
	if r.cloud != nil {
		_ = r.regions.Close() // what runs in the cloud goes on
	}
	if r.store != nil {
		_ = r.store.Close() // every acknowledged write is on disk already
	}
	if r.seat != nil {
		r.seat.leave()
	}
}
