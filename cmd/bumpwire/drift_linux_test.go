//go:build linux

package main

import (
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// The machine of a real appliance is killed by hand. The schedule tells so, and on
// demand a new one takes its place in the same network.
func TestAKilledApplianceIsDriftThatIsRepaired(t *testing.T) {
	s := newSite(t)
	t.Setenv("BUMPWIRE_PROVISION_RECONCILE_SCHEDULE", "1s")
	s.start()
	service, plan := s.tenant()
	order := api.OSBProvision{ServiceID: service, PlanID: plan, OrganizationGUID: "acme", SpaceGUID: "s",
		Parameters: []byte(`{"networks":["lan"],"firewall.block-tcp-ports":"23"}`)}
	accepted, err := s.osb.Provision(t.Context(), "fw", order)
	require.NoError(t, err)
	ended, err := s.osb.Wait(t.Context(), "fw", accepted.Operation, nil)
	require.NoError(t, err)
	require.Equal(t, api.Succeeded, ended.State, ended.Description)

	killed := s.guest()
	require.NoError(t, syscall.Kill(killed, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		events, err := s.admin.Events(t.Context(), "fw")
		return err == nil && slices.ContainsFunc(events, func(e api.Event) bool { return strings.Contains(e.Message, "appliance fw does not run") })
	}, time.Minute, 100*time.Millisecond)

	d, err := s.admin.RepairDrift(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, topology.StoppedAppliance, d.Differences[0].Kind)
	require.NotEmpty(t, d.Repair)
	require.Eventually(t, func() bool {
		c, err := s.admin.Change(t.Context(), d.Repair)
		return err == nil && c.Status == "done"
	}, time.Minute, 100*time.Millisecond)
	require.NotEqual(t, killed, s.guest())
	passed, reached, err := s.cloud.Trace(t.Context(), "acme", "h")
	require.NoError(t, err)
	require.True(t, reached)
	require.Equal(t, []topology.ApplianceID{"fw"}, passed)

	gone, err := s.osb.Deprovision(t.Context(), "fw", service, plan)
	require.NoError(t, err)
	ended, err = s.osb.Wait(t.Context(), "fw", gone.Operation, nil)
	require.NoError(t, err)
	require.Equal(t, api.Succeeded, ended.State, ended.Description)
	require.NoError(t, s.admin.DeleteNetwork(t.Context(), "acme", "lan"))
}

// guest is the process of the one appliance that runs.
func (s *site) guest() int {
	s.t.Helper()
	resources, err := s.cloud.Resources(s.t.Context())
	require.NoError(s.t, err)
	for _, r := range resources {
		if r.Kind == "process" {
			pid, err := strconv.Atoi(r.ID)
			require.NoError(s.t, err)
			return pid
		}
	}
	require.Fail(s.t, "no appliance runs")
	return 0
}
