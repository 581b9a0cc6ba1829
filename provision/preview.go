package provision

import (
	"context"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
	"github.com/bumpwire/bumpwire/provision/work"
)

// Preview says what a provision request would do, and changes nothing.
func (s *Service) Preview(ctx context.Context, r ProvisionRequest) (Preview, error) {
	if r.ID == "" {
		r.ID = "preview"
	}
	i, err := s.draft(ctx, r)
	if err != nil {
		return Preview{}, err
	}
	if i.Management, err = s.managementAddress(ctx, i); err != nil {
		return Preview{}, err
	}
	return s.steps(ctx, r.Tenant, work.ChangeID("preview"), i)
}

// Hosts are the names of the hosts on each of a tenant's networks, where the
// cloud knows them.
func (s *Service) Hosts(ctx context.Context, tenant topology.TenantID) (map[topology.NetworkID][]string, error) {
	names := map[topology.NetworkID][]string{}
	bed, err := s.Testbed()
	if err != nil {
		return names, nil
	}
	hosts, err := bed.Hosts(ctx, tenant)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nil, err
	}
	for _, h := range hosts {
		names[h.Network] = append(names[h.Network], h.Name)
	}
	return names, nil
}

// Testbed is the cloud's means to make tenants' networks, where it has them.
func (s *Service) Testbed() (cloud.Testbed, error) {
	bed, ok := s.cloud.(cloud.Testbed)
	if !ok {
		return nil, fault.New(fault.Invalid, "tenants of the %s cloud make their networks there, not here", s.cloud.Name())
	}
	return bed, nil
}
