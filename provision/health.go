package provision

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// HealthStatus is a verdict on an appliance.
type HealthStatus string

const (
	HealthUnknown HealthStatus = "unknown" // not asked yet, or nothing to ask
	HealthOK      HealthStatus = "ok"
	HealthFailing HealthStatus = "failing"
)

// Health is the latest verdict on an instance's appliance.
type Health struct {
	Status HealthStatus `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Since  time.Time    `json:"since,omitzero"` // of this status
}

// RecordHealth keeps a verdict if it differs from the last one, and notes the
// turn in the instance's history.
func (s *Service) RecordHealth(ctx context.Context, id topology.InstanceID, status HealthStatus, detail string) error {
	_, err := s.instances.Update(ctx, string(id), func(i Instance) (Instance, error) {
		if i.State != Active || i.Health.Status == status && i.Health.Detail == detail {
			return i, store.Unchanged
		}
		if i.Health.Status != status {
			i.Health.Since = time.Now().UTC()
			i.note("", "health is "+string(status), "")
		}
		i.Health.Status, i.Health.Detail = status, detail
		return i, nil
	})
	return err
}

// DialManagement opens a connection to an address on a tenant's management network.
func (s *Service) DialManagement(ctx context.Context, tenant topology.TenantID, to netip.AddrPort) (net.Conn, error) {
	return s.cloud.Dial(ctx, tenant, to)
}
