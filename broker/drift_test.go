package broker_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

func TestDrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provisioned("one")
	ctx := t.Context()
	own := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	other := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "org-2"})
	none, err := w.admin.Drifts(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	d, err := own.RepairDrift(ctx, tenant)
	require.ErrorIs(t, err, fault.Forbidden)
	require.Empty(t, d)

	require.NoError(t, w.cloud.KillAppliance(tenant, "one"))
	d, err = own.Drift(ctx, tenant)
	require.NoError(t, err)
	require.Equal(t, []api.Difference{{
		Difference: topology.Difference{Kind: topology.StoppedAppliance, Thing: "one", Instance: "one", Networks: []topology.NetworkID{"lan"}},
		Text:       "appliance one does not run (traffic of lan)",
	}}, d.Differences)
	require.Contains(t, d.Steps[0], "boot my firewall")
	require.ErrorIs(t, second(other.Drift(ctx, tenant)), fault.NotFound)
	require.ErrorIs(t, second(own.Drifts(ctx)), fault.Forbidden)

	require.NoError(t, w.config.Provision.ReconcileAt(ctx, time.Now(), false))
	require.Contains(t, w.log.String(), "appliance one does not run")
	all, err := w.admin.RepairDrifts(ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.NotEmpty(t, all[0].Repair)
	require.False(t, all[0].Since.IsZero())
	require.Eventually(t, func() bool {
		d, err := w.admin.Drift(ctx, tenant)
		return err == nil && !d.Busy && len(d.Differences) == 0
	}, time.Minute, 10*time.Millisecond)
	events, err := w.admin.Events(ctx, "one")
	require.NoError(t, err)
	require.Equal(t, "the cloud was repaired", events[len(events)-1].Message)
	require.Equal(t, "operator/"+adminName, events[len(events)-1].By)

	resp, err := http.Get(w.server.URL + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	for _, line := range []string{
		`bumpwire_drift_checks_total{result="differs"} 1`, `bumpwire_drift_differences_total{kind="stopped-appliance"} 1`, `bumpwire_drift_repairs_total{result="repaired"} 1`,
	} {
		require.Contains(t, string(text), line)
	}
}
