package openstack

import (
	"context"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// Objects signs in to the object store of a cloud; the scope is not needed. The token
// renews itself. Unavailable when the cloud has no object store.
func Objects(ctx context.Context, o Options) (*gophercloud.ServiceClient, error) {
	s, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if s.objects == nil {
		return nil, fault.New(fault.Unavailable, "the cloud's catalog has no object store for this region")
	}
	return s.objects, nil
}
