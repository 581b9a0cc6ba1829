//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Variables that make the test binary a broker to be killed.
const (
	victimScope = "BUMPWIRE_TEST_VICTIM"
	victimDir   = "BUMPWIRE_TEST_VICTIM_DIR"
)

// victim inserts and removes two services for ever.
func victim() error {
	ctx := context.Background()
	c, err := New(ctx, Options{Scope: os.Getenv(victimScope), Dir: os.Getenv(victimDir)})
	if err != nil {
		return err
	}
	c.machines = patchbay{}
	for {
		for _, services := range [][]topology.Service{{inPath("wo", 10), inPath("fw", 20)}, nil} {
			if err := c.bring(ctx, "a", services); err != nil {
				return err
			}
		}
	}
}

// bring is converge outside of a test.
func (c *Cloud) bring(ctx context.Context, tenant topology.TenantID, services []topology.Service) error {
	have, err := c.Observe(ctx, tenant)
	if err != nil {
		return err
	}
	want, err := topology.Compose(topology.Base(have), services)
	if err != nil {
		return err
	}
	steps, err := topology.Plan(have, want)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, s := range steps {
		if s.Verb == topology.Boot {
			err = c.Boot(ctx, tenant, *s.Appliance, cloud.Server{})
		} else {
			err = c.Do(ctx, tenant, s)
		}
		var notYet *cloud.NotYet
		for errors.As(err, &notYet) && ctx.Err() == nil { // on a busy machine a probe may be late
			err = c.Do(ctx, tenant, s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func TestABrokerKilledAtAnyInstantLeavesWhatTheNextOneCompletes(t *testing.T) {
	c := newPatched(t)
	village(t, c, "a")
	before := observe(t, c, "a")
	self, err := os.Executable()
	require.NoError(t, err)
	for range 5 {
		after := time.Duration(rand.IntN(1500)) * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), after) // ends in SIGKILL
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), victimScope+"="+c.scope, victimDir+"="+c.dir)
		out, err := cmd.CombinedOutput()
		require.Error(t, ctx.Err(), "it ended by itself: %v %s", err, out)
		cancel()

		f := observe(t, c, "a")
		require.Empty(t, topology.Check(f), "killed after %s", after)
		require.NoError(t, c.bring(t.Context(), "a", []topology.Service{inPath("wo", 10), inPath("fw", 20)}), "killed after %s", after)
		passed, reached, err := c.Trace(t.Context(), "a", "h1")
		require.NoError(t, err)
		require.True(t, reached)
		require.Equal(t, []topology.ApplianceID{"wo", "fw"}, passed)
		require.NoError(t, c.bring(t.Context(), "a", nil))
		require.Equal(t, before, observe(t, c, "a"))
		require.NoError(t, c.withFabric("a", func(v *view) error {
			require.Zero(t, countFilters(t, v), "a short cut stayed")
			return nil
		}))
	}
	require.NoError(t, c.DeleteNetwork(t.Context(), "a", "V"))
	left, err := c.Resources(t.Context())
	require.NoError(t, err)
	require.Empty(t, left)
}
