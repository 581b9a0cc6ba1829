package metering_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/metering"
	"github.com/bumpwire/bumpwire/provision"
)

// The appliances on both sides of a symmetric service are one instance of one plan.
func TestASymmetricInstanceIsBilledOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := provided(provision.TenantPays)
		i.Insertion = catalog.Insertion{Topology: "symmetric", Sides: []catalog.Side{{Name: "branch"}, {Name: "datacenter"}}}
		i.Management, i.Others = netip.MustParsePrefix("169.254.0.2/16"), []netip.Prefix{netip.MustParsePrefix("169.254.0.3/16")}
		require.Len(t, i.Appliances(), 2)
		m := newMeter(t, storetest.New(t), &fleet{list: []provision.Instance{i}},
			offers{"service-1": {"s": {price("0.12", "")}}}, metering.Config{})
		time.Sleep(time.Hour + 2*time.Minute)
		closed, err := m.CatchUp(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, closed.Usage)
		require.Equal(t, []string{"tenant-a operator/admin service-1 s guard: 2700 s = 0.09"}, owed(t, m, "tenant-a"))
	})
}
