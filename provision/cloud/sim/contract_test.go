package sim_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/cloud/cloudtest"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestContract(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, func(t *testing.T) cloudtest.Bed { return bed(t, sim.New(sim.Options{BootAwaits: 2})) })
}

func TestContractWithLatencyAndBootTime(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, func(t *testing.T) cloudtest.Bed {
		t.Parallel()
		return bed(t, sim.New(sim.Options{Latency: time.Millisecond, BootTime: 20 * time.Millisecond}))
	})
}

// A cloud whose reads lag behind its writes meets the contract with cloud.Steady.
func TestContractWithReadsThatLag(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, func(t *testing.T) cloudtest.Bed {
		t.Parallel()
		c := sim.New(sim.Options{Lag: 2, BootAwaits: 1})
		b := bed(t, c)
		b.Cloud = steadyBed{Testbed: c, steady: cloud.Steady{Cloud: c, Every: time.Microsecond}}
		return b
	})
}

func TestReadsThatLagShowWhatWasSo(t *testing.T) {
	t.Parallel()
	c := sim.New(sim.Options{Lag: 2})
	step := topology.Step{Verb: topology.CreateNetwork, Network: &topology.Network{ID: "seg", Name: "seg", Role: topology.RoleSegment}}
	require.NoError(t, c.Do(t.Context(), "acme", step))
	for _, networks := range []int{0, 0, 1} {
		f, err := c.Observe(t.Context(), "acme")
		require.NoError(t, err)
		require.Len(t, f.Networks, networks)
	}
}

// steadyBed is a testbed that is used steadily.
type steadyBed struct {
	cloud.Testbed
	steady cloud.Steady
}

func (b steadyBed) Do(ctx context.Context, tenant topology.TenantID, s topology.Step) error {
	return b.steady.Do(ctx, tenant, s)
}

func (b steadyBed) Boot(ctx context.Context, tenant topology.TenantID, a topology.Appliance, s cloud.Server) error {
	return b.steady.Boot(ctx, tenant, a, s)
}

func (b steadyBed) Counters(ctx context.Context, tenant topology.TenantID, a topology.ApplianceID) ([]topology.Counter, error) {
	counts, _ := cloud.CountingOf(b.steady)
	return counts.Counters(ctx, tenant, a)
}

func TestContractOverAStateFile(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, func(t *testing.T) cloudtest.Bed {
		return bed(t, sim.New(sim.Options{Path: filepath.Join(t.TempDir(), "cloud.json")}))
	})
}

// Every other call of a verb fails, before or after its effect. A caller that
// tries again sees a cloud that meets the contract all the same.
func TestContractUnderFaults(t *testing.T) {
	t.Parallel()
	for _, verb := range append(verbs(), sim.Observe, sim.Dial, sim.Resources) {
		for when, name := range map[sim.When]string{sim.BeforeEffect: "before", sim.AfterEffect: "after"} {
			t.Run(fmt.Sprintf("%s/%s its effect", verb, name), func(t *testing.T) {
				t.Parallel()
				cloudtest.Run(t, func(t *testing.T) cloudtest.Bed {
					c := sim.New(sim.Options{Faults: []sim.Fault{{Verb: verb, When: when, Times: -1, Match: everyOther()}}})
					b := bed(t, c)
					b.Cloud = stubborn{c}
					return b
				})
			})
		}
	}
}

func verbs() []topology.Verb {
	return []topology.Verb{topology.CreateNetwork, topology.CreatePort, topology.Boot, topology.Await,
		topology.Move, topology.Shutdown, topology.DeletePort, topology.DeleteNetwork}
}

func everyOther() func(sim.Call) bool {
	n := 0
	return func(sim.Call) bool {
		n++
		return n%2 == 1
	}
}

// bed tests a cloud, which must never have been brought into an unsafe state.
func bed(t *testing.T, c *sim.Cloud) cloudtest.Bed {
	t.Cleanup(func() {
		require.Empty(t, c.Violations())
		require.NoError(t, c.Close())
	})
	return cloudtest.Bed{
		Cloud: c, Server: server, BootTimeout: time.Minute,
		Health: netip.MustParseAddrPort("10.255.0.10:8080"),
	}
}

// stubborn tries again what was Unavailable.
type stubborn struct{ *sim.Cloud }

func again(try func() error) (err error) {
	for range 20 {
		if err = try(); !errors.Is(err, fault.Unavailable) {
			return err
		}
	}
	return err
}

func (s stubborn) Observe(ctx context.Context, t topology.TenantID) (f topology.Fabric, err error) {
	err = again(func() error { f, err = s.Cloud.Observe(ctx, t); return err })
	return f, err
}

func (s stubborn) Do(ctx context.Context, t topology.TenantID, step topology.Step) error {
	return again(func() error { return s.Cloud.Do(ctx, t, step) })
}

func (s stubborn) Boot(ctx context.Context, t topology.TenantID, a topology.Appliance, with cloud.Server) error {
	return again(func() error { return s.Cloud.Boot(ctx, t, a, with) })
}

func (s stubborn) Resources(ctx context.Context) (list []cloud.Resource, err error) {
	err = again(func() error { list, err = s.Cloud.Resources(ctx); return err })
	return list, err
}

// Whichever step of an insertion or removal fails for good, undoing it and all
// before it gives back what there was.
func TestAFailedPlanIsUndoneWithoutATrace(t *testing.T) {
	t.Parallel()
	for _, removal := range []bool{false, true} {
		for at := range planned(t, fresh(t, removal), removal) {
			for when, name := range map[sim.When]string{sim.BeforeEffect: "before", sim.AfterEffect: "after"} {
				t.Run(fmt.Sprintf("removal %v/step %d/%s its effect", removal, at+1, name), func(t *testing.T) {
					t.Parallel()
					c := fresh(t, removal)
					before, err := c.Observe(t.Context(), "a")
					require.NoError(t, err)
					plan := planned(t, c, removal)
					for _, s := range plan[:at] {
						require.NoError(t, patiently(t, c, s))
					}
					c.Inject(sim.Fault{Verb: plan[at].Verb, When: when})
					require.ErrorIs(t, patiently(t, c, plan[at]), fault.Unavailable)
					for _, s := range slices.Backward(plan[:at+1]) {
						if back, ok := s.Inverse(); ok {
							require.NoError(t, patiently(t, c, back), "%s", back)
						}
					}
					after, err := c.Observe(t.Context(), "a")
					require.NoError(t, err)
					require.Equal(t, before, after)
					require.Empty(t, c.Violations())
				})
			}
		}
	}
}

// fresh is a cloud without or with the firewall in place.
func fresh(t *testing.T, inserted bool) *sim.Cloud {
	c := sim.New(sim.Options{})
	prepare(t, c)
	if inserted {
		insert(t, c)
	}
	return c
}

// planned are the steps that insert or remove the firewall.
func planned(t *testing.T, c *sim.Cloud, removal bool) []topology.Step {
	if removal {
		return steps(t, c)
	}
	return steps(t, c, firewall)
}
