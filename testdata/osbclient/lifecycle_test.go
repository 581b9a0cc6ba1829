package osbclient_test

import (
	"net/http"
	"testing"
	"time"

	osb "github.com/drycc-addons/go-open-service-broker-client/v2"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

func TestLifecycleByAnotherClient(t *testing.T) {
	config := osb.DefaultClientConfiguration()
	config.URL = started(t)
	config.APIVersion = osb.LatestAPIVersion()
	config.AuthConfig = &osb.AuthConfig{BasicAuthConfig: &osb.BasicAuthConfig{Username: "k8s", Password: password}}
	client, err := osb.NewClient(config)
	require.NoError(t, err)

	catalog, err := client.GetCatalog()
	require.NoError(t, err)
	require.Len(t, catalog.Services, 1)
	service := catalog.Services[0]
	require.True(t, service.InstancesRetrievable && service.BindingsRetrievable && service.Bindable)
	plan := service.Plans[0].ID
	who := &osb.OriginatingIdentity{Platform: osb.PlatformKubernetes, Value: `{"username":"alice","uid":"1","groups":[],"extra":{}}`}
	context := object{"platform": osb.PlatformKubernetes, "namespace": tenant, "clusterid": "c"}

	// provision: refused without, accepted with accepts_incomplete, the same again
	order := &osb.ProvisionRequest{
		InstanceID: "one", ServiceID: service.ID, PlanID: plan, OrganizationGUID: tenant, SpaceGUID: "s",
		Context: context, Parameters: object{"networks": []string{"lan"}}, OriginatingIdentity: who,
	}
	_, err = client.ProvisionInstance(order)
	require.True(t, osb.IsAsyncRequiredError(err), "%v", err)
	order.AcceptsIncomplete = true
	provisioned, err := client.ProvisionInstance(order)
	require.NoError(t, err)
	require.True(t, provisioned.Async)
	poll(t, func() (*osb.LastOperationResponse, error) {
		return client.PollLastOperation(&osb.LastOperationRequest{InstanceID: "one", ServiceID: &service.ID, PlanID: &plan, OperationKey: provisioned.OperationKey})
	})
	again, err := client.ProvisionInstance(order)
	require.NoError(t, err)
	require.False(t, again.Async)
	other := *order
	other.SpaceGUID = "another"
	_, err = client.ProvisionInstance(&other)
	require.True(t, osb.IsConflictError(err), "%v", err)

	// fetch
	instance, err := client.GetInstance(&osb.GetInstanceRequest{InstanceID: "one"})
	require.NoError(t, err)
	require.Equal(t, service.ID, instance.ServiceID)
	require.Equal(t, plan, instance.PlanID)
	require.Equal(t, object{"networks": []any{"lan"}, "failure": "closed"}, instance.Parameters, "what was asked for, and the policy that the package has for it")

	// update: what changes nothing
	updated, err := client.UpdateInstance(&osb.UpdateInstanceRequest{
		InstanceID: "one", ServiceID: service.ID, PlanID: &plan, AcceptsIncomplete: true, Context: context, OriginatingIdentity: who,
		PreviousValues: &osb.PreviousValues{ServiceID: service.ID, PlanID: plan, OrgID: tenant, SpaceID: "s"},
	})
	require.NoError(t, err)
	require.False(t, updated.Async)

	// bind: in the request, and with a network that has to be stitched in
	bind := &osb.BindRequest{InstanceID: "one", BindingID: "b", ServiceID: service.ID, PlanID: plan, AcceptsIncomplete: true, Context: context}
	bound, err := client.Bind(bind)
	require.NoError(t, err)
	require.False(t, bound.Async)
	require.NotEmpty(t, bound.Credentials["password"])
	stitching := *bind
	stitching.BindingID, stitching.Parameters = "dmz", object{"network": "dmz"}
	accepted, err := client.Bind(&stitching)
	require.NoError(t, err)
	require.True(t, accepted.Async)
	pollBinding := func(operation *osb.OperationKey) {
		poll(t, func() (*osb.LastOperationResponse, error) {
			return client.PollBindingLastOperation(&osb.BindingLastOperationRequest{InstanceID: "one", BindingID: "dmz", OperationKey: operation})
		})
	}
	pollBinding(accepted.OperationKey)
	fetched, err := client.GetBinding(&osb.GetBindingRequest{InstanceID: "one", BindingID: "dmz"})
	require.NoError(t, err)
	require.NotEmpty(t, fetched.Credentials)

	// unbind and deprovision; what is gone is gone
	unbound, err := client.Unbind(&osb.UnbindRequest{InstanceID: "one", BindingID: "b", ServiceID: service.ID, PlanID: plan, AcceptsIncomplete: true})
	require.NoError(t, err)
	require.False(t, unbound.Async)
	unbound, err = client.Unbind(&osb.UnbindRequest{InstanceID: "one", BindingID: "dmz", ServiceID: service.ID, PlanID: plan, AcceptsIncomplete: true})
	require.NoError(t, err)
	require.True(t, unbound.Async)
	pollBinding(unbound.OperationKey)
	removal := &osb.DeprovisionRequest{InstanceID: "one", ServiceID: service.ID, PlanID: plan, AcceptsIncomplete: true, OriginatingIdentity: who}
	removed, err := client.DeprovisionInstance(removal)
	require.NoError(t, err)
	require.True(t, removed.Async)
	poll(t, func() (*osb.LastOperationResponse, error) {
		return client.PollLastOperation(&osb.LastOperationRequest{InstanceID: "one", OperationKey: removed.OperationKey})
	})
	_, err = client.GetInstance(&osb.GetInstanceRequest{InstanceID: "one"})
	failed, ok := osb.IsHTTPError(err)
	require.True(t, ok)
	require.Equal(t, http.StatusNotFound, failed.StatusCode)
}

// poll asks until the operation has succeeded.
func poll(t *testing.T, ask func() (*osb.LastOperationResponse, error)) {
	t.Helper()
	for limit := time.Now().Add(2 * time.Minute); ; {
		r, err := ask()
		require.NoError(t, err)
		if r.State == osb.StateSucceeded {
			return
		}
		require.Equal(t, osb.StateInProgress, r.State)
		require.True(t, time.Now().Before(limit), "still in progress")
		<-time.After(20 * time.Millisecond)
	}
}
