package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/ovf"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
)

// brokers are `bumpwire serve` processes on one store and one simulated cloud, and
// somebody in front of them who gives each request to any of those that live.
type brokers struct {
	t       testing.TB
	dir     string
	store   string   // for --store; "": in the data folder
	env     []string // beside what all have
	service api.Service

	mu   sync.Mutex
	live []*process
}

// process is one of them.
type process struct {
	cmd   *exec.Cmd
	url   string
	ended chan struct{} // closed once it has ended; then cmd.ProcessState says how
}

func (p *process) end() {
	_ = p.cmd.Process.Kill() // it may be dead already
	<-p.ended
}

func newBrokers(t testing.TB, n int, store string, env ...string) *brokers {
	t.Helper()
	b := &brokers{t: t, dir: t.TempDir(), store: store, env: env}
	t.Cleanup(func() {
		for _, p := range b.live {
			p.end()
		}
	})
	for range n {
		b.start()
	}
	return b
}

func (b *brokers) start() {
	b.t.Helper()
	program := filepath.Join(b.dir, "bumpwire") // under this name the test binary is the program, see TestMain
	self, err := os.Executable()
	require.NoError(b.t, err)
	if err := os.Symlink(self, program); !errors.Is(err, fs.ErrExist) {
		require.NoError(b.t, err)
	}
	cmd := exec.Command(program, "serve", "--data", filepath.Join(b.dir, "data"), "--listen", "127.0.0.1:0", "--cloud", "sim", "--log-level", "error", "--store", b.store)
	cmd.Env = append(os.Environ(), "BUMPWIRE_CLOUD_BOOT_TIME=20ms", "BUMPWIRE_PLATFORM=cf:cf-password", "BUMPWIRE_ADMIN=root:root-password")
	cmd.Env = append(cmd.Env, b.env...)
	cmd.Stderr = b.t.Output()
	out, err := cmd.StdoutPipe()
	require.NoError(b.t, err)
	require.NoError(b.t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "serves on "); ok {
			at, _, _ := strings.Cut(after, ",")
			b.mu.Lock()
			defer b.mu.Unlock()
			b.live = append(b.live, watched(cmd, at))
			return
		}
	}
	b.t.Fatal("serve did not start")
}

func watched(cmd *exec.Cmd, at string) *process {
	p := &process{cmd, at, make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
	}()
	return p
}

// kill ends a broker as a power cut would. It is to have run until then.
func (b *brokers) kill(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.live[n]
	b.live = append(b.live[:n:n], b.live[n+1:]...)
	select {
	case <-p.ended:
		b.t.Errorf("the broker %s ended by itself: %v", p.url, p.cmd.ProcessState)
	default:
		p.end()
	}
}

// stop ends all in order.
func (b *brokers) stop() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.live {
		require.NoError(b.t, p.cmd.Process.Signal(os.Interrupt))
		<-p.ended
		require.True(b.t, p.cmd.ProcessState.Success(), "%v", p.cmd.ProcessState)
	}
	b.live = nil
}

// run runs a command of the program and gives what it printed.
func (b *brokers) run(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(b.t.Context(), filepath.Join(b.dir, "bumpwire"), args...)
	cmd.Stderr = b.t.Output()
	return cmd.Output()
}

// any is the address of one that lives.
func (b *brokers) any() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.live[rand.N(len(b.live))].url
}

func (b *brokers) admin() *api.Client {
	return &api.Client{URL: b.any(), User: "root", Password: "root-password"}
}

func (b *brokers) osb() *api.OSB {
	return &api.OSB{URL: b.any(), User: "cf", Password: "cf-password", Poll: 100 * time.Millisecond}
}

// furnish publishes the firewall and makes networks for some tenants, each step
// through another broker.
func (b *brokers) furnish(tenants int) {
	b.t.Helper()
	var ova bytes.Buffer
	_, err := ovf.Build(b.t.Context(), filepath.Join("..", "..", "testdata", "firewall"), &ova, ovf.BuildOptions{})
	require.NoError(b.t, err)
	pushed, err := b.admin().Push(b.t.Context(), "example", &ova, -1, nil)
	require.NoError(b.t, err)
	b.service, err = b.admin().Publish(b.t.Context(), string(pushed.Service.ID), api.Publication{})
	require.NoError(b.t, err)
	for n := range tenants {
		_, err := b.admin().CreateNetwork(b.t.Context(), fmt.Sprintf("org-%d", n), api.Network{ID: "lan", CIDR: "10.0.0.0/24"})
		require.NoError(b.t, err)
	}
}

func (b *brokers) order(tenant int) api.OSBProvision {
	return api.OSBProvision{ServiceID: string(b.service.ID), PlanID: string(b.service.Plans[0].ID),
		OrganizationGUID: fmt.Sprintf("org-%d", tenant), SpaceGUID: "s", Parameters: []byte(`{"networks":["lan"]}`)}
}

// insist asks any broker until one answers: the one asked may have just died. It leaves
// those alone for a moment that are at their limit.
func insist[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for last := error(nil); ; {
		v, err := ask()
		var dead *url.Error
		switch {
		case ctx.Err() != nil:
			return v, errors.Join(err, last)
		case err == nil || !errors.As(err, &dead) && !errors.Is(err, fault.Unavailable):
			return v, err
		}
		last = err
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// live leads an instance through its life, each request by any broker.
func (b *brokers) leadALife(ctx context.Context, id string, tenant int) error {
	r := b.order(tenant)
	made, err := insist(ctx, func() (api.OSBAccepted, error) { return b.osb().Provision(ctx, id, r) })
	if err != nil {
		return err
	}
	if err := b.follow(ctx, id, made.Operation); err != nil {
		return err
	}
	bind := api.OSBBind{ServiceID: r.ServiceID, PlanID: r.PlanID}
	if _, err := insist(ctx, func() (api.OSBBinding, error) { return b.osb().Bind(ctx, id, id+"-b", bind) }); err != nil {
		return err
	}
	gone, err := insist(ctx, func() (api.OSBAccepted, error) { return b.osb().Deprovision(ctx, id, r.ServiceID, r.PlanID) })
	if err != nil {
		return err
	}
	return b.follow(ctx, id, gone.Operation)
}

// follow polls any broker until an operation has succeeded.
func (b *brokers) follow(ctx context.Context, id, operation string) error {
	for {
		last, err := insist(ctx, func() (api.LastOperation, error) { return b.osb().LastOperation(ctx, id, operation) })
		switch {
		case err != nil:
			return err
		case last.State == api.Succeeded:
			return nil
		case last.State != api.InProgress:
			return fmt.Errorf("%s is %s: %s", id, last.State, last.Description)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %s", id, ctx.Err(), last.Description)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// What one broker does all others know at once, two identical requests at the same
// moment make one instance, and when a broker is killed the others finish its work.
func TestSeveralBrokersOnOneStore(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		requireBrokersWorkTogether(t, "")
	})
	t.Run("mongodb", func(t *testing.T) {
		t.Parallel()
		requireBrokersWorkTogether(t, storetest.MongoURI(t))
	})
}

func requireBrokersWorkTogether(t *testing.T, store string) {
	b := newBrokers(t, 3, store)
	const tenants = 4
	b.furnish(tenants)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()

	for _, p := range b.live {
		osb := &api.OSB{URL: p.url, User: "cf", Password: "cf-password"}
		c, err := osb.Catalog(ctx)
		require.NoError(t, err)
		require.Len(t, c.Services, 1, "what was published by one is in the catalog of all")
	}
	b.requireOneOfEach(ctx)

	var lives sync.WaitGroup
	errs := make([]error, 24)
	for n := range errs {
		lives.Go(func() { errs[n] = b.leadALife(ctx, fmt.Sprintf("life-%d", n), n%tenants) })
	}
	b.kill(0)
	lives.Wait()
	require.NoError(t, errors.Join(errs...))
	b.requireNothingLeft(ctx)
}

// requireOneOfEach asks all brokers for the same instances at the same moment.
func (b *brokers) requireOneOfEach(ctx context.Context) {
	b.t.Helper()
	for n := range 10 {
		id := fmt.Sprintf("same-%d", n)
		var asking sync.WaitGroup
		operations, errs := make([]string, len(b.live)), make([]error, len(b.live))
		for k, p := range b.live {
			asking.Go(func() {
				osb := &api.OSB{URL: p.url, User: "cf", Password: "cf-password"}
				a, err := osb.Provision(ctx, id, b.order(n%2))
				operations[k], errs[k] = a.Operation, err
			})
		}
		asking.Wait()
		require.NoError(b.t, errors.Join(errs...))
		// Who comes so late that the instance is in place is told of no operation.
		asked := slices.Compact(slices.DeleteFunc(operations, func(o string) bool { return o == "" }))
		require.Len(b.t, asked, 1, "one operation, whoever was asked")
		require.NoError(b.t, b.follow(ctx, id, asked[0]))
		r := b.order(n % 2)
		gone, err := b.osb().Deprovision(ctx, id, r.ServiceID, r.PlanID)
		require.NoError(b.t, err)
		require.NoError(b.t, b.follow(ctx, id, gone.Operation))
	}
}

// requireNothingLeft: the cloud holds the tenants' own networks and gateways only.
func (b *brokers) requireNothingLeft(ctx context.Context) {
	b.t.Helper()
	cloud := sim.New(sim.Options{Path: filepath.Join(b.dir, "data", "sim.json")})
	defer cloud.Close()
	left, err := cloud.Resources(ctx)
	require.NoError(b.t, err)
	for _, r := range left {
		require.NotEqual(b.t, "server", r.Kind, "%+v", r)
		require.False(b.t, r.Kind == "network" && r.Detail != "tenant", "%+v", r)
	}
	orphans, err := b.admin().Orphans(ctx)
	require.NoError(b.t, err)
	require.Empty(b.t, orphans)
	all, err := b.admin().Instances(ctx, api.InstanceFilter{})
	require.NoError(b.t, err)
	require.Empty(b.t, all)
}

// The conformance suite passes when every request meets another broker.
func TestTheSuitePassesOverSeveralBrokers(t *testing.T) {
	t.Parallel()
	b := newBrokers(t, 3, "")
	b.furnish(4)
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		to, err := url.Parse(b.any())
		if err == nil {
			r.SetURL(to)
		}
		r.Out.URL.RawQuery = r.In.URL.RawQuery // also what a proxy would mend
	}})
	defer front.Close()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(b.dir, "bumpwire"), "osb", "check", front.URL, "--username", "cf", "--password", "cf-password",
		"--organization", "org-0,org-1,org-2,org-3", "--poll-interval", "50ms")
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), "%s", &out)
}
