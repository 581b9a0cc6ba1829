package openstack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// answers are errors as the services give them, and what a tenant is told.
var answers = map[string]struct {
	status int
	body   string
	kind   fault.Kind
	text   string
}{
	// Neutron
	"N wrong":            {400, `{"NeutronError":{"type":"InvalidInput","message":"Invalid input for operation: fixed_ips of\n 10.0.0.7","detail":""}}`, fault.Invalid, "the cloud refused it (status 400); the operator's log says why"},
	"N wrong, by webob":  {400, `{"NeutronError":{"type":"HTTPBadRequest","message":"Unrecognized attribute(s) 'secret'","detail":""}}`, fault.Invalid, "the cloud refused it (status 400); the operator's log says why"},
	"N overlap":          {400, `{"NeutronError":{"type":"BadRequest","message":"Bad router request: Cidr 10.1.0.0/24 of subnet 7d1f overlaps with cidr 10.1.0.0/24 of subnet 9a2b.","detail":""}}`, fault.Conflict, "the gateway or the network has a range already that overlaps this one"},
	"N policy":           {403, `{"NeutronError":{"type":"PolicyNotAuthorized","message":"(rule:create_port and (rule:update_quota)) is disallowed by policy","detail":""}}`, fault.Forbidden, "the broker's account may not do this"},
	"N missing":          {404, `{"NeutronError":{"type":"NetworkNotFound","message":"Network 3f0c could not be found.","detail":""}}`, fault.NotFound, "it is not there"},
	"N no way out":       {404, `{"NeutronError":{"type":"ExternalGatewayForFloatingIPNotFound","message":"External network 1c is not reachable from subnet 9a. Therefore, cannot associate Port 4d with a Floating IP.","detail":""}}`, fault.NotFound, "no gateway joins the floating IP's network to this one"},
	"N port used":        {409, `{"NeutronError":{"type":"PortInUse","message":"Unable to complete operation on port 4d for network 3f. Port already has an attached device 77.","detail":""}}`, fault.Conflict, "the port is in use"},
	"N address":          {409, `{"NeutronError":{"type":"IpAddressAlreadyAllocated","message":"IP address 10.1.0.1 already allocated in subnet 9a","detail":""}}`, fault.Conflict, "another port of the network has the address"},
	"N MAC":              {409, `{"NeutronError":{"type":"MacAddressInUse","message":"Unable to complete operation for network 3f. The mac address fa:16:3e:00:00:01 is in use.","detail":""}}`, fault.Conflict, "another port of the network has the hardware address"},
	"N no address":       {409, `{"NeutronError":{"type":"IpAddressGenerationFailure","message":"No more IP addresses available on network 3f.","detail":""}}`, fault.Full, "the network has no free address left"},
	"N network used":     {409, `{"NeutronError":{"type":"NetworkInUse","message":"Unable to complete operation on network 3f. There are one or more ports still in use on the network.","detail":""}}`, fault.Conflict, "ports are still on the network"},
	"N floating IP":      {409, `{"NeutronError":{"type":"RouterInterfaceInUseByFloatingIP","message":"Router interface for subnet 9a on router 5e cannot be deleted, as it is required by one or more floating IPs.","detail":""}}`, fault.Conflict, "hosts behind the gateway have floating IPs; take them off, and put them back after"},
	"N route":            {409, `{"NeutronError":{"type":"RouterInterfaceInUseByRoute","message":"Router interface for subnet 9a on router 5e cannot be deleted, as it is required by one or more routes.","detail":""}}`, fault.Conflict, "a route of the gateway goes by way of this network; take it off, and put it back after"},
	"N router used":      {409, `{"NeutronError":{"type":"RouterInUse","message":"Router 5e is in use by VPNaaS","detail":""}}`, fault.Conflict, "another service of the cloud (a load balancer, VPN, firewall, proxy or chain) leans on the gateway's port"},
	"N quota":            {409, `{"NeutronError":{"type":"OverQuota","message":"Quota exceeded for resources: ['port'].","detail":""}}`, fault.Full, "the quota for ports of the broker's project is used up"},
	"N quotas":           {409, `{"NeutronError":{"type":"OverQuota","message":"Quota exceeded for resources: ['network', 'subnet'].","detail":""}}`, fault.Full, "the quota for networks, subnets of the broker's project is used up"},
	"N revision":         {412, `{"NeutronError":{"type":"RevisionNumberConstraintFailed","message":"Constrained to 3, but current revision is 4","detail":""}}`, fault.Conflict, "something else in the cloud is in the way (status 412); the operator's log says what"},
	"N unknown conflict": {409, `{"NeutronError":{"type":"PortBindingError","message":"Binding for port 4d on host 10.0.0.7 could not be done","detail":""}}`, fault.Conflict, "something else in the cloud is in the way (status 409); the operator's log says what"},
	"N plain":            {409, `{"NeutronError":"Port 4d of 10.0.0.7"}`, fault.Conflict, "something else in the cloud is in the way (status 409); the operator's log says what"},
	"N networks":         {503, `{"NeutronError":{"type":"NoNetworkAvailable","message":"Unable to create the network. No tenant network is available for allocation.","detail":""}}`, fault.Unavailable, "the cloud failed (status 503)"},
	"N broken":           {500, `{"NeutronError":{"type":"HTTPInternalServerError","message":"Request Failed: internal server error at 10.0.0.7","detail":""}}`, fault.Unavailable, "the cloud failed (status 500)"},
	// Nova
	"V quota":      {403, `{"forbidden":{"code":403,"message":"Quota exceeded for cores: Requested 4, but already used 18 of 20 cores"}}`, fault.Full, "quota for vCPUs is 20, 18 used, this needs 4"},
	"V quotas":     {403, `{"forbidden":{"code":403,"message":"Quota exceeded for cores, ram: Requested 4, 8192, but already used 18, 1024 of 20, 2048 cores, ram"}}`, fault.Full, "quota for vCPUs is 20, 18 used, this needs 4; quota for MiB of memory is 2048, 1024 used, this needs 8192"},
	"V groups":     {403, `{"forbidden":{"code":403,"message":"Quota exceeded, too many server groups."}}`, fault.Full, "the quota for server groups of the broker's project is used up"},
	"V policy":     {403, `{"forbidden":{"code":403,"message":"Policy doesn't allow os_compute_api:os-flavor-manage:create to be performed."}}`, fault.Forbidden, "the broker's account may not do this"},
	"V port":       {400, `{"badRequest":{"code":400,"message":"Port 4d is still in use."}}`, fault.Invalid, "the port is in use"},
	"V no address": {400, `{"badRequest":{"code":400,"message":"Port 4d requires a FixedIP in order to be used."}}`, fault.Invalid, "this cloud starts no server whose port has no address; an operator can change that by Neutron's segments service"},
	"V disk":       {400, `{"badRequest":{"code":400,"message":"Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image is 2147483648 bytes."}}`, fault.Invalid, "the disk of its size is too small for the image"},
	"V busy":       {409, `{"conflictingRequest":{"code":409,"message":"Cannot 'detach_interface' instance 77 while it is in task_state deleting"}}`, fault.Busy, "the server is at something else"},
	"V often":      {429, `{"overLimit":{"code":429,"message":"This request was rate-limited.","retryAfter":"7"}}`, fault.TooMany, "the cloud is asked too often"},
	"V old":        {413, ``, fault.TooMany, "the cloud is asked too often"},
	"V broken":     {500, `{"computeFault":{"code":500,"message":"Unexpected API Error. <class 'oslo_db.exception.DBConnectionError'> mysql://nova:secret@10.0.0.7"}}`, fault.Unavailable, "the cloud failed (status 500)"},
	// Cinder
	"C volumes": {413, `{"overLimit":{"code":413,"message":"VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota 'volumes'.","retryAfter":"0"}}`, fault.Full, "quota for volumes is 10, and all are used"},
	"C size":    {413, `{"overLimit":{"code":413,"message":"VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested 5G, quota is 1000G and 998G has been consumed.","retryAfter":"0"}}`, fault.Full, "quota for GiB of volumes is 1000, 998 used, this needs 5"},
	"C state":   {400, `{"badRequest":{"code":400,"message":"Invalid volume: Volume status must be available or error or error_restoring, but current status is: in-use."}}`, fault.Busy, "the volume is in use or at something else"},
	// Glance
	"G page":  {409, "<html>\n <head>\n  <title>409 Conflict</title>\n </head>\n <body>\n  <h1>409 Conflict</h1>\n  Image 12 at 10.0.0.7<br /><br />\n </body>\n</html>", fault.Conflict, "something else in the cloud is in the way (status 409); the operator's log says what"},
	"G used":  {409, `{"message":"Image 12 could not be deleted because it is in use: The image cannot be deleted because it is in use through the backend store outside of Glance.<br /><br />","code":"409 Conflict","title":"Conflict"}`, fault.Conflict, "the image is in use"},
	"G quota": {413, `{"message":"Denying attempt to upload image because it exceeds the quota: The size of the data 10 will exceed the limit. 5 bytes remaining.<br /><br />","code":"413 Request Entity Too Large","title":"Request Entity Too Large"}`, fault.Full, "a quota of the broker's project is used up"},
	"G limit": {413, `{"message":"User 5e is over limit for [Resource image_count_total is over limit of 10 due to current usage 10 and delta 1]<br /><br />","code":"413 Request Entity Too Large","title":"x"}`, fault.Full, "quota for images is 10, 10 used, this needs 1"},
	// Keystone
	"K who":     {401, `{"error":{"code":401,"message":"The request you have made requires authentication.","title":"Unauthorized"}}`, fault.Unauthorized, "the cloud does not know the broker's account"},
	"K policy":  {403, `{"error":{"code":403,"message":"You are not authorized to perform the requested action: identity:list_projects.","title":"Forbidden"}}`, fault.Forbidden, "the broker's account may not do this"},
	"K twice":   {409, `{"error":{"code":409,"message":"Conflict occurred attempting to store project - it is not permitted to have two projects with the same name in the same domain : secret.","title":"Conflict"}}`, fault.Conflict, "something else in the cloud is in the way (status 409); the operator's log says what"},
	"K missing": {404, `{"error":{"code":404,"message":"Could not find project: 5e.","title":"Not Found"}}`, fault.NotFound, "it is not there"},
	// what stands before them
	"proxy":   {503, `<html><body>No server is available at 10.0.0.7</body></html>`, fault.Unavailable, "the cloud failed (status 503)"},
	"gateway": {504, ``, fault.Unavailable, "the cloud failed (status 504)"},
	"no text": {409, `[]`, fault.Conflict, "something else in the cloud is in the way (status 409); the operator's log says what"},
	"odd":     {418, `{"x":{"message":"secret"}}`, fault.Internal, "the cloud refused it (status 418); the operator's log says why"},
}

func TestAnswersBecomeSentences(t *testing.T) {
	t.Parallel()
	for name, test := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := gophercloud.ErrUnexpectedResponseCode{Actual: test.status, Body: []byte(test.body), ResponseHeader: http.Header{"Retry-After": {"7"}}}
			renewed := &gophercloud.ErrErrorAfterReauthentication{ErrOriginal: &answer}
			for _, err := range []error{answer, fmt.Errorf("wrapped: %w", answer), renewed} {
				got := said("make port p", err)
				require.Equal(t, test.kind, fault.KindOf(got))
				require.Equal(t, "cannot make port p: "+test.text, fault.Message(got))
				require.Equal(t, 7*time.Second, fault.After(got))
				for _, raw := range []string{"secret", "10.0.0.7", "{", "<", "mysql"} {
					require.NotContains(t, fault.Message(got), raw)
				}
			}
		})
	}
}

func TestErrorsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	require.NoError(t, said("x", nil))
	require.NoError(t, listing("ports", nil))
	require.Equal(t, fault.Unavailable, fault.KindOf(said("x", io.ErrUnexpectedEOF)))
	require.Equal(t, "cannot x: the cloud does not answer", fault.Message(said("x", io.ErrUnexpectedEOF)))
	require.ErrorIs(t, said("x", context.Canceled), context.Canceled)
	known := fault.New(fault.Busy, "later")
	require.Same(t, known, said("x", known))
}

// A token that cannot be renewed because Keystone is away is no account that is gone.
func TestATokenThatCannotBeRenewedForNow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cause error
		kind  fault.Kind
		text  string
	}{
		"away":       {gophercloud.ErrUnexpectedResponseCode{Actual: 503}, fault.Unavailable, "cannot x: the token has expired, and the cloud's identity service gives no other at the moment"},
		"no answer":  {io.ErrUnexpectedEOF, fault.Unavailable, "cannot x: the token has expired, and the cloud's identity service gives no other at the moment"},
		"too often":  {gophercloud.ErrUnexpectedResponseCode{Actual: 429}, fault.TooMany, "cannot x: the token has expired, and the cloud's identity service gives no other at the moment"},
		"not known":  {gophercloud.ErrUnexpectedResponseCode{Actual: 401}, fault.Unauthorized, "cannot x: the cloud does not let the broker's account sign in again"},
		"locked out": {gophercloud.ErrUnexpectedResponseCode{Actual: 403}, fault.Unauthorized, "cannot x: the cloud does not let the broker's account sign in again"},
	} {
		got := said("x", &gophercloud.ErrUnableToReauthenticate{ErrOriginal: gophercloud.ErrUnexpectedResponseCode{Actual: 401}, ErrReauth: test.cause})
		require.Equal(t, test.kind, fault.KindOf(got), name)
		require.Equal(t, test.text, fault.Message(got), name)
	}
}

// A list that is not found is a service that fails. To take it for an empty one would
// be to take what is in it for gone.
func TestAListThatIsNotFoundIsNoEmptyOne(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"v2.0/networks", "v2.0/ports", "v2.0/subnets", "v2.0/routers", "compute/v2.1/servers/detail"} {
		s := newSite(t)
		s.converge(s.fw)
		steps := s.plan()
		s.fake.fault = func(method, p string) int {
			if method == http.MethodGet && p == path {
				return http.StatusNotFound
			}
			return 0
		}
		_, err := s.d.Observe(t.Context(), s.tenant)
		require.Equal(t, fault.Unavailable, fault.KindOf(err), path)
		for _, step := range steps {
			if step.Verb == topology.DeletePort || step.Verb == topology.DeleteNetwork {
				require.Equal(t, fault.Unavailable, fault.KindOf(s.d.Do(t.Context(), s.tenant, step)), "%s: %s", path, step)
			}
		}
	}
}

// Neutron does not tell the numbers of a quota that is used up; they are looked up.
func TestAQuotaThatIsUsedUpOnTheWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.fake.limits = map[string]thing{"network": {"port": thing{"limit": 50, "used": 50, "reserved": 0}}}
	s.fake.refused = func(method, path string) *refusal {
		if method == http.MethodPost && path == "v2.0/ports" {
			return refuse(http.StatusConflict, "OverQuota", "Quota exceeded for resources: ['port'].")
		}
		return nil
	}
	for _, step := range s.plan(s.fw) {
		err := s.do(step)
		if step.Verb != topology.CreatePort {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, fault.Full, fault.KindOf(err))
		require.Equal(t, "cannot make port "+string(step.Leg.Port)+": quota for ports is 50, 50 used, this plan needs 1", fault.Message(err))
		return
	}
	require.FailNow(t, "no port is made")
}
