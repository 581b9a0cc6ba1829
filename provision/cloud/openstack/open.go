package openstack

import (
	"context"

	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Open signs in to a cloud and gives the driver over it, whose effects are seen when
// its calls return. Unauthorized when the cloud does not know the account, Invalid when
// the options name no cloud or no scope.
func Open(ctx context.Context, o Options) (*Steady, error) {
	d, err := newDriver(ctx, o)
	if err != nil {
		return nil, err
	}
	return steady(d), nil
}

func steady(d *Driver) *Steady { return &Steady{d, cloud.Steady{Cloud: watching{d}}} }

// Steady is a driver whose reads do not lag.
type Steady struct {
	*Driver
	over cloud.Steady
}

// Observe reads a tenant's fabric. See cloud.Cloud.
func (s *Steady) Observe(ctx context.Context, t topology.TenantID) (topology.Fabric, error) {
	s.seen.forget(t)
	return s.Driver.Observe(ctx, t)
}

// Do carries out one step. See cloud.Cloud.
func (s *Steady) Do(ctx context.Context, t topology.TenantID, step topology.Step) error {
	return s.over.Do(ctx, t, step)
}

// Boot starts an appliance on its ports. See cloud.Cloud.
func (s *Steady) Boot(ctx context.Context, t topology.TenantID, a topology.Appliance, m cloud.Server) error {
	return s.over.Boot(ctx, t, a, m)
}

// Check lists which of the services are missing that appliances are made with.
func (d *Driver) Check(context.Context) (missing []cloud.Problem) {
	if d.image == nil {
		missing = append(missing, cloud.Problem{What: "the cloud's catalog has no image service for this region", Remedy: "have an operator add Glance to the catalog"})
	}
	if d.volume == nil {
		missing = append(missing, cloud.Problem{What: "the cloud's catalog has no volume service for this region, which appliances get their OVF environment by", Remedy: "have an operator add Cinder to the catalog"})
	}
	return missing
}
