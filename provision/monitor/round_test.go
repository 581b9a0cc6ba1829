package monitor_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/seal"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/cloud/sim"
	"github.com/bumpwire/bumpwire/provision/monitor"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// TestARoundComesToEveryInstanceOnce also where they are more than a page: in the end
// each has its verdict, and nobody was looked at twice.
func TestARoundComesToEveryInstanceOnce(t *testing.T) {
	t.Parallel()
	st, quiet := storetest.New(t), slog.New(slog.DiscardHandler)
	offers, err := catalog.New(catalog.Config{Store: st, Dir: t.TempDir(), Log: quiet})
	require.NoError(t, err)
	key, err := seal.NewKey(bytes.Repeat([]byte{1}, 32))
	require.NoError(t, err)
	cloud := sim.New(sim.Options{})
	service := provision.New(provision.Config{Store: st, Catalog: offers, Cloud: cloud, Key: key, Log: quiet,
		Engine: work.New(st, quiet, work.Options{})})

	const instances = 1234
	for n := range instances {
		id := fmt.Sprintf("i-%04d", n)
		require.NoError(t, provision.Documents(st).Create(t.Context(), id, provision.Instance{
			ID: topology.InstanceID(id), Tenant: topology.TenantID("tenant-" + id), State: provision.Active, InPlace: true,
			History: []provision.Event{{Seq: 1, State: provision.Active}},
		}))
	}
	m := monitor.New(service, quiet, monitor.Config{})
	require.NoError(t, m.Round(t.Context()))

	probed := map[topology.TenantID]int{}
	for _, c := range cloud.Calls() {
		probed[c.Tenant]++
	}
	require.Len(t, probed, instances)
	for tenant, times := range probed {
		require.Equal(t, 1, times, tenant)
	}
	unwell, err := service.Instances(t.Context(), provision.Filter{Unwell: true})
	require.NoError(t, err)
	require.Len(t, unwell, instances, "none of them has a machine")
	ended, latest := m.Rounds()
	require.Equal(t, 1, ended)
	require.Positive(t, latest)
}
