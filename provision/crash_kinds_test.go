package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// kindOfChange is one row of the crash matrix.
type kindOfChange struct {
	name   string
	world  func(t *testing.T) *world
	before func(t *testing.T, w *world, b *broker) // what there is when the change is asked for
	ask    func(ctx context.Context, w *world, b *broker) (provision.Outcome, error)
	again  func(t *testing.T, w *world, b *broker) // clears the way for asking again; may be nil
	owner  string                                  // the platform of the instance; empty: cf
}

// removal is of what the change was about, or of its neighbour.
func (k kindOfChange) removal(w *world, id topology.InstanceID) provision.RemoveRequest {
	r := w.removal(id, "")
	if k.owner != "" && id == "fw" {
		r.Platform = k.owner
	}
	return r
}

func kindsOfChange() []kindOfChange {
	resilient := func(t *testing.T) *world { return newResilientWorld(t, sim.Options{}) }
	rotatable := func(t *testing.T) *world { return newRotatable(t, sim.Options{}) }
	redirecting := func(t *testing.T) *world { return newRedirectWorld(t, sim.Options{}) }
	there := func(t *testing.T, w *world, b *broker) {
		b.provisioned(t, w.order("fw", "lan"))
		b.provisioned(t, w.order("ips", "lan"))
	}
	bypassed := func(t *testing.T, w *world, b *broker) {
		there(t, w, b)
		out, err := b.Bypass(t.Context(), provision.UpkeepRequest{Instance: "fw", By: "operator/admin"})
		require.NoError(t, err)
		require.Equal(t, work.Done, b.wait(t, out.Operation).Status)
	}
	suspended := func(t *testing.T, w *world, b *broker) {
		there(t, w, b)
		b.operator(t, b.Suspend, "fw", "")
	}
	bound := func(t *testing.T, w *world, b *broker) {
		there(t, w, b)
		b.bind(t, w.binding("fw", "b", "dmz"))
	}
	failedOne := func(t *testing.T, w *world, b *broker) { b.removed(t, w.removal("fw", "")) }
	failedBinding := func(t *testing.T, w *world, b *broker) {
		if i := b.show(t, "fw"); i.Bindings["b"] != nil {
			out, err := b.Unbind(t.Context(), w.removal("fw", "b"))
			require.NoError(t, err)
			if out.Progress {
				b.wait(t, out.Operation)
			}
		}
	}
	return []kindOfChange{
		{"provision", rotatable, func(t *testing.T, w *world, b *broker) { b.provisioned(t, w.order("ips", "lan")) },
			func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
				return b.Provision(ctx, w.order("fw", "lan", "dmz"))
			}, failedOne, ""},
		{"update", rotatable, bound, func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
			return b.Update(ctx, w.toPlan("fw", "large"))
		}, nil, ""},
		{"bind", rotatable, there, func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
			out, err := b.Bind(ctx, w.binding("fw", "b", "dmz"))
			return out.Outcome, err
		}, failedBinding, ""},
		{"unbind", rotatable, bound, func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
			return b.Unbind(ctx, w.removal("fw", "b"))
		}, nil, ""},
		{"deprovision", rotatable, bound, func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
			return b.Deprovision(ctx, w.removal("fw", ""))
		}, nil, ""},
		{"redirect", redirecting, func(t *testing.T, w *world, b *broker) { b.provisioned(t, w.order("ips", "lan")) },
			func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
				return b.Provision(ctx, w.redirected("fw", 2, web, "lan", "dmz"))
			}, failedOne, ""},
		{"mode", redirecting, there, func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
			return b.Update(ctx, w.toParameters("fw", map[string]any{"mode": "redirect", "members": 2}))
		}, nil, ""},
		{"insert", func(t *testing.T) *world { return newProviderWorld(t) },
			func(t *testing.T, w *world, b *broker) { b.provisioned(t, w.order("ips", "lan")) },
			func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
				return b.Provision(ctx, w.inserted("fw", nil))
			}, func(t *testing.T, w *world, b *broker) {
				r := w.removal("fw", "")
				r.Platform = "operator/admin"
				b.removed(t, r)
			}, "operator/admin"},
		{"sides", func(t *testing.T) *world { return newSides(t, sim.Options{}, "optimiser") },
			func(*testing.T, *world, *broker) {},
			func(ctx context.Context, w *world, b *broker) (provision.Outcome, error) {
				r := w.sides([]string{"lan"}, []string{"server"})
				r.ID = "fw"
				return b.Provision(ctx, r)
			}, failedOne, ""},
		{"bypass", resilient, there, func(ctx context.Context, _ *world, b *broker) (provision.Outcome, error) {
			return b.Bypass(ctx, provision.UpkeepRequest{Instance: "fw", By: "operator/admin"})
		}, nil, ""},
		{"restore", resilient, bypassed, func(ctx context.Context, _ *world, b *broker) (provision.Outcome, error) {
			return b.Restore(ctx, provision.UpkeepRequest{Instance: "fw", By: "operator/admin"})
		}, nil, ""},
		{"respin", resilient, bypassed, func(ctx context.Context, _ *world, b *broker) (provision.Outcome, error) {
			return b.Respin(ctx, provision.UpkeepRequest{Instance: "fw", By: "operator/admin"})
		}, nil, ""},
		{"suspend", resilient, there, func(ctx context.Context, _ *world, b *broker) (provision.Outcome, error) {
			return b.Suspend(ctx, provision.UpkeepRequest{Instance: "fw", By: "operator/admin"}, "unpaid")
		}, nil, ""},
		{"resume", resilient, suspended, func(ctx context.Context, _ *world, b *broker) (provision.Outcome, error) {
			return b.ResumeInstance(ctx, provision.UpkeepRequest{Instance: "fw", By: "operator/admin"}, "")
		}, nil, ""},
	}
}

// tripwire is a cloud that counts the calls that have an effect, and at one of them
// something happens instead.
type tripwire struct {
	cloud.Cloud
	struck, passed chan struct{}

	mu    sync.Mutex // guards calls, at, strike
	calls int
	at    int
	does  func(effect func() error) error
}

func newTripwire(c cloud.Cloud) *tripwire {
	return &tripwire{Cloud: c, struck: make(chan struct{}), passed: make(chan struct{})}
}

func (w *tripwire) arm(at int, does func(effect func() error) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.does = at, does
}

func (w *tripwire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

func (w *tripwire) call(effect func() error) error {
	w.mu.Lock()
	w.calls++
	here := w.calls == w.at
	w.mu.Unlock()
	if !here {
		return effect()
	}
	close(w.struck)
	defer close(w.passed)
	return w.does(effect)
}

func (w *tripwire) Do(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	return w.call(func() error { return w.Cloud.Do(context.WithoutCancel(ctx), tenant, s) })
}

func (w *tripwire) Boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance, s cloud.Server) error {
	return w.call(func() error { return w.Cloud.Boot(context.WithoutCancel(ctx), tenant, a, s) })
}

func (w *tripwire) Dial(ctx context.Context, tenant topology.TenantID, to netip.AddrPort) (c net.Conn, err error) {
	err = w.call(func() error {
		c, err = w.Cloud.Dial(context.WithoutCancel(ctx), tenant, to)
		return err
	})
	return c, err
}

var nameless = regexp.MustCompile(`~[0-9]+|,"mac":"[^"]*"`)

// plainly is the tenant's fabric without what tells one generation from the next.
func plainly(t *testing.T, w *world) string {
	f, err := w.cloud.Observe(context.WithoutCancel(t.Context()), tenant)
	require.NoError(t, err)
	text, err := json.Marshal(f)
	require.NoError(t, err)
	return string(nameless.ReplaceAll(text, nil))
}

// tombstone is the firewall, dead or alive; nothing when it has never been stored.
func (b *broker) tombstone(t *testing.T) provision.Instance {
	i, err := b.Tombstone(context.WithoutCancel(t.Context()), "", "fw")
	if errors.Is(err, fault.NotFound) {
		return provision.Instance{}
	}
	require.NoError(t, err)
	return i
}

// report prints a line, and keeps it for who runs all tests and sees no output of
// those that pass.
func report(t *testing.T, line string) {
	t.Log(line)
	if dir := os.Getenv("BUMPWIRE_REPORTS"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, t.Name()+".txt"), []byte(line), 0o600))
	}
}
