package openstack

import (
	"cmp"
	"errors"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/bumpwire/bumpwire/internal/fault"
)

// A service is one that the driver speaks to.
type service struct {
	name, made string // what it is, and the project of OpenStack that makes it
	open       func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error)
	client     **gophercloud.ServiceClient
	optional   bool
}

// known are the services that the driver speaks to.
func (s *session) known() []service {
	return []service{
		{"identity", "Keystone", openstack.NewIdentityV3, &s.identity, false},
		{"network", "Neutron", openstack.NewNetworkV2, &s.network, false},
		{"compute", "Nova", openstack.NewComputeV2, &s.compute, false},
		{"image", "Glance", openstack.NewImageV2, &s.image, true},
		{"block storage", "Cinder", openstack.NewBlockStorageV3, &s.volume, true},
		{"object store", "Swift", openstack.NewObjectStorageV1, &s.objects, true},
	}
}

// services finds those that the catalog has. Invalid when it has them in several
// regions and none is chosen: each could be another's.
func (s *session) services() error {
	c, err := s.credential()
	if err != nil {
		return err
	}
	if regions := regionsOf(c.Catalog); s.endpoint.Region == "" && len(regions) > 1 {
		return noRegion(regions)
	}
	for _, w := range s.known() {
		if err := s.reach(w); err != nil && !w.optional {
			return err
		}
	}
	return nil
}

// reach finds a service in the catalog, and its version.
func (s *session) reach(w service) error {
	client, err := w.open(s.provider, s.endpoint)
	switch {
	case isAbsent(err):
		return &fault.Error{Kind: fault.Unavailable, Message: "the cloud's catalog has no " + w.name + " service for this region", Err: err}
	case err != nil:
		return said("reach the "+w.name+" service", err)
	}
	if w.client == &s.compute {
		client.Microversion = computeVersion
	}
	*w.client = client
	return nil
}

// isAbsent says that the catalog does not have a service.
func isAbsent(err error) bool {
	var absent *gophercloud.ErrEndpointNotFound
	return errors.As(err, &absent)
}

// regionsOf are those in which a catalog has networks.
func regionsOf(catalog []tokens.CatalogEntry) (list []string) {
	for _, entry := range catalog {
		for _, p := range entry.Endpoints {
			if name := cmp.Or(p.Region, p.RegionID); entry.Type == "network" && name != "" && !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return list
}

// computeVersion is the least that gives servers tags when they are made (Nova,
// Pike).
const computeVersion = "2.52"
