package broker_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/broker/api"
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
)

// insertable publishes the firewall as one that operators can insert, too.
func (w *world) insertable(managers ...string) {
	w.t.Helper()
	var err error
	w.service, err = w.catalog.Publish(w.t.Context(), w.service.ID, &catalog.Insertion{ManagedBy: managers})
	require.NoError(w.t, err)
}

// inserted has the operator insert a service for the tenant.
func (w *world) inserted(n api.NewInsertion) {
	w.t.Helper()
	n.Tenant, n.Service = tenant, "example-firewall"
	made, err := w.admin.InsertInstance(w.t.Context(), n)
	require.NoError(w.t, err)
	require.NoError(w.t, api.Wait(w.t.Context(), func(ctx context.Context) (api.Operation, error) { return w.admin.Operation(ctx, made.Instance) }, 1, nil))
}

func TestTheProvidersServiceIsSeenByTheTenantAndNotTouched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.insertable("tenant", "provider")
	w.run()
	ctx := t.Context()
	w.inserted(api.NewInsertion{NewInstance: api.NewInstance{ID: "guard", Name: "perimeter"}})
	require.NoError(t, second(w.admin.CreateBinding(ctx, "guard", api.NewBinding{ID: "b"})))
	alice := w.user(api.NewUser{Name: "alice", Role: api.Tenant, Tenant: tenant})
	bob := w.user(api.NewUser{Name: "bob", Role: api.Tenant, Tenant: "org-2"})

	full, err := w.admin.Instance(ctx, "guard")
	require.NoError(t, err)
	require.Equal(t, "provider", full.ManagedBy)
	require.Equal(t, "operator", full.Bill)
	require.Equal(t, []string{"dmz", "lan"}, full.Networks)
	require.NotEmpty(t, full.Management)
	require.Len(t, full.Bindings, 1)

	// seen
	i, err := alice.Instance(ctx, "guard")
	require.NoError(t, err)
	require.Equal(t, "provider", i.ManagedBy)
	require.Equal(t, "active", i.State)
	require.Empty(t, i.Management)
	require.Empty(t, i.Parameters)
	require.Empty(t, i.Bindings)
	listed, err := alice.Instances(ctx, api.InstanceFilter{})
	require.NoError(t, err)
	require.Equal(t, []api.Instance{i}, listed)
	health, err := alice.Health(ctx, false)
	require.NoError(t, err)
	require.Len(t, health.Instances, 1)
	events, err := alice.Events(ctx, "")
	require.NoError(t, err)
	require.NotEmpty(t, events)
	f, err := alice.Topology(ctx, tenant)
	require.NoError(t, err)
	require.True(t, f.Appliances[0].Provider)

	// not touched
	for what, err := range map[string]error{
		"update":         second(alice.UpdateInstance(ctx, "guard", api.InstanceUpdate{Name: "mine"})),
		"delete":         second(alice.DeleteInstance(ctx, "guard")),
		"bind":           second(alice.CreateBinding(ctx, "guard", api.NewBinding{})),
		"unbind":         second(alice.DeleteBinding(ctx, "guard", "b")),
		"credentials":    second(alice.Binding(ctx, "guard", "b")),
		"operation of b": second(alice.BindingOperation(ctx, "guard", "b")),
		"bypass":         second(alice.BypassInstance(ctx, "guard")),
		"restore":        second(alice.RestoreInstance(ctx, "guard")),
		"suspend":        second(alice.SuspendInstance(ctx, "guard", api.Suspension{})),
		"resume":         second(alice.ResumeInstance(ctx, "guard", api.Suspension{})),
		"respin":         second(alice.RespinInstance(ctx, "guard", api.Respin{})),
		"plan update":    second(alice.Preview(ctx, api.PreviewRequest{Update: &api.UpdateTrial{Instance: "guard", InstanceUpdate: api.InstanceUpdate{Name: "x"}}})),
		"plan delete":    second(alice.Preview(ctx, api.PreviewRequest{Delete: &api.Removal{Instance: "guard"}})),
		"plan insert":    second(alice.Preview(ctx, api.PreviewRequest{Insert: &api.NewInsertion{}})),
		"insert":         second(alice.InsertInstance(ctx, api.NewInsertion{})),
	} {
		require.ErrorIs(t, err, fault.Forbidden, what)
	}
	for what, err := range map[string]error{
		"show": second(bob.Instance(ctx, "guard")), "update": second(bob.UpdateInstance(ctx, "guard", api.InstanceUpdate{Name: "x"})),
		"delete": second(bob.DeleteInstance(ctx, "guard")), "credentials": second(bob.Binding(ctx, "guard", "b")),
	} {
		require.ErrorIs(t, err, fault.NotFound, what)
	}

	// to platforms it is an id that they do not know
	guard := "/v2/service_instances/guard"
	query := fmt.Sprintf("?accepts_incomplete=true&service_id=%s&plan_id=%s", w.service.ID, w.plan("small"))
	require.Equal(t, 404, w.get(guard).status)
	require.Equal(t, 404, w.get(guard+"/last_operation").status)
	require.Equal(t, 404, w.get(guard+"/service_bindings/b").status)
	require.Equal(t, w.get("/v2/service_instances/nobody").text, strings.ReplaceAll(w.get(guard).text, "guard", "nobody"), "as one that there never was")
	require.Equal(t, 410, w.delete(guard+query).status)
	require.Equal(t, 410, w.delete(guard+"/service_bindings/b"+query).status)
	require.Equal(t, 409, w.put(guard+incomplete, w.order()).status, "ids are unique")

	require.NoError(t, second(w.admin.DeleteInstance(ctx, "guard")))
	require.NoError(t, api.Wait(ctx, func(ctx context.Context) (api.Operation, error) { return w.admin.Operation(ctx, "guard") }, 1, nil))
	require.ErrorIs(t, second(alice.Instance(ctx, "guard")), fault.NotFound)
}

func TestInsertionsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.insertable("tenant", "provider")
	for body, says := range map[string]string{
		`{"service":"example-firewall"}`:                                                                       "a tenant's name has 1 to 255",
		`{"service":"example-firewall","tenant":"@operator"}`:                                                  `a tenant's name does not begin with "@"`,
		`{"service":"example-firewall","tenant":"org-1","bill":"aunt"}`:                                        "who is billed is one of tenant, operator and none",
		`{"service":"example-firewall","tenant":"org-1","networks":["wan"]}`:                                   `tenant "org-1" has no network "wan"`,
		`{"service":"example-firewall","tenant":"org-1","parameters":[]}`:                                      "parameters must be a JSON object",
		`{"service":"example-firewall","tenant":"org-1","networks":["lan"],"parameters":{"networks":["lan"]}}`: "networks are named twice",
	} {
		r := w.send("POST", "/v1/insertions", body, func(r *http.Request) { r.SetBasicAuth(adminName, password) })
		require.Equal(t, 400, r.status, "%s: %s", body, r.text)
		require.Contains(t, r.body["message"], says, body)
	}
}

// What only the provider inserts is nothing for platforms to offer.
func TestThePlatformsCatalogIsForTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Contains(t, w.get("/v2/catalog").text, "example-firewall")
	w.insertable("provider")
	require.NotContains(t, w.get("/v2/catalog").text, "example-firewall")
	r := w.put(one+incomplete, w.order())
	require.Equal(t, 400, r.status)
	require.Contains(t, r.body["description"], "managed by the provider only")
}
