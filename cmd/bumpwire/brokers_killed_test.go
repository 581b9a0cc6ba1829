package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

// killedRequests is how many requests are sent, unless BUMPWIRE_KILLED says.
const killedRequests = 500

// Requests of all kinds meet three brokers on one MongoDB store, of which one is
// killed and another started every few seconds. In the end every instance is as its
// last accepted request asks for, and nothing contradicts anything.
func TestBrokersThatAreKilled(t *testing.T) {
	t.Parallel()
	total := int64(killedRequests)
	if text := os.Getenv("BUMPWIRE_KILLED"); text != "" {
		var err error
		total, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
	}
	store := storetest.MongoURI(t)
	b := newBrokers(t, 3, store, "BUMPWIRE_METERING_WINDOW=5s")
	const tenants, clients, instances = 4, 8, 3 // instances of each client
	b.furnish(tenants)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()

	var sent atomic.Int64
	var asking sync.WaitGroup
	wishes := make([][]*wish, clients)
	errs := make([]error, clients)
	for n := range clients {
		for k := range instances {
			wishes[n] = append(wishes[n], &wish{b: b, id: fmt.Sprintf("i-%d-%d", n, k), tenant: (n + k) % tenants})
		}
		asking.Go(func() {
			luck := rand.New(rand.NewPCG(uint64(n), 7))
			for sent.Add(1) <= total && errs[n] == nil {
				errs[n] = wishes[n][luck.IntN(instances)].ask(ctx, luck)
			}
		})
	}
	stop := make(chan struct{})
	killed := make(chan int)
	go func() { killed <- b.killSome(stop) }()
	asking.Wait()
	close(stop)
	t.Logf("%d requests, %d brokers killed", total, <-killed)
	require.NoError(t, errors.Join(errs...))

	present := b.requireWishes(ctx, wishes)
	require.Empty(t, b.check(store), "while the brokers work")
	b.stop()
	require.Empty(t, b.check(store))
	b.requireServers(ctx, present)
}

// killSome kills a broker and starts another, every few seconds until stop; it says
// how often.
func (b *brokers) killSome(stop chan struct{}) (times int) {
	for ; ; times++ {
		select {
		case <-stop:
			return times
		case <-time.After(time.Second + rand.N(2*time.Second)):
		}
		b.kill(rand.N(3))
		b.start()
	}
}

// wish is what a client has asked for of an instance, as far as it was accepted.
type wish struct {
	b      *brokers
	id     string
	tenant int

	exists, bound bool
	plan          int
}

// ask sends a request of any kind.
func (w *wish) ask(ctx context.Context, luck *rand.Rand) error {
	osb := func() *api.OSB { return w.b.osb() }
	service, plan, other := string(w.b.service.ID), string(w.b.service.Plans[w.plan].ID), 1-w.plan
	binding := w.id + "-b"
	switch kind := luck.IntN(10); {
	case !w.exists && kind < 8:
		order := w.b.order(w.tenant)
		return w.accepted(ctx, func() (err error) { _, err = osb().Provision(ctx, w.id, order); return err },
			func() { w.exists, w.plan = true, w.defaultPlan(order.PlanID) })
	case kind >= 8:
		_, err := insist(ctx, func() (api.OSBInstance, error) { return osb().Instance(ctx, w.id) })
		if kind := fault.KindOf(err); err != nil && kind != fault.NotFound && kind != fault.Busy {
			return err
		}
		return nil
	case kind < 2:
		return w.accepted(ctx, func() (err error) { _, err = osb().Deprovision(ctx, w.id, service, plan); return err },
			func() { w.exists, w.bound = false, false })
	case kind < 5:
		update := api.OSBUpdate{ServiceID: service, PlanID: string(w.b.service.Plans[other].ID)}
		return w.accepted(ctx, func() (err error) { _, err = osb().Update(ctx, w.id, update); return err },
			func() { w.plan = other })
	case w.bound:
		return w.accepted(ctx, func() (err error) { _, err = osb().Unbind(ctx, w.id, binding, service, plan); return err },
			func() { w.bound = false })
	}
	bind := api.OSBBind{ServiceID: service, PlanID: plan}
	return w.accepted(ctx, func() (err error) { _, err = osb().Bind(ctx, w.id, binding, bind); return err },
		func() { w.bound = true })
}

func (w *wish) defaultPlan(id string) int {
	if string(w.b.service.Plans[0].ID) == id {
		return 0
	}
	return 1
}

// accepted sends a request until it is answered, and takes over what it asks for
// when it was accepted. One whose answer was lost may have been accepted: then it is
// repeated until it is known to be, as a platform would.
func (w *wish) accepted(ctx context.Context, send func() error, then func()) error {
	lost := false
	for {
		err := send()
		var dead *url.Error
		switch kind := fault.KindOf(err); {
		case err == nil || kind == fault.Gone:
			then()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &dead) || kind == fault.Unavailable:
			lost = true
		case kind == fault.Busy && !lost:
			return nil // refused: another operation is in progress
		case kind != fault.Busy:
			return fmt.Errorf("%s: %w", w.id, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// requireWishes waits until nothing is in progress; then everything is as it was
// asked for. It says how many instances there are.
func (b *brokers) requireWishes(ctx context.Context, wishes [][]*wish) (present int) {
	b.t.Helper()
	var found []api.Disagreement
	require.Eventually(b.t, func() bool {
		var err error
		found, err = b.admin().Orphans(ctx)
		for _, d := range found {
			if d.Busy {
				return false
			}
		}
		return err == nil
	}, 5*time.Minute, 500*time.Millisecond, "the changes of killed brokers end")
	require.Empty(b.t, found, "instance orphans")
	for _, of := range wishes {
		for _, w := range of {
			i, err := b.osb().Instance(ctx, w.id)
			if !w.exists {
				require.ErrorIs(b.t, err, fault.NotFound, w.id)
				continue
			}
			present++
			require.NoError(b.t, err, w.id)
			require.Equal(b.t, string(b.service.Plans[w.plan].ID), i.PlanID, w.id)
			last, err := b.osb().LastOperation(ctx, w.id, "")
			require.NoError(b.t, err, w.id)
			require.Equal(b.t, api.Succeeded, last.State, "%s: %s", w.id, last.Description)
			if _, err := b.osb().GetBinding(ctx, w.id, w.id+"-b"); w.bound {
				require.NoError(b.t, err, w.id)
			} else {
				require.ErrorIs(b.t, err, fault.NotFound, w.id)
			}
		}
	}
	return present
}

// requireServers: each instance has one appliance in the cloud.
func (b *brokers) requireServers(ctx context.Context, present int) {
	b.t.Helper()
	cloud := sim.New(sim.Options{Path: filepath.Join(b.dir, "data", "sim.json")})
	defer cloud.Close()
	all, err := cloud.Resources(ctx)
	require.NoError(b.t, err)
	servers := 0
	for _, r := range all {
		if r.Kind == "server" {
			servers++
		}
	}
	require.Equal(b.t, present, servers)
}
