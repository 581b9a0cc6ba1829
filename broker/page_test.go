package broker_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// A list in pages of any size is the list, whichever states and indexes it is made of.
func TestInstancesAreListedInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 7 { // some in place, some removed, some on their way
		if n < 5 {
			w.provisioned(fmt.Sprintf("i-%d", n))
			continue
		}
		require.Equal(t, http.StatusAccepted, w.put(fmt.Sprintf("/v2/service_instances/i-%d", n)+incomplete, w.order()).status)
	}
	require.Equal(t, http.StatusAccepted, w.delete("/v2/service_instances/i-3"+w.removal()).status)
	w.settled("/v2/service_instances/i-3", "succeeded")
	for n := 5; n < 7; n++ {
		w.settled(fmt.Sprintf("/v2/service_instances/i-%d", n), "succeeded")
	}
	for _, f := range []api.InstanceFilter{{}, {Tenant: tenant}, {State: "active"}, {State: "deleted"}, {Tenant: "nobody"}} {
		whole, err := w.admin.Instances(t.Context(), f)
		require.NoError(t, err)
		for page := 1; page < 9; page++ {
			f.Page = page
			paged, err := w.admin.Instances(t.Context(), f)
			require.NoError(t, err)
			require.Equal(t, whole, paged)
		}
	}
	all, err := w.admin.Instances(t.Context(), api.InstanceFilter{})
	require.NoError(t, err)
	require.Len(t, all, 6)
	_, err = w.admin.Instances(t.Context(), api.InstanceFilter{Page: 1001})
	require.ErrorIs(t, err, fault.Invalid)
}
