package broker_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/internal/store/storetest"
	"github.com/bumpwire/bumpwire/provision"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Of many instances the overview shows a page, and says how many are not well without
// that anybody reads on.
func TestTheOverviewOfManyInstancesComesInPages(t *testing.T) {
	t.Parallel()
	driver := storetest.Driver(t)
	w := newWorldOn(t, driver)
	statuses := []provision.HealthStatus{provision.HealthOK, provision.HealthFailing, provision.HealthUnknown, provision.HealthDegraded, provision.HealthBypassed}
	instances := provision.Documents(store.New(driver))
	for n := range 250 {
		id := fmt.Sprintf("i-%03d", n)
		i := provision.Instance{ID: topology.InstanceID(id), Tenant: tenant, State: provision.Active, Health: provision.Health{Status: statuses[n%5]}}
		if n >= 220 {
			i.State = provision.Deleted
		}
		if n%10 == 1 {
			i.Tenant = "other"
		}
		require.NoError(t, instances.Create(t.Context(), id, i))
	}

	o, err := w.admin.Health(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, "degraded", o.Status)
	require.Equal(t, map[string]int{"failing": 44, "degraded": 44, "bypassed": 44}, o.Unwell)
	require.Len(t, o.Instances, 220)

	bad, err := w.admin.Health(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, slices.DeleteFunc(o.Instances, func(i api.InstanceHealth) bool { return i.Status == "ok" || i.Status == "unknown" }), bad.Instances)

	own, err := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant}).Health(t.Context(), true)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"failing": 22, "degraded": 44, "bypassed": 44}, own.Unwell, "those of others are not counted")
	require.Len(t, own.Instances, 110)

	page := w.send("GET", "/v1/health?limit=7&unwell=true", nil, func(r *http.Request) { r.SetBasicAuth(adminName, password) })
	require.Len(t, page.body["instances"], 7)
	require.Equal(t, "i-011", page.body["next"])
	require.Equal(t, http.StatusBadRequest, w.send("GET", "/v1/health?limit=0", nil, func(r *http.Request) { r.SetBasicAuth(adminName, password) }).status)
}

// Of very many events the latest are told, and a tenant's only to that tenant.
func TestTheLatestEventsAreTold(t *testing.T) {
	t.Parallel()
	driver := storetest.Driver(t)
	w := newWorldOn(t, driver)
	instances := provision.Documents(store.New(driver))
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const each, made = 1000, 31
	for n := range made {
		i := provision.Instance{ID: topology.InstanceID(fmt.Sprintf("i-%02d", n)), Tenant: "other", State: provision.Active}
		if n == 0 {
			i.Tenant = tenant
		}
		for e := range each {
			i.History = append(i.History, provision.Event{Seq: e + 1, At: began.Add(time.Duration(e*made+n) * time.Second), State: provision.Active})
		}
		require.NoError(t, instances.Create(t.Context(), string(i.ID), i))
	}
	all, err := w.admin.Events(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 10_000)
	for n, e := range all {
		require.Equal(t, began.Add(time.Duration(each*made-len(all)+n)*time.Second), e.At)
	}
	own, err := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant}).Events(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, own, each)
}
