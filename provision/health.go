package provision

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/cloud"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// HealthStatus says how a service is.
type HealthStatus string

const (
	HealthUnknown  HealthStatus = "unknown" // not asked yet, or nothing to ask
	HealthOK       HealthStatus = "ok"
	HealthDegraded HealthStatus = "degraded" // some of its appliances do not answer, and others do the work
	HealthFailing  HealthStatus = "failing"  // no appliance does the work
	HealthBypassed HealthStatus = "bypassed" // traffic gets past the service
)

// Health is the latest verdict on an instance.
type Health struct {
	Status HealthStatus `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Since  time.Time    `json:"since,omitzero"` // of this status
}

// unwell is the health of an instance that is not well; empty for all others, and for
// what was deleted.
func (i Instance) unwell() HealthStatus {
	switch i.Health.Status {
	case HealthDegraded, HealthFailing, HealthBypassed:
		if i.State != Deleted {
			return i.Health.Status
		}
	}
	return ""
}

// DialManagement opens a connection to an address on a tenant's management network.
func (s *Service) DialManagement(ctx context.Context, tenant topology.TenantID, to netip.AddrPort) (net.Conn, error) {
	return s.cloud.Dial(ctx, tenant, to)
}

// Probe says how one of an instance's appliances is, by number. It does not run where
// its tenant has nothing at all.
func (s *Service) Probe(ctx context.Context, i Instance, n int) (cloud.Pulse, error) {
	p, err := s.cloud.Probe(ctx, i.Tenant, i.appliance(n))
	if fault.KindOf(err) == fault.NotFound {
		return cloud.Pulse{}, nil
	}
	return p, err
}
