package sim_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestTheStateFileOutlivesAProcessAndIsShared(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cloud.json")
	first, second := sim.New(sim.Options{Path: path}), sim.New(sim.Options{Path: path})
	prepare(t, first)
	_, err := second.Observe(t.Context(), "a")
	require.NoError(t, err)
	plan := steps(t, first, firewall)
	for i, s := range plan { // the two take turns
		require.NoError(t, do(t.Context(), []*sim.Cloud{first, second}[i%2], s))
	}
	require.NoError(t, first.Close())

	third := sim.New(sim.Options{Path: path})
	require.Empty(t, steps(t, third, firewall))
	m, ok := third.Machine("a", "fw")
	require.True(t, ok)
	require.Equal(t, int64(len(image)), m.Disks[0].Bytes)
	require.Nil(t, m.Environment)
	status, _, err := get(t, third, "a")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.False(t, bytes.Contains(text, []byte("environment")), "the environment may hold secrets")
}

func TestADamagedStateFileIsAProblemAndIsLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cloud.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"tenants": [`), 0o600))
	c := sim.New(sim.Options{Path: path})
	problems := c.Check(t.Context())
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].What, path)
	require.ErrorContains(t, c.CreateNetwork(t.Context(), "a", topology.Network{ID: "V",
		Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.0.0.0/24")}}}), path)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, `{"tenants": [`, string(text))

	require.Empty(t, sim.New(sim.Options{}).Check(t.Context()))
}

func TestProcessesThatShareAStateFileLoseNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cloud.json")
	var writers sync.WaitGroup
	for i := range 16 {
		writers.Go(func() {
			c := sim.New(sim.Options{Path: path}) // its own, as another process has
			n := topology.Network{ID: "V", Subnets: []topology.Subnet{{CIDR: netip.MustParsePrefix("10.0.0.0/24")}}}
			if err := c.CreateNetwork(t.Context(), topology.TenantID(fmt.Sprint(i)), n); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	list, err := sim.New(sim.Options{Path: path}).Resources(t.Context())
	require.NoError(t, err)
	tenants := map[topology.TenantID]bool{}
	for _, r := range list {
		tenants[r.Tenant] = true
	}
	require.Len(t, tenants, 16)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 2, "the state and its lock")
}
