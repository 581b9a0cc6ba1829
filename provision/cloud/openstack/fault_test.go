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
)

func TestAnswersBecomeSentences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		kind   fault.Kind
		text   string
	}{
		"wrong":          {400, `{"NeutronError":{"type":"X","message":"Invalid input for\n cidr","detail":""}}`, fault.Invalid, "cannot make port p: the cloud refused it: Invalid input for cidr"},
		"not known":      {401, `{"error":{"code":401,"message":"The request you have made requires authentication."}}`, fault.Unauthorized, "cannot make port p: the cloud does not know the broker's account"},
		"not allowed":    {403, `{"NeutronError":{"message":"(rule:create_port and rule:x) is disallowed by policy"}}`, fault.Forbidden, "cannot make port p: the broker's account may not do this"},
		"not there":      {404, `{"NeutronError":{"message":"Network 3f could not be found."}}`, fault.NotFound, "cannot make port p: it is not there"},
		"in the way":     {409, `{"NeutronError":{"message":"The subnet is in use."}}`, fault.Conflict, "cannot make port p: the cloud refused it: The subnet is in use."},
		"Neutron's full": {409, `{"NeutronError":{"type":"OverQuota","message":"Quota exceeded for resources: ['port']."}}`, fault.Full, "cannot make port p: the quota of the broker's project is used up. Quota exceeded for resources: ['port']."},
		"Nova's full":    {403, `{"forbidden":{"code":403,"message":"Quota exceeded for cores: Requested 4, but already used 18 of 20 cores"}}`, fault.Full, "cannot make port p: the quota of the broker's project is used up. Quota exceeded for cores: Requested 4, but already used 18 of 20 cores"},
		"too often":      {429, `{"overLimit":{"message":"slow down"}}`, fault.TooMany, "cannot make port p: the cloud is asked too often"},
		"old Nova's":     {413, ``, fault.TooMany, "cannot make port p: the cloud is asked too often"},
		"broken":         {500, `{"NeutronError":{"message":"Request Failed: internal server error at 10.3.2.1"}}`, fault.Unavailable, "cannot make port p: the cloud failed (status 500)"},
		"away":           {503, `<html>`, fault.Unavailable, "cannot make port p: the cloud failed (status 503)"},
		"no text":        {409, `[]`, fault.Conflict, "cannot make port p: the cloud refused it (status 409)"},
	} {
		answer := gophercloud.ErrUnexpectedResponseCode{Actual: test.status, Body: []byte(test.body), ResponseHeader: http.Header{"Retry-After": {"7"}}}
		renewed := &gophercloud.ErrErrorAfterReauthentication{ErrOriginal: &answer}
		for _, err := range []error{answer, fmt.Errorf("wrapped: %w", answer), renewed} {
			got := said("make port p", err)
			require.Equal(t, test.kind, fault.KindOf(got), name)
			require.Equal(t, test.text, fault.Message(got), name)
			require.Equal(t, 7*time.Second, fault.After(got), name)
		}
	}
	require.NoError(t, said("x", nil))
	require.Equal(t, fault.Unavailable, fault.KindOf(said("x", io.ErrUnexpectedEOF)))
	require.ErrorIs(t, said("x", context.Canceled), context.Canceled)
	known := fault.New(fault.Busy, "later")
	require.Same(t, known, said("x", known))
}
